"""The outbox: messages that the broker has not acknowledged yet."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import msgspec

from appliance.ids import boot_id, boot_seconds
from appliance.journal.inbox import Size
from appliance.values import Message, encode

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Collection, Iterable, Sequence

    from appliance import config

logger = logging.getLogger(__name__)

DAY_S = 86_400.0

STALE_ROWS_S = 5.0
"""Seconds that a command that is too old stays, so that its sender sees that it was not sent."""


@dataclass(frozen=True, slots=True)
class OutboxRow:
    """A message on disk."""

    rank: int
    """Counts messages: the order in which they were written."""
    message: Message
    is_answer: bool = False
    """Whether it is an answer to one requester."""


@dataclass(frozen=True, slots=True)
class WaitingCommand:
    """A command to a device that the broker has not acknowledged."""

    command: str
    """Key of the record of the command that it belongs to."""
    topic: str
    is_sent: bool
    """Whether it was being sent, so that it may have arrived."""
    is_stale: bool
    """Whether it is too late to send it."""


class Outbox:
    """SQL inside a transaction that the journal begins and ends.

    `now_s` is the journal's own clock, see `Journal`.
    """

    def __init__(
        self,
        database: sqlite3.Connection,
        limits: config.JournalSettings,
        answer_prefixes: Sequence[str] = (),
    ) -> None:
        """`answer_prefixes` begin the topics of answers to single requesters."""
        self._db = database
        self._answer_prefixes = tuple(answer_prefixes)
        self._limits = limits
        query = "SELECT count(*), coalesce(sum(size), 0), coalesce(max(rank), 0) FROM outbox"
        rows, size, self._last_rank = database.execute(query).fetchone()
        self.size = Size(rows, size)

    def enqueue(self, messages: Iterable[Message], now_s: float) -> int:
        """Write messages; return how many of the oldest were dropped to make room."""
        last_rank_before = self._last_rank
        for message in messages:
            self._insert(message, now_s)
        return self._evict(last_rank_before)

    def oldest(
        self, limit: int, skip_ranks: Collection[int], skip_topics: Collection[str]
    ) -> list[OutboxRow]:
        """Return the first `limit` messages, without some ranks and topics."""
        rows = self._db.execute(
            "SELECT rank, topic, payload, retain, content_type, correlation, user_properties,"
            " qos, expires_boot_seconds"
            " FROM outbox WHERE rank NOT IN (SELECT value FROM json_each(?))"
            " AND topic NOT IN (SELECT value FROM json_each(?))"
            " AND (expires_boot_seconds IS NULL"
            " OR (boot IS ? AND expires_boot_seconds > ? AND NOT sent)) ORDER BY rank LIMIT ?",
            (
                encode(list(skip_ranks)).decode(),
                encode(list(skip_topics)).decode(),
                boot_id(),
                boot_seconds(),
                limit,
            ),
        )
        return [
            OutboxRow(row[0], _message(row), row[1].startswith(self._answer_prefixes))
            for row in rows
        ]

    def remove(self, ranks: Iterable[int]) -> int:
        """Delete messages; return how many of them existed."""
        removed = 0
        for rank in ranks:
            query = "DELETE FROM outbox WHERE rank = ? RETURNING size"
            for (size,) in self._db.execute(query, (rank,)).fetchall():
                self.size = self.size.minus(size)
                removed += 1
        return removed

    def too_old(self, now_s: float) -> list[int]:
        """Return the ranks that have waited longer than `journal.maximum_age_days`."""
        horizon = now_s - self._limits.maximum_age_days * DAY_S
        rows = self._db.execute(
            "SELECT rank FROM outbox WHERE written < ? OR (expires_boot_seconds IS NOT NULL"
            " AND (boot IS NOT ? OR expires_boot_seconds < ?))",
            (horizon, boot_id(), boot_seconds() - STALE_ROWS_S),
        )
        return [rank for (rank,) in rows]

    def mark_sent(self, rank: int) -> None:
        """Note that a command is being sent: after a crash it is not sent again."""
        self._db.execute("UPDATE outbox SET sent = 1 WHERE rank = ?", (rank,))

    def commands(self) -> list[WaitingCommand]:
        """Return the commands to devices, sent or not."""
        rows = self._db.execute(
            "SELECT command, topic, sent, boot IS NOT ? OR expires_boot_seconds < ? FROM outbox"
            " WHERE command IS NOT NULL",
            (boot_id(), boot_seconds()),
        )
        return [WaitingCommand(key, topic, bool(sent), bool(old)) for key, topic, sent, old in rows]

    def oldest_written_s(self) -> float | None:
        """Return when the oldest message was written, on the journal's clock; None if empty."""
        row = self._db.execute("SELECT written FROM outbox ORDER BY rank LIMIT 1").fetchone()
        return None if row is None else float(row[0])

    def _insert(self, message: Message, now_s: float) -> None:
        size = len(message.payload)
        # Counted here so that no rank is used twice: a late acknowledgement must not delete
        # another row.
        self._last_rank += 1
        self._db.execute(
            "INSERT INTO outbox (rank, size, written, topic, retain, content_type, correlation,"
            " user_properties, payload, qos, boot, expires_boot_seconds, command)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                self._last_rank, size, now_s, message.topic, message.retain, message.content_type,
                message.correlation, encode(message.user_properties).decode(), message.payload,
                message.qos, None if message.fresh_s is None else boot_id(),
                None if message.fresh_s is None else boot_seconds() + message.fresh_s,
                message.command,
            ),
        )  # fmt: skip
        self.size = self.size.plus(size)

    def _evict(self, last_rank: int) -> int:
        """Drop the oldest answers, then the oldest of the rest, up to `last_rank`.

        The messages just written always stay. Whoever asked can ask again; a result that was
        spoken is nowhere else.
        """
        dropped = 0
        while (
            self.size.rows > self._limits.maximum_rows
            or self.size.bytes > self._limits.maximum_bytes
        ):
            row = self._oldest_answer(last_rank)
            if row is None:
                query = "SELECT rank FROM outbox WHERE rank <= ? ORDER BY rank LIMIT 1"
                row = self._db.execute(query, (last_rank,)).fetchone()
            if row is None:
                break
            dropped += self.remove(row)
        if dropped:
            logger.error(
                "the outbox is full (journal.maximum_rows, journal.maximum_bytes): dropped %d "
                "messages, answers first; find out why the broker does not take them", dropped,
            )  # fmt: skip
        return dropped

    def _oldest_answer(self, last_rank: int) -> tuple[int] | None:
        query = (
            "SELECT rank FROM outbox WHERE rank <= ? AND EXISTS (SELECT 1 FROM json_each(?)"
            " WHERE substr(outbox.topic, 1, length(value)) = value) ORDER BY rank LIMIT 1"
        )
        prefixes = encode(self._answer_prefixes).decode()
        row: tuple[int] | None = self._db.execute(query, (last_rank, prefixes)).fetchone()
        return row


def _message(row: tuple[Any, ...]) -> Message:
    pairs = msgspec.json.decode(row[6], type=tuple[tuple[str, str], ...])
    return Message(
        topic=row[1],
        payload=row[2],
        retain=bool(row[3]),
        content_type=row[4],
        correlation=row[5],
        user_properties=pairs,
        qos=row[7],
        fresh_s=None if row[8] is None else max(0.0, row[8] - boot_seconds()),
    )
