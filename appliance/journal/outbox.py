"""The journal's outbox: messages that the broker has not acknowledged."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING

import msgspec

from appliance.journal.inbox import Size
from appliance.values import Message, encode

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Collection, Iterable

    from appliance import config

logger = logging.getLogger(__name__)

DAY = 86_400.0


@dataclass(frozen=True, slots=True)
class OutboxRow:
    """A message on disk."""

    rank: int
    message: Message


class Outbox:
    """SQL inside a transaction that the journal begins and ends."""

    def __init__(self, database: sqlite3.Connection, limits: config.JournalSettings) -> None:
        self._db = database
        self._limits = limits
        query = "SELECT count(*), coalesce(sum(size), 0), coalesce(max(rank), 0) FROM outbox"
        rows, size, self._newest = database.execute(query).fetchone()
        self.size = Size(rows, size)

    def put(self, messages: Iterable[Message], lived: float) -> int:
        """Add messages; returns how many of the oldest had to go to make room."""
        newest_before = self._newest
        for message in messages:
            self._insert(message, lived)
        return self._make_room(newest_before)

    def oldest(self, limit: int, but: Collection[int], topics: Collection[str]) -> list[OutboxRow]:
        """The first `limit` messages, without some ranks and topics."""
        rows = self._db.execute(
            "SELECT rank, topic, payload, retain, content_type, correlation, user_properties"
            " FROM outbox WHERE rank NOT IN (SELECT value FROM json_each(?))"
            " AND topic NOT IN (SELECT value FROM json_each(?)) ORDER BY rank LIMIT ?",
            (encode(list(but)).decode(), encode(list(topics)).decode(), limit),
        )
        return [OutboxRow(row[0], _message(row)) for row in rows]

    def remove(self, ranks: Iterable[int]) -> int:
        """Delete messages; returns how many of them were there."""
        removed = 0
        for rank in ranks:
            query = "DELETE FROM outbox WHERE rank = ? RETURNING size"
            for (size,) in self._db.execute(query, (rank,)).fetchall():
                self.size = self.size.minus(size)
                removed += 1
        return removed

    def older(self, lived: float) -> list[int]:
        """The ranks that have waited longer than the operator allows."""
        horizon = lived - self._limits.maximum_age_days * DAY
        rows = self._db.execute("SELECT rank FROM outbox WHERE written < ?", (horizon,))
        return [rank for (rank,) in rows]

    def written_first(self) -> float | None:
        """When the oldest message was put in, in seconds lived; None while there is none."""
        row = self._db.execute("SELECT written FROM outbox ORDER BY rank LIMIT 1").fetchone()
        return None if row is None else float(row[0])

    def _insert(self, message: Message, lived: float) -> None:
        size = len(message.payload)
        # Counted here: no rank is used twice, so a late acknowledgement cannot meet another row.
        self._newest += 1
        self._db.execute(
            "INSERT INTO outbox (rank, size, written, topic, retain, content_type, correlation,"
            " user_properties, payload) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                self._newest, size, lived, message.topic, message.retain, message.content_type,
                message.correlation, encode(message.user_properties).decode(), message.payload,
            ),
        )  # fmt: skip
        self.size = self.size.plus(size)

    def _make_room(self, newest: int) -> int:
        """Drop the oldest, up to `newest`: what was just written always stays."""
        dropped = 0
        while (
            self.size.rows > self._limits.maximum_rows
            or self.size.bytes > self._limits.maximum_bytes
        ):
            query = "SELECT rank FROM outbox WHERE rank <= ? ORDER BY rank LIMIT 1"
            row = self._db.execute(query, (newest,)).fetchone()
            if row is None:
                break
            dropped += self.remove(row)
        if dropped:
            logger.error(
                "the outbox is full (journal.maximum_rows, journal.maximum_bytes): its oldest "
                "%d messages are dropped; see why the broker does not take them", dropped,
            )  # fmt: skip
        return dropped


def _message(row: tuple[int, str, bytes, int, str | None, bytes | None, str]) -> Message:
    pairs = msgspec.json.decode(row[6], type=tuple[tuple[str, str], ...])
    return Message(
        topic=row[1],
        payload=row[2],
        retain=bool(row[3]),
        content_type=row[4],
        correlation=row[5],
        user_properties=pairs,
    )
