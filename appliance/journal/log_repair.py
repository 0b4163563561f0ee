"""Repairs damaged frames in SQLite's write-ahead log, before SQLite reads it.

SQLite ends the log at the first frame whose checksum is wrong, without a word: one damaged byte
loses every commit after it that is not in the main file yet. The checksum of a frame begins with
that of the frame before it, so the next frame tells whether a wrong one is damaged or was never
written. The format is that of https://www.sqlite.org/fileformat2.html, section 4.

The checksum is a sum of the 32-bit words, each times a Fibonacci number, modulo 2^32. It has two
halves with different factors. So if one word is damaged, it says which, and by how much.
"""

from __future__ import annotations

import dataclasses
import functools
import itertools
import os
import struct
from dataclasses import dataclass
from operator import mul
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

HEADER = struct.Struct(">8I")
"""Magic number, version, page size, sequence, two salts, two halves of the checksum."""

FRAME_HEADER = struct.Struct(">6I")
"""Page number, pages of the file after a commit or 0, two salts, two halves of the checksum."""

BIG_ENDIAN, LITTLE_ENDIAN = 0x377F0683, 0x377F0682
"""Magic numbers: the byte order of the words in the checksum."""

MASK = 0xFFFFFFFF

Halves = tuple[int, int]
"""Of a checksum."""


@dataclass(frozen=True, slots=True)
class LogFrame:
    """One page in the log."""

    salts: Halves
    checksum: Halves
    content: bytes
    """Page number, pages after a commit, and the page; as numbers ten times as large."""
    order: str
    """The log's byte order, as struct names it."""

    @property
    def words(self) -> tuple[int, ...]:
        """The content as it is summed."""
        return struct.unpack(f"{self.order}{len(self.content) // 4}I", self.content)

    @property
    def fields(self) -> Halves:
        """Page number, and pages after a commit."""
        number, commit = struct.unpack_from(">2I", self.content)
        return number, commit

    def sum_after(self, before: Halves) -> Halves:
        """The checksum that this frame should have after another one."""
        return checksum(before, self.words)

    def follows(self, before: Halves, salts: Halves) -> bool:
        """Whether it is whole and belongs here."""
        return self.salts == salts and self.sum_after(before) == self.checksum


def repaired(log: bytes, page_bytes: int) -> tuple[bytes, int]:
    """The log with its damaged frames repaired, and how many there were; 0 if it needs nothing."""
    if len(log) < HEADER.size:
        return log, 0
    header = HEADER.unpack_from(log)
    if header[0] not in (BIG_ENDIAN, LITTLE_ENDIAN) or header[2] != page_bytes:
        return log, 0
    order = ">" if header[0] == BIG_ENDIAN else "<"
    frames = _frames(log, page_bytes, order)
    first = checksum((0, 0), struct.unpack_from(f"{order}6I", log))
    if first != header[6:]:  # SQLite would not read any of it: it was never begun, or is damaged
        return log, 0
    sound, damaged = _sound_frames(frames, first, header[4:6])
    if not damaged:
        return log, 0
    return _written(log[: HEADER.size], sound, first), damaged


def replace(path: Path, content: bytes) -> None:
    """Put a log in the place of another one, durably.

    Raises:
        OSError: it cannot be written; the other one is unchanged.

    """
    beside = path.with_name(f"{path.name}.new")
    with beside.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    beside.rename(path)


def checksum(before: Halves, words: Sequence[int]) -> Halves:
    """SQLite's checksum, from that of what comes before."""
    parts = (*before, *words)
    first, second = (sum(map(mul, factors, parts)) & MASK for factors in _factors(len(words)))
    return first, second


def corrected(frame: LogFrame, before: Halves) -> LogFrame | None:
    """The frame as it was, if one word is damaged and its checksum is not; None otherwise.

    Also None if several words could be it, as with some changes of the highest bits.
    """
    found = frame.sum_after(before)
    missing = tuple((is_ - was) & MASK for is_, was in zip(frame.checksum, found, strict=True))
    if missing == (0, 0):
        return frame  # the salts are damaged
    words = frame.words
    firsts, seconds = _factors(len(words))
    candidates: list[tuple[int, int]] = []
    for place, (one, other) in enumerate(zip(firsts[2:], seconds[2:], strict=True)):
        # One of two neighbours among the Fibonacci numbers is odd, so it has an inverse.
        odd, part = (one, missing[0]) if one % 2 else (other, missing[1])
        change = part * pow(odd, -1, MASK + 1) & MASK
        if (one * change & MASK, other * change & MASK) == missing:
            candidates.append((place, (words[place] + change) & MASK))
    if len(candidates) != 1:
        return None
    ((place, word),) = candidates
    content = bytearray(frame.content)
    struct.pack_into(f"{frame.order}I", content, 4 * place, word)
    return dataclasses.replace(frame, content=bytes(content))


