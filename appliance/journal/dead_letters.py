"""Requests whose work ended the process: counted as they begin, set aside after too many."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    import sqlite3

KEPT = 20
"""Requests that are set aside: enough to study, and no way to fill a card."""

KEPT_BYTES = 33_554_432
"""The same in bytes of their payloads."""


class SetAside(msgspec.Struct, frozen=True, kw_only=True):
    """A request that was given up; part of `appliance requests --json`."""

    id: str
    operation: str
    transaction: str | None
    reply_to: str | None
    attempts: int
    """How often its work was begun."""
    reason: str
    at: str
    """UTC, ISO 8601."""
    bytes: int
    """Of the payload."""


class CrashCounter:
    """SQL inside a transaction that the journal begins and ends."""

    def __init__(self, database: sqlite3.Connection) -> None:
        self._db = database

    def begin(self, request_id: str) -> None:
        """Its work begins; counted also where it ends well, and then forgotten."""
        self._db.execute(
            "INSERT INTO attempts VALUES (?, 1) ON CONFLICT (id) DO UPDATE SET begun = begun + 1",
            (request_id,),
        )

    def put_off(self, request_id: str) -> None:
        """Its work was broken off by us: that was no attempt."""
        self._db.execute("UPDATE attempts SET begun = begun - 1 WHERE id = ?", (request_id,))

    def forget(self, request_id: str) -> None:
        """It is over."""
        self._db.execute("DELETE FROM attempts WHERE id = ?", (request_id,))

    def attempts(self, request_id: str) -> int:
        """How often its work was begun."""
        query = "SELECT begun FROM attempts WHERE id = ?"
        row = self._db.execute(query, (request_id,)).fetchone()
        return row[0] if row else 0

    def begun_before(self) -> frozenset[str]:
        """Whose work was begun, and did not end."""
        rows = self._db.execute("SELECT id FROM attempts WHERE begun > 0")
        return frozenset(row[0] for row in rows)

    def set_aside(self, request_id: str, reason: str) -> None:
        """Keep a request of the inbox for the operator, and the newest of those kept before."""
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
        """How many are set aside."""
        count: int = self._db.execute("SELECT count(*) FROM set_aside").fetchone()[0]
        return count

    def all(self) -> list[SetAside]:
        """Those that are set aside, oldest first."""
        rows = self._db.execute(
            "SELECT id, operation, transaction_id, reply_to, attempts, reason, at,"
            " length(payload) FROM set_aside ORDER BY rank"
        )
        return [SetAside(**dict(zip(SetAside.__struct_fields__, row, strict=True))) for row in rows]

    def payload(self, request_id: str) -> bytes | None:
        """What one of them asked; None where there is none of this id."""
        query = "SELECT payload FROM set_aside WHERE id = ?"
        row = self._db.execute(query, (request_id,)).fetchone()
        return bytes(row[0]) if row else None

    def drop(self, request_id: str) -> bool:
        """Forget one of them; False where there is none of this id."""
        query = "DELETE FROM set_aside WHERE id = ?"
        return self._db.execute(query, (request_id,)).rowcount > 0
