"""The inbox: requests that were accepted and not answered yet, and the answers of the last hour."""

from __future__ import annotations

import logging
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import msgspec

from appliance.errors import UNREADABLE_JSON
from appliance.journal.deadlines import Deadlines, StoredDeadline
from appliance.values import Operation, Outcome, Request, Result, encode

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable

    from appliance import config

logger = logging.getLogger(__name__)

ANSWERS_KEPT_S = 3600.0
"""Seconds in which a repeated request gets the same answer: longer than any sane client retries."""

ANSWERS_KEPT = 1000
"""Maximum number of kept answers, so that a flood of requests cannot fill the disk."""

RESERVED_SHARE = 4
"""One part in RESERVED_SHARE of the inbox is reserved for known requesters."""

NOT_KEPT = (Outcome.CANCELLED, Outcome.EXPIRED)
"""Outcomes without finished work, after which a repeated request starts it."""


@dataclass(frozen=True, slots=True)
class IncomingRequest:
    """A valid request before it is accepted."""

    request: Request
    identity: bytes
    """Equal for the same work, requester and request id."""
    may_repeat: bool
    """Whether it may have come before: it has an id, or the broker marked it as a duplicate."""
    is_new_requester: bool = False
    """Whether its requester has not asked before: part of the inbox is not for such requests."""


@dataclass(frozen=True, slots=True)
class InboxVerdict:
    """The result for an incoming request; all None if the inbox is full."""

    accepted: Request | None = None
    """The accepted request, now in the inbox."""
    position: int | None = None
    """Number of requests before it, whether it is new or was in the inbox already."""
    waits_as: str | None = None
    """Its id if it was in the inbox already."""
    result: Result | None = None
    """The answer, if it was answered within ANSWERS_KEPT_S."""


@dataclass(frozen=True, slots=True)
class Size:
    """Number of rows of a table, and their size in bytes."""

    rows: int = 0
    bytes: int = 0

    def plus(self, size_bytes: int) -> Size:
        """Return the size with one row more."""
        return Size(self.rows + 1, self.bytes + size_bytes)

    def minus(self, size_bytes: int) -> Size:
        """Return the size with one row less."""
        return Size(self.rows - 1, self.bytes - size_bytes)


