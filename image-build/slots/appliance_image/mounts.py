"""The partition that any computer shows is writable for as long as something is written."""

from __future__ import annotations

import contextlib
import os
import subprocess
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from appliance_image.errors import Failed

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextlib.contextmanager
def writable(folder: Path) -> Iterator[None]:
    """Writable inside; what was written is on the card afterwards, and it is read-only again.

    Raises:
        Failed: the card refuses; it may be worn out or switched to read-only.

    """
    if not os.path.ismount(folder):
        yield
        return
    _mount("-o", "remount,rw", f"{folder}")
    try:
        yield
    finally:
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
        _mount("-o", "remount,ro", f"{folder}")


@contextlib.contextmanager
def mounted(partition: Path) -> Iterator[Path]:
    """A vfat partition, writable, at a folder of its own.

    Raises:
        Failed: there is no vfat in it.

    """
    folder = Path(tempfile.mkdtemp(prefix="appliance-slot."))
    try:
        _mount("-t", "vfat", "-o", "sync,nosuid,nodev,noexec", f"{partition}", f"{folder}")
        try:
            yield folder
        finally:
            subprocess.run(["umount", folder], check=True)
    finally:
        folder.rmdir()


def _mount(*arguments: str) -> None:
    done = subprocess.run(["mount", *arguments], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise Failed(f"mount {' '.join(arguments)}: {done.stderr.strip()}")
