"""The length in a WAV file's header, to find a truncated file: FFmpeg does not report one."""

from __future__ import annotations

import os
import struct
from typing import TYPE_CHECKING, BinaryIO, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator

UNCOMPRESSED_CODES = (0x0001, 0x0003, 0xFFFE)
"""PCM, float and extensible: format codes with a fixed number of bytes per second."""

STREAMED_FROM = 0x7FF0_0000
"""Smallest size, in bytes, that is a placeholder: a program that writes into a pipe does not know
the length, and most write a number near 2 or 4 GiB. No recording is that long."""


class Lengths(NamedTuple):
    """Length of a recording by its header, and its real length."""

    promised_s: float | None
    """Length by the header; None if it has none."""
    there_s: float


def lengths(file: BinaryIO) -> Lengths | None:
    """Both lengths; None if it is not a WAV file, or ends before its sound.

    Leaves the file at its beginning.
    """
    try:
        return _lengths(file)
    except struct.error:
        return None  # The header itself is truncated; FFmpeg reports that.
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
            bytes_per_second = rate if code in UNCOMPRESSED_CODES else 0
        elif kind == b"data":
            return _lengths_of(size, end - file.tell(), bytes_per_second)
    return None


def _lengths_of(size: int, behind: int, bytes_per_second: int) -> Lengths | None:
    """Both lengths from the size of the sound and the bytes behind that, whatever they are."""
    streamed = size == 0 or size >= STREAMED_FROM
    if bytes_per_second == 0:
        return Lengths(None, 0.0) if streamed else None
    if streamed:
        return Lengths(None, behind / bytes_per_second)
    return Lengths(size / bytes_per_second, min(size, behind) / bytes_per_second)


def _chunks(file: BinaryIO) -> Iterator[tuple[bytes, int]]:
    while len(header := file.read(8)) == 8:  # noqa: PLR2004 (a name and a size of four bytes each)
        kind, size = struct.unpack("<4sI", header)
        start = file.tell()
        yield kind, size
        file.seek(start + size + size % 2)  # chunks begin at even positions
