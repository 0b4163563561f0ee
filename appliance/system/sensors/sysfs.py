"""Small files of the kernel, read so that an absent or broken one is None and never an error."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@dataclass(frozen=True, slots=True)
class Chip:
    """One chip of the kernel's hardware monitor; its number changes from boot to boot."""

    name: str
    folder: Path

    def number(self, file: str, scale: float = 1.0) -> float | None:
        """One value of the chip, multiplied by `scale`."""
        return number(self.folder / file, scale)

    def channels(self, kind: str) -> list[int]:
        """The numbers N for which the chip has `kind`N_input, smallest first."""
        return numbered(self.folder, kind + r"(\d+)_input")


def text(path: Path) -> str | None:
    """What a file holds, stripped; None where it cannot be read or is empty.

    Device tree strings end in NUL, sysfs strings in a line feed.
    """
    try:
        return path.read_text(encoding="utf-8").strip("\x00\n\t ") or None
    except (OSError, ValueError):
        return None


def number(path: Path, scale: float = 1.0) -> float | None:
    """The decimal number that a file holds, multiplied by `scale`."""
    held = text(path)
    try:
        return None if held is None else float(int(held)) * scale
    except ValueError:
        return None


def word(path: Path) -> int | None:
    """The big-endian 32-bit number of a device tree property."""
    try:
        held = path.read_bytes()
    except OSError:
        return None
    return int.from_bytes(held, "big") if len(held) == 4 else None  # noqa: PLR2004


def children(folder: Path, begin: str) -> list[Path]:
    """What in `folder` begins with `begin`, sorted; nothing where there is no such folder."""
    try:
        return sorted(path for path in folder.iterdir() if path.name.startswith(begin))
    except OSError:
        return []


def numbered(folder: Path, pattern: str) -> list[int]:
    """The numbers that `pattern` finds in the names of a folder's files, smallest first."""
    found = (re.fullmatch(pattern, path.name) for path in children(folder, ""))
    return sorted(int(match[1]) for match in found if match)


def chips(root: Path) -> Iterator[Chip]:
    """Every chip of the hardware monitor that says its name."""
    for folder in children(root / "sys/class/hwmon", "hwmon"):
        name = text(folder / "name")
        if name is not None:
            yield Chip(name, folder)