class Inbox:
    """SQL inside a transaction that the journal begins and ends.

    `now_s` is the journal's own clock, see `Journal`.
    """

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
        self._identities: set[bytes] = set()
        self.read_identities()

    def refuses_all(self, incoming: Iterable[IncomingRequest]) -> bool:
        """Whether no request has room, and none of these came before.

        It needs no disk access: in a flood of requests, the refused ones must not wait for the
        commits of the others.
        """
        return all(
            self.size.rows >= self._limit_for(one) and not self._is_repeated(one)
            for one in incoming
        )

    def free_for_new(self) -> int:
        """Number of requests from unknown requesters that have room now, without disk access."""
        limit = self._limits.maximum_waiting
        return limit - limit // RESERVED_SHARE - self.size.rows

    def _limit_for(self, incoming: IncomingRequest) -> int:
        """Maximum number of rows before this one."""
        if incoming.is_new_requester:
            return self.free_for_new() + self.size.rows
        return self._limits.maximum_waiting

    def _is_repeated(self, incoming: IncomingRequest) -> bool:
        return incoming.may_repeat and incoming.identity in self._identities

    def read_identities(self) -> None:
        """Read which requests wait or were answered recently."""
        query = "SELECT identity FROM inbox UNION SELECT identity FROM answers"
        self._identities = {bytes(row[0]) for row in self._db.execute(query)}

    def accept(self, incoming: IncomingRequest, now_s: float) -> InboxVerdict:
        """Write a request, unless it is known already or the inbox is full."""
        if self._is_repeated(incoming) and (earlier := self._earlier(incoming.identity, now_s)):
            return earlier
        if self.size.rows >= self._limit_for(incoming):
            return InboxVerdict()
        request, grown = incoming.request, self.size.plus(len(incoming.request.payload))
        if not self._fits(grown, 1) or not self._fits(self._grown_of(request), 2):
            return InboxVerdict()
        deadline = self._deadlines.stored(request.expires_at)
        self._db.execute(
            "INSERT INTO inbox (id, identity, operation, transaction_id, priority, boot,"
            " expires_boot_seconds, expires_at, reply_to, correlation, requester, payload, area)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                request.id, incoming.identity, request.operation, request.transaction,
                request.priority, deadline.boot, deadline.boot_seconds, deadline.unix_seconds,
                request.reply_to, request.correlation, request.requester, request.payload,
                request.area,
            ),
        )  # fmt: skip
        position, self.size = self.size.rows, grown
        self._identities.add(incoming.identity)
        return InboxVerdict(accepted=request, position=position)

    def _fits(self, grown: Size, share: int) -> bool:
        """Whether this size is allowed; one requester may use half of the inbox."""
        limits = self._limits
        return (
            grown.rows <= math.ceil(limits.maximum_waiting / share)
            and grown.bytes <= max(limits.maximum_bytes, limits.maximum_waiting_bytes // share)
            and grown.bytes <= limits.maximum_waiting_bytes
        )

    def _grown_of(self, request: Request) -> Size:
        """The size of this requester's rows, with this request added."""
        query = "SELECT count(*), coalesce(sum(length(payload)), 0) FROM inbox WHERE requester = ?"
        size = Size(*self._db.execute(query, (request.requester,)).fetchone())
        return size.plus(len(request.payload))

    def all(self) -> list[Request]:
        """Return every request, in the order of arrival.

        A request that a newer version accepted and this one cannot read stays on disk for that
        version.
        """
        rows = self._db.execute(
            "SELECT id, operation, payload, transaction_id, priority, reply_to, correlation,"
            " requester, area, boot, expires_boot_seconds, expires_at FROM inbox ORDER BY rank"
        )
        known = frozenset(operation.value for operation in Operation)
        requests = []
        for row in rows:
            if row[1] in known:
                requests.append(self._request(row))
            else:
                message = "request %s stays on disk: this version has no operation %s"
                logger.error(message, row[0], row[1])
        return requests

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
            area=row[8],
            expires_at=self._deadlines.restored(StoredDeadline(*row[9:])),
        )

    def remove(self, request_id: str) -> bytes | None:
        """Delete a request; return its identity, or None if it is not here."""
        row = self._db.execute(
            "DELETE FROM inbox WHERE id = ? RETURNING identity, length(payload)", (request_id,)
        ).fetchone()
        if row is None:
            return None
        self.size = self.size.minus(row[1])
        self._identities.discard(bytes(row[0]))
        return bytes(row[0])

    def keep_answer(self, identity: bytes, result: Result, now_s: float) -> None:
        """Keep the answer in case the request is repeated, and delete old answers."""
        if result.outcome in NOT_KEPT:
            return
        self._db.execute(
            "INSERT OR REPLACE INTO answers (identity, written, result) VALUES (?, ?, ?)",
            (identity, now_s, encode(result)),
        )
        self._identities.add(identity)
        old = self._db.execute(
            "DELETE FROM answers WHERE written < ? OR rank <= (SELECT max(rank) FROM answers) - ?"
            " RETURNING identity",
            (now_s - ANSWERS_KEPT_S, ANSWERS_KEPT),
        )
        self._identities.difference_update(bytes(row[0]) for row in old.fetchall())

    def _earlier(self, identity: bytes, now_s: float) -> InboxVerdict | None:
        """Return the verdict if the request waits already or was answered recently."""
        query = (
            "SELECT (SELECT count(*) FROM inbox AS other WHERE other.rank < inbox.rank), id"
            " FROM inbox WHERE identity = ?"
        )
        if row := self._db.execute(query, (identity,)).fetchone():
            return InboxVerdict(position=row[0], waits_as=row[1])
        query = "SELECT result FROM answers WHERE identity = ? AND written >= ?"
        if row := self._db.execute(query, (identity, now_s - ANSWERS_KEPT_S)).fetchone():
            try:
                return InboxVerdict(result=msgspec.json.decode(row[0], type=Result))
            except UNREADABLE_JSON:  # of another version, or damaged
                logger.warning("a kept answer cannot be read; its request is done again")
        return None
