"""The prefix cache on disk: the model's state after the fixed part of a prompt."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import zlib
from pathlib import Path
from typing import TYPE_CHECKING

from appliance.engines import llama_library

if TYPE_CHECKING:
    from collections.abc import Sequence

MAGIC = b"appliance prefix 2\n"

KEPT = 4
"""States on disk; if there are more, the least recently used is deleted."""

CHECKSUM_BYTES = 4


class PrefixCache:
    """Saved states of one model, by the tokens that it has read.

    They hold text of the configuration and of the sentences, and nothing that anybody said.
    """

    def __init__(self, directory: Path | None, model: Path, *others: Path) -> None:
        self._directory = directory
        self._key = ""
        if directory is not None:
            fingerprints = _Fingerprints(directory / "fingerprints.json")
            files = [fingerprints.of(file) for file in (model, *others)]
            self._key = json.dumps([llama_library.VERSION, files])

    def load(self, tokens: Sequence[int]) -> bytes | None:
        """The state after `tokens`; None if it was not saved, or is damaged."""
        if self._directory is None:
            return None
        path = self._path(tokens)
        try:
            saved = path.read_bytes()
        except OSError:
            return None
        state = saved[len(MAGIC) + CHECKSUM_BYTES :]
        if saved[: len(MAGIC)] != MAGIC or _checksum(state) != saved[len(MAGIC) :][:CHECKSUM_BYTES]:
            return None
        with contextlib.suppress(OSError):
            os.utime(path)
        return state

    def save(self, tokens: Sequence[int], state: bytes) -> None:
        """Save a state; if the disk is full or read-only, the prefix is read again next time."""
        if self._directory is None or not state:
            return
        path = self._path(tokens)
        temporary = path.with_suffix(f".{os.getpid()}")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with temporary.open("wb") as file:
                file.write(MAGIC + _checksum(state) + state)
                file.flush()
                os.fsync(file.fileno())
            temporary.replace(path)
            self._delete_oldest(path.parent)
        except OSError:
            with contextlib.suppress(OSError):
                temporary.unlink(missing_ok=True)

    def _path(self, tokens: Sequence[int]) -> Path:
        digest = hashlib.sha256(f"{self._key} {list(tokens)}".encode()).hexdigest()
        return (self._directory or Path()) / f"{digest[:32]}.prefix"

    def _delete_oldest(self, folder: Path) -> None:
        states = sorted(folder.glob("*.prefix"), key=lambda path: path.stat().st_mtime)
        for old in states[:-KEPT]:
            old.unlink(missing_ok=True)


class _Fingerprints:
    """The sha256 of files, saved with size, times and inode: a Pi reads 1 GB in 20 s."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def of(self, file: Path) -> str:
        """The file's sha256."""
        status = file.stat()
        signature = f"{status.st_size} {status.st_mtime_ns} {status.st_ctime_ns} {status.st_ino}"
        saved = self._load()
        entry = saved.get(str(file))
        if entry is not None and entry[0] == signature:
            return entry[1]
        with file.open("rb") as stream:
            digest = hashlib.file_digest(stream, "sha256").hexdigest()
        saved[str(file)] = [signature, digest]
        with contextlib.suppress(OSError):
            self._path.parent.mkdir(parents=True, exist_ok=True)
            temporary = self._path.with_suffix(f".{os.getpid()}")
            temporary.write_text(json.dumps(saved), encoding="utf-8")
            temporary.replace(self._path)
        return digest

    def _load(self) -> dict[str, list[str]]:
        try:
            saved = json.loads(self._path.read_bytes())
        except (OSError, ValueError):
            return {}
        valid = isinstance(saved, dict) and all(
            isinstance(entry, list) and list(map(type, entry)) == [str, str]
            for entry in saved.values()
        )
        return saved if valid else {}


def _checksum(state: bytes) -> bytes:
    return zlib.crc32(state).to_bytes(CHECKSUM_BYTES, "big")
