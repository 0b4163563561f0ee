"""A card: a copy of the image, read as a board's firmware reads it, between boots."""

from __future__ import annotations

import os
import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

SECTOR = 512


@dataclass(frozen=True, slots=True)
class Card:
    """The card of one emulated device; `mtools` runs a command of mtools and gives what it says."""

    path: Path
    mtools: Callable[..., bytes]

    def grow(self, size: int) -> None:
        """A card is larger than the image that it is flashed with."""
        os.truncate(self.path, size)

    def offset(self, name: str) -> int:
        """Where the partition of that name begins, in bytes."""
        for found, first, _ in self.partitions():
            if found == name:
                return first * SECTOR
        raise LookupError(f"the card has no partition {name}")

    def partitions(self) -> list[tuple[str, int, int]]:
        """Name, first and last sector, as the GPT has them, in the order of their numbers."""
        with self.path.open("rb") as file:
            file.seek(SECTOR)
            header = file.read(SECTOR)
            if header[:8] != b"EFI PART":
                raise LookupError("the card has no GPT")
            table, count, size = struct.unpack_from("<QII", header, 72)
            file.seek(table * SECTOR)
            entries = file.read(count * size)
        rows = []
        for start in range(0, len(entries), size):
            kind, first, last = struct.unpack_from("<16s16xQQ", entries, start)
            name = entries[start + 56 : start + 128].decode("utf-16-le").rstrip("\0")
            if kind != bytes(16):
                rows.append((name, first, last))
        return rows

    def read(self, partition: str, name: str) -> bytes:
        """A file of a vfat partition."""
        return self.mtools("mcopy", "-n", "-i", self._place(partition), f"::{name}", "-")

    def write(self, partition: str, name: str, content: bytes) -> None:
        """Put a file there, as the owner's computer does."""
        place = self._place(partition)
        self.mtools("mcopy", "-o", "-i", place, "-", f"::{name}", input=content)

    def committed(self) -> str:
        """The boot partition that is started when nothing is being tried."""
        sections = _sections(self.read("bootcfg", "autoboot.txt").decode())
        return self.partitions()[int(sections["all"]["boot_partition"]) - 1][0]

    def start_of_boot(self) -> str:
        """The boot partition that the firmware takes; a try is a try once."""
        sections = _sections(self.read("bootcfg", "autoboot.txt").decode())
        listing = self.mtools("mdir", "-b", "-i", self._place("bootcfg"), "::").decode()
        trying = "::/tryboot" in listing.split()
        if trying:
            self.mtools("mdel", "-i", self._place("bootcfg"), "::tryboot")
        number = sections["tryboot" if trying else "all"]["boot_partition"]
        return self.partitions()[int(number) - 1][0]

    def _place(self, partition: str) -> str:
        return f"/card/{self.path.name}@@{self.offset(partition)}"


def _sections(text: str) -> dict[str, dict[str, str]]:
    sections: dict[str, dict[str, str]] = {}
    current: dict[str, str] = sections.setdefault("all", {})
    for line in text.splitlines():
        stripped = line.strip()
        if stripped.startswith("["):
            current = sections.setdefault(stripped.strip("[]"), {})
        elif "=" in stripped and not stripped.startswith("#"):
            name, _, value = stripped.partition("=")
            current[name] = value
    return sections
