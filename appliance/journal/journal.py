"""The journal: requests not answered yet and messages not delivered yet, safe from power cuts."""

from __future__ import annotations

import contextlib
import logging
import sqlite3
import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

import msgspec

from appliance.errors import JournalError
from appliance.journal.database import (
    FILE,
    damaged_journals,
    explain,
    file_identity,
    open_database,
    write_copy,
)
from appliance.journal.dead_letters import DeadLetters
from appliance.journal.inbox import Inbox, InboxVerdict, Size
from appliance.journal.outbox import Outbox, OutboxRow, WaitingCommand

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

    from appliance import config
    from appliance.journal.inbox import IncomingRequest
    from appliance.values import Message, Request, Result

logger = logging.getLogger(__name__)

LOST = (
    "the state directory was removed or replaced; the journal was written there again, and the "
    "appliance starts again"
)


@dataclass(frozen=True, slots=True)
class JournalCounts:
    """Numbers of rows in the journal, and its counters."""

    inbox: Size
    outbox: Size
    dropped: int = 0
    """Messages dropped without delivery, ever."""
    seq: int = 0
    """Number of results, ever."""
    last_id: str | None = None
    """The newest id of a request or result; new ids must sort after it."""


class Journal:
    """Inbox, outbox and dead letters in one database, so that one commit can move between them.

    Any thread may call it. Each call raises JournalError if the disk refuses, and the journal is
    then as it was before the call. Ages are measured on the journal's own clock: the seconds it
    has been open in its life, which no jump of the calendar changes.
    """

    def __init__(
        self,
        directory: Path,
        limits: config.JournalSettings,
        requests_limits: config.RequestSettings,
        clock: Callable[[], float] = time.monotonic,
        *,
        answer_prefixes: Sequence[str] = (),
    ) -> None:
        """`answer_prefixes` begin the topics of answers, which are dropped before results."""
        self._lock = threading.RLock()
        self._db = open_database(directory)
        self._path = directory / FILE
        self._identity = file_identity(self._path)
        self.is_lost = False
        """Whether the file was removed while it was open; then the appliance restarts."""
        self.damaged = len(damaged_journals(directory))
        """Number of damaged journals that were renamed and not deleted yet."""
        self._inbox = Inbox(self._db, requests_limits)
        self._outbox = Outbox(self._db, limits, answer_prefixes)
        self._dead_letters = DeadLetters(self._db)
        self._unfinished_before = self._dead_letters.unfinished()
        meta = dict(self._db.execute("SELECT key, value FROM meta").fetchall())
        self._dropped = int(meta.get("dropped", 0))
        self._seq = int(meta.get("seq", 0))
        self._last_id: str | None = meta.get("last_id")
        self._clock = clock
        self._opened_s = clock()
        self._open_before_s = float(meta.get("lived", 0.0))

    @property
    def last_id(self) -> str | None:
        """The newest id of a request or result; new ids must sort after it."""
        return self._last_id

    @property
    def counts(self) -> JournalCounts:
        """The present numbers of rows and counters."""
        with self._lock:
            sizes = self._inbox.size, self._outbox.size
            return JournalCounts(*sizes, self._dropped, self._seq, self._last_id)

    def dead_letter_count(self) -> int:
        """Return the number of dead letters; `appliance requests forget` may delete some."""
        with self._reading():
            return self._dead_letters.count()

    def close(self) -> None:
        """Close the file; may be called twice."""
        with self._lock:
            self._db.close()

    def accept(self, incoming: Sequence[IncomingRequest]) -> list[InboxVerdict]:
        """Write requests to the inbox, all in one commit; return a verdict for each."""
        if self._inbox.refuses_all(incoming):
            return [InboxVerdict() for _ in incoming]
        with self._writing():
            return self._accept(incoming)

    def free_for_new(self) -> int:
        """Number of requests from unknown requesters that have room now. It never waits."""
        return self._inbox.free_for_new()

    def withdraw(self, request_ids: Iterable[str]) -> None:
        """Delete accepted requests that are answered without a result."""
        with self._writing():
            for request_id in request_ids:
                self._dead_letters.record_success(request_id)
                self._inbox.remove(request_id)

    def waiting(self) -> list[Request]:
        """The requests accepted and not answered, in the order of their arrival."""
        with self._reading():
            return self._inbox.all()

    def record_attempt(self, request_id: str) -> None:
        """Count an attempt at a request, before its work starts.

        A crash of the process leaves the count in the kernel's memory, so the SD card is spared
        a synced write for every request. A power cut loses it; therefore the write is synced
        if an attempt at this request did not end before the last start.
        """
        with self._writing(sync=request_id in self._unfinished_before):
            self._dead_letters.record_attempt(request_id)

    def undo_attempt(self, request_id: str) -> None:
        """Do not count an attempt that we interrupted ourselves."""
        with self._writing(sync=False):
            self._dead_letters.undo_attempt(request_id)

    def attempts(self, request_id: str) -> int:
        """Return how many attempts at a request did not end."""
        with self._reading():
            return self._dead_letters.attempts(request_id)

    def commit(
        self,
        result: Result,
        messages_for: Callable[[Result], Iterable[Message]],
        request_id: str | None = None,
        *,
        dead_letter: bool = False,
        records: Mapping[str, bytes] | None = None,
    ) -> Result:
        """In one commit: number a result, enqueue its messages, and remove its request.

        `dead_letter` keeps a copy of the request for the operator; `records` are written, too.
        """
        with self._writing():
            self._seq += 1
            result = msgspec.structs.replace(result, seq=self._seq)
            if request_id is not None:
                if dead_letter:
                    self._dead_letters.add(request_id, result.reason or "")
                self._dead_letters.record_success(request_id)
                identity = self._inbox.remove(request_id)
                if identity is not None:
                    self._inbox.keep_answer(identity, result, self._now_s())
            self._dropped += self._outbox.enqueue(messages_for(result), self._now_s())
            self._write_records(records or {})
            self._remember(result.id)
            return result

    def records(self, prefix: str) -> dict[str, bytes]:
        """Return the kept records whose key begins with `prefix`, by the rest of the key."""
        with self._reading():
            rows = self._db.execute("SELECT key, value FROM records").fetchall()
            return {k.removeprefix(prefix): v for k, v in rows if k.startswith(prefix)}

    def write_records(
        self,
        changes: Mapping[str, bytes | None],
        messages: Iterable[Message] = (),
        requests: Iterable[IncomingRequest] = (),
    ) -> list[InboxVerdict]:
        """In one commit: change records (None deletes one), enqueue messages, accept requests.

        Return the verdict for each request, as `accept` does.
        """
        with self._writing():
            self._write_records(changes)
            self._dropped += self._outbox.enqueue(messages, self._now_s())
            return self._accept(requests)

    def end_record(self, key: str, messages: Iterable[Message] = ()) -> bool:
        """In one commit: delete a record and enqueue messages; whether the record was there.

        Not synced: a power cut in the next moment only makes its messages be told again.
        """
        with self._writing(sync=False):
            query = "DELETE FROM records WHERE key = ? RETURNING key"
            was_there = bool(self._db.execute(query, (key,)).fetchall())
            self._dropped += self._outbox.enqueue(messages, self._now_s())
            return was_there

    def waiting_commands(self) -> list[WaitingCommand]:
        """Return the commands to devices that are in the outbox, sent or not."""
        with self._reading():
            return self._outbox.commands()

    def pending(
        self, limit: int, skip_ranks: Collection[int] = (), skip_topics: Collection[str] = ()
    ) -> list[OutboxRow]:
        """Return the oldest messages of the outbox, without some ranks and topics."""
        with self._reading():
            return self._outbox.oldest(limit, skip_ranks, skip_topics)

    def oldest_age_s(self) -> float | None:
        """Return how long the oldest message has waited; None if the outbox is empty."""
        with self._reading():
            written_s = self._outbox.oldest_written_s()
            return None if written_s is None else max(0.0, self._now_s() - written_s)

    def mark_sent(self, rank: int) -> None:
        """Note that a command is being sent: after a crash it is not sent again.

        Not synced: after a power cut, which would lose the note, no command is sent anyway.
        """
        with self._writing(sync=False):
            self._outbox.mark_sent(rank)

    def remove_delivered(self, ranks: Iterable[int]) -> None:
        """Delete messages that the broker has acknowledged.

        Not synced: a power cut in the next moment only sends them a second time, and the SD card
        is spared a write for every message.
        """
        with self._writing(sync=False):
            self._outbox.remove(ranks)

    def drop(self, ranks: Iterable[int]) -> None:
        """Delete messages that no broker will ever take; they count as dropped."""
        with self._writing():
            self._dropped += self._outbox.remove(ranks)

    def drop_old(self) -> None:
        """Drop messages older than `journal.maximum_age_days`; call it about once a minute."""
        with self._reading():
            ranks = self._outbox.too_old(self._now_s())
        if ranks:
            logger.error(
                "dropped %d messages that waited longer than journal.maximum_age_days; "
                "find out why the broker does not take them", len(ranks),
            )  # fmt: skip
            self.drop(ranks)

    def _write_records(self, changes: Mapping[str, bytes | None] | Mapping[str, bytes]) -> None:
        for key, value in changes.items():
            if value is None:
                self._db.execute("DELETE FROM records WHERE key = ?", (key,))
            else:
                self._db.execute("INSERT OR REPLACE INTO records VALUES (?, ?)", (key, value))

    def _accept(self, incoming: Iterable[IncomingRequest]) -> list[InboxVerdict]:
        verdicts = [self._inbox.accept(request, self._now_s()) for request in incoming]
        for verdict in verdicts:
            if verdict.accepted is not None:
                self._remember(verdict.accepted.id)
        return verdicts

    def _now_s(self) -> float:
        """Return the seconds that the journal has been open in its life."""
        return self._open_before_s + self._clock() - self._opened_s

    def _remember(self, new_id: str) -> None:
        self._last_id = max(self._last_id or "", new_id)

    @contextlib.contextmanager
    def _reading(self) -> Iterator[None]:
        with self._lock:
            try:
                yield
            except sqlite3.Error as error:
                raise JournalError(f"the journal cannot be read: {explain(error)}") from error

    @contextlib.contextmanager
    def _writing(self, *, sync: bool = True) -> Iterator[None]:
        """Run one transaction; if it fails, restore the counters in memory, too.

        A transaction that is not synced reaches the disk with the next one that is.
        """
        with self._lock:
            before = self.counts
            try:
                self._check_place()
                self._db.execute(f"PRAGMA synchronous = {'FULL' if sync else 'NORMAL'}")
                self._db.execute("BEGIN IMMEDIATE")
                yield
                if sync:  # the others change only the time
                    self._write_meta()
                self._db.execute("COMMIT")
            except BaseException as error:
                self._undo(before)
                if isinstance(error, sqlite3.Error):
                    message = f"the journal cannot be written: {explain(error)}"
                    raise JournalError(message) from error
                raise

    def _check_place(self) -> None:
        """Notice that the state directory was removed or replaced; then put the journal back.

        SQLite would go on writing into the deleted file, and all of that would be gone at the end.
        """
        if not self.is_lost and file_identity(self._path) != self._identity:
            try:
                write_copy(self._db, self._path)
            except OSError as error:
                message = f"the state directory is gone: {explain(error)}"
                raise JournalError(message) from error
            self.is_lost = True
        if self.is_lost:
            raise JournalError(LOST)

    def _write_meta(self) -> None:
        values = {
            "lived": self._now_s(),
            "seq": self._seq,
            "dropped": self._dropped,
            "last_id": self._last_id,
        }
        self._db.executemany("INSERT OR REPLACE INTO meta VALUES (?, ?)", values.items())

    def _undo(self, before: JournalCounts) -> None:
        with contextlib.suppress(sqlite3.Error):
            if self._db.in_transaction:
                self._db.execute("ROLLBACK")
        self._inbox.size, self._outbox.size = before.inbox, before.outbox
        with contextlib.suppress(sqlite3.Error):
            self._inbox.read_identities()
        self._dropped, self._seq, self._last_id = before.dropped, before.seq, before.last_id
