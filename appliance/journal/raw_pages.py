"""Reads the rows of a SQLite file page by page, without its schema, which may be damaged.

The format is that of https://www.sqlite.org/fileformat2.html: sections 1.5 (b-tree pages), 1.6
(overflow pages), 2.1 (records) and 4 (the write-ahead log).
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

HEADER_BYTES = 100
"""Size of the file's header, at the beginning of its first page, in bytes."""

TABLE_LEAF, INDEX_LEAF = 0x0D, 0x0A
LEAF_HEADER_BYTES = 8
WAL_HEADER_BYTES, FRAME_HEADER_BYTES = 32, 24

INTEGER_BYTES = {1: 1, 2: 2, 3: 3, 4: 4, 5: 6, 6: 8}
"""Bytes of a value, by its serial type."""

FLOAT, ZERO, ONE, FIRST_BLOB = 7, 8, 9, 12

MOST_OVERFLOW_PAGES = 65_536
"""A damaged chain may be a circle."""

Row = tuple[int | None, list[Any]]
"""The row's number, if its table has row numbers, and its values."""


class RawPages:
    """All pages of a file, with the newer pages of its write-ahead log."""

    def __init__(self, path: Path, page_bytes: int) -> None:
        """Read them.

        Raises:
            OSError: the file cannot be read.

        """
        data = path.read_bytes()
        self._size = page_bytes
        self._pages = {
            number + 1: data[number * page_bytes : (number + 1) * page_bytes]
            for number in range(len(data) // page_bytes)
        }
        wal = path.with_name(path.name + "-wal")
        if wal.exists():
            self._pages |= _committed(wal.read_bytes(), page_bytes)

    def rows(self) -> Iterator[Row]:
        """Every row that can be read, of every table, in the order of the pages."""
        for number, page in self._pages.items():
            start = HEADER_BYTES if number == 1 else 0
            if len(page) == self._size and page[start] in (TABLE_LEAF, INDEX_LEAF):
                yield from self._rows_of(page, start, has_rank=page[start] == TABLE_LEAF)

    def _rows_of(self, page: bytes, start: int, *, has_rank: bool) -> Iterator[Row]:
        (cells,) = struct.unpack_from(">H", page, start + 3)
        pointers = start + LEAF_HEADER_BYTES
        for at in range(pointers, min(pointers + 2 * cells, self._size - 1), 2):
            try:
                (cell,) = struct.unpack_from(">H", page, at)
                length, cell = _varint(page, cell)
                rank, cell = _varint(page, cell) if has_rank else (None, cell)
                yield rank, _values(self._payload(page, cell, length, is_table=has_rank))
            except (IndexError, KeyError, ValueError, struct.error):
                continue  # this one is damaged

    def _payload(self, page: bytes, at: int, length: int, *, is_table: bool) -> bytes:
        usable = self._size
        most = usable - 35 if is_table else (usable - 12) * 64 // 255 - 23
        if length <= most:
            return page[at : at + length]
        if length > usable * len(self._pages):
            raise ValueError("the row is longer than the file")
        least = (usable - 12) * 32 // 255 - 23
        here = least + (length - least) % (usable - 4)
        here = here if here <= most else least
        parts = [page[at : at + here]]
        (following,) = struct.unpack_from(">I", page, at + here)
        missing = length - here
        for _ in range(MOST_OVERFLOW_PAGES):
            if missing <= 0:
                return b"".join(parts)
            page = self._pages[following]
            (following,) = struct.unpack_from(">I", page)
            parts.append(page[4 : 4 + missing])
            missing -= usable - 4
        raise ValueError("the chain of overflow pages has no end")


def _committed(wal: bytes, page_bytes: int) -> dict[int, bytes]:
    """The newest pages of a write-ahead log, up to its last complete transaction."""
    committed: dict[int, bytes] = {}
    waiting: dict[int, bytes] = {}
    salts = wal[16:24]
    for at in range(WAL_HEADER_BYTES, len(wal), FRAME_HEADER_BYTES + page_bytes):
        frame = wal[at : at + FRAME_HEADER_BYTES + page_bytes]
        if len(frame) < FRAME_HEADER_BYTES + page_bytes or frame[8:16] != salts:
            break  # what follows is of an older log
        number, pages_after_commit = struct.unpack_from(">II", frame)
        waiting[number] = frame[FRAME_HEADER_BYTES:]
        if pages_after_commit:
            committed |= waiting
            waiting = {}
    return committed


def _values(record: bytes) -> list[Any]:
    header_bytes, at = _varint(record, 0)
    kinds = []
    while at < header_bytes:
        kind, at = _varint(record, at)
        kinds.append(kind)
    values = []
    for kind in kinds:
        value, at = _value(record, at, kind)
        values.append(value)
    if at != len(record):
        raise ValueError("the record has another length than its header says")
    return values


def _value(record: bytes, at: int, kind: int) -> tuple[Any, int]:
    if kind == 0:
        return None, at
    if kind in (ZERO, ONE):
        return kind - ZERO, at
    if kind == FLOAT:
        return struct.unpack_from(">d", record, at)[0], at + 8
    if kind < FIRST_BLOB:
        size = INTEGER_BYTES[kind]
        return int.from_bytes(record[at : at + size], "big", signed=True), at + size
    size = (kind - FIRST_BLOB) // 2
    content = record[at : at + size]
    return (content.decode() if kind % 2 else content), at + size


def _varint(data: bytes, at: int) -> tuple[int, int]:
    """A number of one to nine bytes, and where it ends."""
    value = 0
    for count in range(8):
        byte = data[at + count]
        value = value << 7 | byte & 0x7F
        if byte < 0x80:  # noqa: PLR2004 (the mark of the last byte)
            return value, at + count + 1
    return value << 8 | data[at + 8], at + 9
