"""autoboot.txt: the slot that the firmware starts, and the one that it tries once."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from appliance_image.errors import Refused
from appliance_image.slots import Slot

if TYPE_CHECKING:
    from pathlib import Path

SIZE = 256
"""Bytes: always as many, within one sector, so that a change is one write of the card."""


def text_of(committed: Slot) -> bytes:
    """The whole file, filled up with a comment."""
    lines = (
        "[all]",
        "tryboot_a_b=1",
        f"boot_partition={committed.boot_partition}",
        "[tryboot]",
        f"boot_partition={committed.other.boot_partition}",
        "# Written by appliance-slot; one sector, changed in one write. ",
    )
    text = "\n".join(lines)
    return (text + "." * (SIZE - len(text) - 1) + "\n").encode()


def committed_slot(path: Path) -> Slot:
    """The slot that is started when nothing is being tried.

    Raises:
        Refused: the file is not there, or does not say.

    """
    try:
        text = path.read_bytes().decode("ascii", "replace")
    except OSError as error:
        raise Refused(f"{path} cannot be read: {error.strerror}") from error
    section = "all"
    for line in text.splitlines():
        stripped = line.strip()
        if stripped.startswith("["):
            section = stripped.strip("[]")
        elif section == "all" and stripped.startswith("boot_partition="):
            number = stripped.partition("=")[2].strip()
            for slot in Slot:
                if number == str(slot.boot_partition):
                    return slot
    raise Refused(f"{path} does not say which slot is started; see `appliance-slot commit`.")


def commit(path: Path, slot: Slot) -> None:
    """From now on this slot is started. A power cut leaves the old file or the new one.

    Where the file has its usual size it is overwritten in place: on vfat that touches one sector
    of data, and neither the directory nor the allocation table.
    """
    content = text_of(slot)
    if path.exists() and path.stat().st_size == SIZE:
        handle = os.open(path, os.O_WRONLY | os.O_DSYNC)
        try:
            os.pwrite(handle, content, 0)
            os.fsync(handle)
        finally:
            os.close(handle)
        return
    replace(path, content)


def replace(path: Path, content: bytes) -> None:
    """A file with this content, old or new at every moment."""
    new = path.with_name(path.name + ".new")
    with new.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    new.replace(path)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
