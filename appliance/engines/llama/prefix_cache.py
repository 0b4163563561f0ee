"""What the model has read once, on disk: so that it need not read it again after a restart."""

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
"""States on disk; of more, the one that was used longest ago goes."""

CHECK_BYTES = 4


class PrefixCache:
    """Saved states of one model, by the tokens that were read.

    Nothing that anybody said is in them: only what the configuration and the sentences say.
    """

    def __init__(self, directory: Path | None, model: Path, *others: Path) -> None:
        self._directory = directory
        self._key = ""
        if directory is not None:
            known = _Fingerprints(directory / "fingerprints.json")
            files = [known.of(file) for file in (model, *others)]
            self._key = json.dumps([llama_library.VERSION, files])

    def find(self, tokens: Sequence[int]) -> bytes | None:
        """The state after `tokens`; None where it was never saved, or is damaged."""
        if self._directory is None:
            return None
        path = self._path(tokens)
        try:
            saved = path.read_bytes()
        except OSError:
            return None
        state = saved[len(MAGIC) + CHECK_BYTES :]
        if saved[: len(MAGIC)] != MAGIC or _check(state) != saved[len(MAGIC) :][:CHECK_BYTES]:
            return None
        with contextlib.suppress(OSError):
            os.utime(path)
        return state

    def keep(self, tokens: Sequence[int], state: bytes) -> None:
        """Save a state; a disk that is full or read-only only costs the reading next time."""
        if self._directory is None or not state:
            return
        path = self._path(tokens)
        draft = path.with_suffix(f".{os.getpid()}")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with draft.open("wb") as file:
                file.write(MAGIC + _check(state) + state)
                file.flush()
                os.fsync(file.fileno())
            draft.replace(path)
            self._tidy(path.parent)
        except OSError:
            with contextlib.suppress(OSError):
                draft.unlink(missing_ok=True)

    def _path(self, tokens: Sequence[int]) -> Path:
        digest = hashlib.sha256(f"{self._key} {list(tokens)}".encode()).hexdigest()
        return (self._directory or Path()) / f"{digest[:32]}.prefix"

    def _tidy(self, folder: Path) -> None:
        states = sorted(folder.glob("*.prefix"), key=lambda path: path.stat().st_mtime)
        for old in states[:-KEPT]:
            old.unlink(missing_ok=True)


class _Fingerprints:
    """The sha256 of files, remembered by size, time and inode: a Pi reads 1 GB in 20 s."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def of(self, file: Path) -> str:
        """The file's sha256."""
        status = file.stat()
        signature = f"{status.st_size} {status.st_mtime_ns} {status.st_ctime_ns} {status.st_ino}"
        known = self._known()
        remembered = known.get(str(file))
        if remembered is not None and remembered[0] == signature:
            return remembered[1]
        with file.open("rb") as stream:
            digest = hashlib.file_digest(stream, "sha256").hexdigest()
        known[str(file)] = [signature, digest]
        with contextlib.suppress(OSError):
            self._path.parent.mkdir(parents=True, exist_ok=True)
            draft = self._path.with_suffix(f".{os.getpid()}")
            draft.write_text(json.dumps(known), encoding="utf-8")
            draft.replace(self._path)
        return digest

    def _known(self) -> dict[str, list[str]]:
        try:
            known = json.loads(self._path.read_bytes())
        except (OSError, ValueError):
            return {}
        sound = isinstance(known, dict) and all(
            isinstance(entry, list) and list(map(type, entry)) == [str, str]
            for entry in known.values()
        )
        return known if sound else {}


def _check(state: bytes) -> bytes:
    return zlib.crc32(state).to_bytes(CHECK_BYTES, "big")
