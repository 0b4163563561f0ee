"""What a WAV file's header promises; FFmpeg silently takes what is there instead."""

from __future__ import annotations

import os
import struct
from typing import TYPE_CHECKING, BinaryIO, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator

UNCOMPRESSED = (0x0001, 0x0003, 0xFFFE)
"""PCM, float and extensible: codes whose bytes per second are exact."""

UNKNOWN = (0, 0xFFFF_FFFF)
"""Sizes that a program writes when it streams and cannot know the length."""


class Lengths(NamedTuple):
    """How long a recording says it is, and how much of it there is."""

    promised: float
    """Seconds."""
    there: float
    """Seconds."""


def lengths(file: BinaryIO) -> Lengths | None:
    """Compare header and file; None where it is no WAV or the header does not say.

    The file is left at its beginning.
    """
    try:
        return _lengths(file)
    except struct.error:
        return None  # The header itself is cut off; FFmpeg will say so.
    finally:
        file.seek(0)


def _lengths(file: BinaryIO) -> Lengths | None:
    end = file.seek(0, os.SEEK_END)
    file.seek(0)
    riff, _, wave = struct.unpack("<4sI4s", file.read(12))
    if (riff, wave) != (b"RIFF", b"WAVE"):
        return None
    bytes_per_second = 0
    for kind, size in _chunks(file):
        if kind == b"fmt ":
            code, _, _, rate = struct.unpack("<HHII", file.read(12))
            bytes_per_second = rate if code in UNCOMPRESSED else 0
        elif kind == b"data":
            if size in UNKNOWN or bytes_per_second == 0:
                return None
            there = min(size, end - file.tell())
            return Lengths(size / bytes_per_second, there / bytes_per_second)
    return None


def _chunks(file: BinaryIO) -> Iterator[tuple[bytes, int]]:
    while len(header := file.read(8)) == 8:  # noqa: PLR2004 (a name and a size, four bytes each)
        kind, size = struct.unpack("<4sI", header)
        start = file.tell()
        yield kind, size
        file.seek(start + size + size % 2)  # Chunks begin at even positions.
