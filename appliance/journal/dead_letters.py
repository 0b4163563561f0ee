"""Dead letters: requests that crashed the appliance, kept for the operator and not tried again."""

from __future__ import annotations

import contextlib
import sqlite3
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import msgspec

from appliance.errors import JournalError
from appliance.journal.database import FILE, explain
from appliance.journal.schema import upgrade

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

KEPT = 20
"""Dead letters: enough to study, too few to fill a card."""

KEPT_BYTES = 33_554_432
"""Maximum number of bytes of their payloads."""


class DeadLetter(msgspec.Struct, frozen=True, kw_only=True):
    """A request that was given up; an entry of `appliance requests list --json`."""

    id: str
    operation: str
    transaction: str | None
    reply_to: str | None
    attempts: int
    """Number of times its work was started."""
    reason: str
    at: str
    """UTC, ISO 8601."""
    bytes: int
    """Size of the payload."""


class DeadLetters:
    """Dead letter policy, as SQL inside a transaction that the journal begins and ends.

    An attempt is counted before the work starts, because a crash leaves no time for that
    afterwards. A request with too many attempts that did not end becomes a dead letter.
    """

    def __init__(self, database: sqlite3.Connection) -> None:
        self._db = database

    def record_attempt(self, request_id: str) -> None:
        """Count an attempt that starts now."""
        self._db.execute(
            "INSERT INTO attempts VALUES (?, 1) ON CONFLICT (id) DO UPDATE SET begun = begun + 1",
            (request_id,),
        )

    def undo_attempt(self, request_id: str) -> None:
        """Do not count an attempt that we interrupted ourselves."""
        self._db.execute("UPDATE attempts SET begun = begun - 1 WHERE id = ?", (request_id,))

    def record_success(self, request_id: str) -> None:
        """Forget the attempts of a request whose work ended."""
        self._db.execute("DELETE FROM attempts WHERE id = ?", (request_id,))

    def attempts(self, request_id: str) -> int:
        """Return how many attempts at a request did not end."""
        query = "SELECT begun FROM attempts WHERE id = ?"
        row = self._db.execute(query, (request_id,)).fetchone()
        return row[0] if row else 0

    def unfinished(self) -> frozenset[str]:
        """Return the ids of all requests with attempts that did not end."""
        rows = self._db.execute("SELECT id FROM attempts WHERE begun > 0")
        return frozenset(row[0] for row in rows)

    def add(self, request_id: str, reason: str) -> None:
        """Copy a request from the inbox; the oldest dead letters go if there are too many."""
        self._db.execute(
            "INSERT OR REPLACE INTO set_aside (id, operation, transaction_id, reply_to, attempts,"
            " reason, at, payload) SELECT inbox.id, operation, transaction_id, reply_to,"
            " coalesce(begun, 1), ?, ?, payload FROM inbox LEFT JOIN attempts USING (id)"
            " WHERE inbox.id = ?",
            (reason, datetime.now(UTC).isoformat(timespec="seconds"), request_id),
        )
        self._db.execute(
            "DELETE FROM set_aside WHERE rank NOT IN (SELECT rank FROM (SELECT rank,"
            " sum(length(payload)) OVER (ORDER BY rank DESC) AS bytes,"
            " row_number() OVER (ORDER BY rank DESC) AS place FROM set_aside)"
            " WHERE place = 1 OR (place <= ? AND bytes <= ?))",
            (KEPT, KEPT_BYTES),
        )

    def count(self) -> int:
        """Return the number of dead letters."""
        count: int = self._db.execute("SELECT count(*) FROM set_aside").fetchone()[0]
        return count

    def all(self) -> list[DeadLetter]:
        """Return the dead letters, oldest first."""
        rows = self._db.execute(
            "SELECT id, operation, transaction_id, reply_to, attempts, reason, at,"
            " length(payload) FROM set_aside ORDER BY rank"
        )
        fields = DeadLetter.__struct_fields__
        return [DeadLetter(**dict(zip(fields, row, strict=True))) for row in rows]

    def payload(self, request_id: str) -> bytes | None:
        """Return the payload of a dead letter; None if there is none of this id."""
        query = "SELECT payload FROM set_aside WHERE id = ?"
        row = self._db.execute(query, (request_id,)).fetchone()
        return bytes(row[0]) if row else None

    def remove(self, request_id: str) -> bool:
        """Delete a dead letter; False if there is none of this id."""
        query = "DELETE FROM set_aside WHERE id = ?"
        return self._db.execute(query, (request_id,)).rowcount > 0


@contextlib.contextmanager
def open_dead_letters(directory: Path) -> Iterator[DeadLetters]:
    """Open the dead letters in a state directory while a daemon may be using it.

    Raises:
        JournalError: the journal cannot be read, or is of an older version.

    """
    path = directory / FILE
    exists = path.exists()
    try:
        database = sqlite3.connect(path if exists else ":memory:", isolation_level=None, timeout=2)
        with contextlib.closing(database):
            if not exists:
                upgrade(database, 0)
            yield DeadLetters(database)
    except sqlite3.Error as error:
        if "no such table" in str(error):
            message = f"{path} is of an older version; start the appliance once to upgrade it"
            raise JournalError(message) from error
        raise JournalError(f"{path} cannot be read: {explain(error)}") from error
