"""Earlier contents of files that the page has changed: a bounded number of each, on disk."""

from __future__ import annotations

import hashlib
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from appliance.system import atomic_file

if TYPE_CHECKING:
    from pathlib import Path

MOST = 20
"""Maximum number of versions of one file; the oldest is deleted first."""

ABSENT = ".absent"
"""Ending of a version's name if the file did not exist."""


@dataclass(frozen=True, slots=True)
class KeptVersion:
    """The content of a file until a change."""

    number: int
    """Nanoseconds since 1970, when it was changed."""
    content: bytes | None
    """The content; None if the file did not exist."""

    @property
    def until_s(self) -> float:
        """Unix seconds."""
        return self.number / 1e9


class KeptVersions:
    """A folder of versions; files are told apart by any name."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def keep(self, name: str, content: bytes | None) -> None:
        """Keep the content before a change; OSError if that fails."""
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        end = ABSENT if content is None else ""
        path = self._folder / f"{_key(name)}-{time.time_ns()}{end}"
        atomic_file.replace(path, content or b"")
        for old in self._paths(name)[MOST:]:
            old.unlink(missing_ok=True)

    def of(self, name: str) -> list[KeptVersion]:
        """The versions of a file, the newest first."""
        return [
            KeptVersion(_number(path), None if path.name.endswith(ABSENT) else path.read_bytes())
            for path in self._paths(name)
        ]

    def _paths(self, name: str) -> list[Path]:
        return sorted(self._folder.glob(f"{_key(name)}-*"), key=_number, reverse=True)


def _key(name: str) -> str:
    return hashlib.sha256(name.encode()).hexdigest()[:24]


def _number(path: Path) -> int:
    return int(path.name.removesuffix(ABSENT).rpartition("-")[2])
