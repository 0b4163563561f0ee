"""Reads small files of the kernel; a missing or broken one is None, not an error."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@dataclass(frozen=True, slots=True)
class Chip:
    """A chip of the kernel's hardware monitor; its number changes from boot to boot."""

    name: str
    folder: Path

    def number(self, file: str, scale: float = 1.0) -> float | None:
        """One value of the chip, multiplied by `scale`."""
        return number(self.folder / file, scale)

    def channels(self, kind: str) -> list[int]:
        """The numbers N for which the chip has `kind`N_input, smallest first."""
        return numbered(self.folder, kind + r"(\d+)_input")


def text(path: Path) -> str | None:
    """The content of a file, stripped; None if it cannot be read or is empty.

    Device tree strings end in NUL, sysfs strings in a line feed.
    """
    try:
        return path.read_text(encoding="utf-8").strip("\x00\n\t ") or None
    except (OSError, ValueError):
        return None


def number(path: Path, scale: float = 1.0) -> float | None:
    """The integer in a file, multiplied by `scale`."""
    content = text(path)
    try:
        return None if content is None else float(int(content)) * scale
    except ValueError:
        return None


def word(path: Path) -> int | None:
    """The big-endian 32-bit number of a device tree property."""
    try:
        content = path.read_bytes()
    except OSError:
        return None
    return int.from_bytes(content, "big") if len(content) == 4 else None  # noqa: PLR2004


def children(folder: Path, prefix: str) -> list[Path]:
    """The paths in `folder` whose names begin with `begin`, sorted; empty without the folder."""
    try:
        return sorted(path for path in folder.iterdir() if path.name.startswith(prefix))
    except OSError:
        return []


def numbered(folder: Path, pattern: str) -> list[int]:
    """The numbers that `pattern` finds in the names of a folder's files, smallest first."""
    found = (re.fullmatch(pattern, path.name) for path in children(folder, ""))
    return sorted(int(match[1]) for match in found if match)


def chips(root: Path) -> Iterator[Chip]:
    """Every chip of the hardware monitor that has a name."""
    for folder in children(root / "sys/class/hwmon", "hwmon"):
        name = text(folder / "name")
        if name is not None:
            yield Chip(name, folder)
