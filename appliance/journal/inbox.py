"""The journal's inbox: requests accepted and not yet answered, and the answers of the last hour."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import msgspec

from appliance.journal.deadlines import Deadlines, Stored
from appliance.values import Operation, Outcome, Request, Result, encode

if TYPE_CHECKING:
    import sqlite3

    from appliance import config

ANSWERS_KEPT_S = 3600.0
"""How long the same request gets the same answer again: longer than any sane retry."""

ANSWERS_KEPT = 1000
"""The same in number, so that a flood of requests cannot fill the disk."""

NOT_KEPT = (Outcome.CANCELLED, Outcome.EXPIRED)
"""Who asks again after these wants the work done."""


@dataclass(frozen=True, slots=True)
class IncomingRequest:
    """A request that is in order, before it is accepted."""

    request: Request
    identity: bytes
    """Equal for the same work asked for by the same requester under the same id."""
    may_repeat: bool
    """It has an id, or the broker says that it sent it before."""


@dataclass(frozen=True, slots=True)
class InboxVerdict:
    """What became of an offer; all None says that the inbox is full."""

    accepted: Request | None = None
    """Now in the inbox: to be worked on."""
    position: int | None = None
    """How many go first, whether it is new or waits already."""
    result: Result | None = None
    """It was answered a short while ago: this is the answer."""


@dataclass(frozen=True, slots=True)
class Size:
    """How much a table holds."""

    rows: int = 0
    bytes: int = 0

    def plus(self, size: int) -> Size:
        """With one row more."""
        return Size(self.rows + 1, self.bytes + size)

    def minus(self, size: int) -> Size:
        """With one row less."""
        return Size(self.rows - 1, self.bytes - size)


class Inbox:
    """SQL inside a transaction that the journal begins and ends."""

    def __init__(
        self,
        database: sqlite3.Connection,
        limits: config.RequestSettings,
        deadlines: Deadlines | None = None,
    ) -> None:
        self._db = database
        self._limits = limits
        self._deadlines = deadlines or Deadlines.of_this_boot()
        query = "SELECT count(*), coalesce(sum(length(payload)), 0) FROM inbox"
        self.size = Size(*database.execute(query).fetchone())

    def offer(self, offer: IncomingRequest, lived: float) -> InboxVerdict:
        """Take a request, unless it is known already or there is no room."""
        if offer.may_repeat and (earlier := self._earlier(offer.identity, lived)):
            return earlier
        request, grown = offer.request, self.size.plus(len(offer.request.payload))
        if (
            grown.rows > self._limits.maximum_waiting
            or grown.bytes > self._limits.maximum_waiting_bytes
        ):
            return InboxVerdict()
        deadline = self._deadlines.stored(request.expires_at)
        self._db.execute(
            "INSERT INTO inbox (id, identity, operation, transaction_id, priority, boot,"
            " expires_boot_seconds, expires_at, reply_to, correlation, requester, payload)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                request.id, offer.identity, request.operation, request.transaction,
                request.priority, deadline.boot, deadline.boot_seconds, deadline.unix_seconds,
                request.reply_to, request.correlation, request.requester, request.payload,
            ),
        )  # fmt: skip
        position, self.size = self.size.rows, grown
        return InboxVerdict(accepted=request, position=position)

    def all(self) -> list[Request]:
        """Every request, in the order of arrival."""
        rows = self._db.execute(
            "SELECT id, operation, payload, transaction_id, priority, reply_to, correlation,"
            " requester, boot, expires_boot_seconds, expires_at FROM inbox ORDER BY rank"
        )
        return [self._request(row) for row in rows]

    def _request(self, row: tuple[Any, ...]) -> Request:
        return Request(
            id=row[0],
            operation=Operation(row[1]),
            payload=row[2],
            transaction=row[3],
            priority=row[4],
            reply_to=row[5],
            correlation=row[6],
            requester=row[7],
            expires_at=self._deadlines.restored(Stored(*row[8:])),
        )

    def take_out(self, request_id: str) -> bytes | None:
        """Remove a request; returns its identity, or None if it is not here."""
        row = self._db.execute(
            "DELETE FROM inbox WHERE id = ? RETURNING identity, length(payload)", (request_id,)
        ).fetchone()
        if row is None:
            return None
        self.size = self.size.minus(row[1])
        return bytes(row[0])

    def keep_answer(self, identity: bytes, result: Result, lived: float) -> None:
        """Remember the answer for a requester that asks again, and forget old ones."""
        if result.outcome in NOT_KEPT:
            return
        self._db.execute(
            "INSERT OR REPLACE INTO answers (identity, written, result) VALUES (?, ?, ?)",
            (identity, lived, encode(result)),
        )
        self._db.execute(
            "DELETE FROM answers WHERE written < ? OR rank <= (SELECT max(rank) FROM answers) - ?",
            (lived - ANSWERS_KEPT_S, ANSWERS_KEPT),
        )

    def _earlier(self, identity: bytes, lived: float) -> InboxVerdict | None:
        """The verdict on a request that waits, or was answered a short while ago."""
        query = (
            "SELECT (SELECT count(*) FROM inbox AS other WHERE other.rank < inbox.rank)"
            " FROM inbox WHERE identity = ?"
        )
        if row := self._db.execute(query, (identity,)).fetchone():
            return InboxVerdict(position=row[0])
        query = "SELECT result FROM answers WHERE identity = ? AND written >= ?"
        if row := self._db.execute(query, (identity, lived - ANSWERS_KEPT_S)).fetchone():
            return InboxVerdict(result=msgspec.json.decode(row[0], type=Result))
        return None
