"""The requests that were set aside, for another process than the daemon."""

from __future__ import annotations

import contextlib
import sqlite3
from typing import TYPE_CHECKING, Self

from appliance.errors import JournalError
from appliance.journal.database import FILE, explain
from appliance.journal.dead_letters import CrashCounter

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from appliance.journal.dead_letters import SetAside


class DeadLetterReader:
    """Beside a daemon that may be running; a context manager. Each call may raise JournalError."""

    def __init__(self, directory: Path) -> None:
        self._path = directory / FILE
        self._db: sqlite3.Connection | None = None

    def __enter__(self) -> Self:
        if self._path.exists():
            with self._asking():
                self._db = sqlite3.connect(self._path, isolation_level=None, timeout=2.0)
        return self

    def __exit__(self, *_: object) -> None:
        if self._db is not None:
            self._db.close()

    def all(self) -> list[SetAside]:
        """What is set aside, oldest first."""
        with self._asking() as poison:
            return poison.all() if poison else []

    def payload(self, request_id: str) -> bytes | None:
        """What a request asked; None where there is none of this id."""
        with self._asking() as poison:
            return poison.payload(request_id) if poison else None

    def drop(self, request_id: str) -> bool:
        """Forget a request; False where there is none of this id."""
        with self._asking() as poison:
            return poison.drop(request_id) if poison else False

    @contextlib.contextmanager
    def _asking(self) -> Iterator[CrashCounter | None]:
        try:
            yield None if self._db is None else CrashCounter(self._db)
        except sqlite3.Error as error:
            if "no such table" in str(error):
                message = f"{self._path} is of an older version; start the appliance once"
                raise JournalError(message) from error
            raise JournalError(f"{self._path} cannot be read: {explain(error)}") from error