@functools.cache
def _factors(count: int) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """How much each word counts in both halves; first the two halves of the sum before."""
    both = []
    for first, second in ((1, 0), (0, 1)):
        one, other, factors = first, second, [0] * count
        for place in range(count - 2, -1, -2):
            factors[place : place + 2] = (one + other) & MASK, other
            one, other = (one + other) & MASK, (one + 2 * other) & MASK
        both.append((one, other, *factors))
    return both[0], both[1]


def _frames(log: bytes, page_bytes: int, order: str) -> list[LogFrame]:
    size, found = FRAME_HEADER.size + page_bytes, []
    for start in range(HEADER.size, len(log) - size + 1, size):
        _, _, *rest = FRAME_HEADER.unpack_from(log, start)
        content = log[start : start + 8] + log[start + FRAME_HEADER.size : start + size]
        found.append(LogFrame((rest[0], rest[1]), (rest[2], rest[3]), content, order))
    return found


def _sound_frames(
    frames: Sequence[LogFrame], before: Halves, salts: Halves
) -> tuple[list[LogFrame], int]:
    """The frames up to the last commit, and how many of them were damaged."""
    sound: list[LogFrame] = []
    damaged: list[int] = []
    doubtful: list[int] = []
    for frame, after in itertools.zip_longest(frames, frames[1:]):
        if frame.follows(before, salts):
            sound.append(frame)
            before = frame.checksum
            continue
        if after is None or (repair := _repair(frame, after, before, salts)) is None:
            break  # here the log ended
        if repair.is_doubtful:
            doubtful.append(len(sound))
        damaged.append(len(sound))
        sound.append(repair.frame)
        before = repair.sum_after
    end = _end(sound, doubtful)
    return sound[:end], sum(place < end for place in damaged)


@dataclass(frozen=True, slots=True)
class FrameRepair:
    """What becomes of a damaged frame."""

    frame: LogFrame
    sum_after: Halves
    is_doubtful: bool = False
    """Whether the frame is as damaged as it was found."""


def _repair(frame: LogFrame, after: LogFrame, before: Halves, salts: Halves) -> FrameRepair | None:
    """None if the frame after it does not say that this one was written."""
    if after.follows(frame.checksum, salts):
        exact = corrected(frame, before)
        return FrameRepair(exact or frame, frame.checksum, is_doubtful=exact is None)
    whole = frame.sum_after(before)
    return (
        FrameRepair(frame, whole) if after.follows(whole, salts) else None
    )  # its checksum is damaged


def _end(frames: Sequence[LogFrame], doubtful: Sequence[int]) -> int:
    """How many frames there are up to the last commit that can be used.

    A doubtful frame may be half written; then the power failed before the commit after its own.
    """
    commits = [place for place, frame in enumerate(frames) if frame.fields[1]]
    for place in doubtful:
        later = sum(one >= place for one in commits)
        if later < 2 or not _is_plausible(frames, place):  # noqa: PLR2004
            commits = [one for one in commits if one < place]
            break
    return commits[-1] + 1 if commits else 0


def _is_plausible(frames: Sequence[LogFrame], place: int) -> bool:
    """Whether the page number of a damaged frame is one that the file has."""
    others = (*frames[:place], *frames[place + 1 :])
    pages = max((frame.fields[1] for frame in others), default=0)
    number, commit = frames[place].fields
    return 0 < number <= pages and commit <= pages


def _written(header: bytes, frames: Sequence[LogFrame], before: Halves) -> bytes:
    """The log with salts and checksums that are right."""
    salts, parts = HEADER.unpack(header)[4:6], [header]
    for frame in frames:
        before = frame.sum_after(before)
        parts += [frame.content[:8], struct.pack(">4I", *salts, *before), frame.content[8:]]
    return b"".join(parts)
