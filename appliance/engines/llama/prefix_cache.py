"""The prefix cache on disk: the model's state after the fixed part of a prompt."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
from typing import TYPE_CHECKING

from appliance.engines import llama_library
from appliance.engines.disk_cache import DiskCache

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path


class PrefixCache:
    """Saved states of one model, by the tokens that it has read.

    They hold text of the configuration and of the sentences, and nothing that anybody said.
    """

    def __init__(self, folder: Path | None, *files: Path) -> None:
        """`files` are the model and its adapter; without a folder nothing is saved."""
        self._cache = None if folder is None else DiskCache(folder, "{}.prefix")
        self._version = ""
        if folder is not None:
            fingerprints = _Fingerprints(folder / "fingerprints.json")
            hashes = [fingerprints.of(file) for file in files]
            self._version = json.dumps([llama_library.VERSION, hashes])

    def load(self, tokens: Sequence[int]) -> bytes | None:
        """The state after `tokens`; None if it was not saved, or is damaged."""
        return None if self._cache is None else self._cache.load(self._key(tokens))

    def save(self, tokens: Sequence[int], state: bytes) -> None:
        """Save a state, unless it is empty."""
        if self._cache is not None and state:
            self._cache.save(self._key(tokens), state)

    def _key(self, tokens: Sequence[int]) -> str:
        return hashlib.sha256(f"{self._version} {list(tokens)}".encode()).hexdigest()[:32]


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
