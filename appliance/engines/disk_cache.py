"""A disk cache for data that takes long to compute; without the disk it costs only time."""

from __future__ import annotations

import contextlib
import os
import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

MAGIC = b"appliance prefix 2\n"
"""Begins each file; then come a CRC-32 and the data."""

HEADER_BYTES = len(MAGIC) + 4

KEPT = 4
"""Maximum number of files of one kind: those in use, and those from before a change of model or
prompt."""


@dataclass(frozen=True, slots=True)
class DiskCache:
    """Files of one kind in a folder, with a checksum in each."""

    folder: Path
    """The folder, which is created if needed."""
    pattern: str
    """Pattern of the file names; `{}` stands for the key."""

    def load(self, key: str) -> bytes | None:
        """The data saved under `key`; None if there is none, or if it is damaged."""
        path = self._path(key)
        try:
            saved = path.read_bytes()
        except OSError:
            return None
        data = saved[HEADER_BYTES:]
        if saved[:HEADER_BYTES] != _header(data):
            return None  # cut off by a power failure, or damaged on the card
        with contextlib.suppress(OSError):
            os.utime(path)
        return data

    def save(self, key: str, data: bytes) -> None:
        """Save `data`, and delete the least recently used files; a failure is ignored."""
        path = self._path(key)
        temporary = path.with_suffix(f".{os.getpid()}")
        try:
            self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            with temporary.open("wb") as file:
                file.write(_header(data))
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            temporary.replace(path)
            saved = self.folder.glob(self.pattern.format("*"))
            for old in sorted(saved, key=lambda one: one.stat().st_mtime)[:-KEPT]:
                old.unlink(missing_ok=True)
        except OSError:
            with contextlib.suppress(OSError):
                temporary.unlink(missing_ok=True)

    def _path(self, key: str) -> Path:
        return self.folder / self.pattern.format(key)


def _header(data: bytes) -> bytes:
    return MAGIC + zlib.crc32(data).to_bytes(4, "big")
