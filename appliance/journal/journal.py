"""What survives a power cut: requests not yet answered, results not yet delivered."""

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
from appliance.journal.database import damaged_journals, explain, open_database
from appliance.journal.dead_letters import CrashCounter
from appliance.journal.inbox import Inbox, InboxVerdict, Size
from appliance.journal.outbox import Outbox, OutboxRow

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
    from pathlib import Path

    from appliance import config
    from appliance.journal.inbox import IncomingRequest
    from appliance.values import Message, Request, Result

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Counts:
    """What is in the journal."""

    inbox: Size
    outbox: Size
    dropped: int = 0
    """Messages let go undelivered, ever."""
    seq: int = 0
    """Results, ever."""
    last_id: str | None = None
    """The newest id of a request or result, for Ids to continue behind."""


class Journal:
    """An inbox and an outbox in one database, so that one commit can move between them.

    Every thread may call it. Each call raises JournalError when the disk refuses, and the
    journal is then as it was before the call.
    """

    def __init__(
        self,
        directory: Path,
        limits: config.JournalSettings,
        requests_limits: config.RequestSettings,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._lock = threading.RLock()
        self._db = open_database(directory)
        self.damaged = len(damaged_journals(directory))
        """Journals that were set aside because they could not be read whole."""
        self._inbox = Inbox(self._db, requests_limits)
        self._outbox = Outbox(self._db, limits)
        self._poison = CrashCounter(self._db)
        self._begun_before = self._poison.begun_before()
        meta = dict(self._db.execute("SELECT key, value FROM meta").fetchall())
        self._dropped = int(meta.get("dropped", 0))
        self._seq = int(meta.get("seq", 0))
        self._last_id: str | None = meta.get("last_id")
        self._clock = clock
        self._opened = clock()
        self._lived_before = float(meta.get("lived", 0.0))

    @property
    def last_id(self) -> str | None:
        """The newest id of a request or result, for Ids to continue behind."""
        return self._last_id

    @property
    def counts(self) -> Counts:
        """What is in the journal now."""
        with self._lock:
            sizes = self._inbox.size, self._outbox.size
            return Counts(*sizes, self._dropped, self._seq, self._last_id)

    def dead_letter_count(self) -> int:
        """Requests that were given up; `appliance requests` may forget some meanwhile."""
        with self._reading():
            return self._poison.count()

    def close(self) -> None:
        """Let go of the file; may be called twice."""
        with self._lock:
            self._db.close()

    def accept(self, offers: Sequence[IncomingRequest]) -> list[InboxVerdict]:
        """Take requests into the inbox, all in one commit; a verdict for each."""
        with self._writing():
            verdicts = [self._inbox.offer(offer, self._lived()) for offer in offers]
            for verdict in verdicts:
                if verdict.accepted is not None:
                    self._remember(verdict.accepted.id)
            return verdicts

    def withdraw(self, request_ids: Iterable[str]) -> None:
        """Take accepted requests out again that are answered without a result."""
        with self._writing():
            for request_id in request_ids:
                self._poison.forget(request_id)
                self._inbox.take_out(request_id)

    def waiting(self) -> list[Request]:
        """The requests accepted and not answered, in the order of their arrival."""
        with self._reading():
            return self._inbox.all()

    def record_attempt(self, request_id: str) -> None:
        """Count an attempt at a request's work, before it begins.

        What ends our process leaves that count in the kernel's memory, so the card is spared
        a forced write for every request. Work that takes the power with it leaves nothing;
        therefore the count of a request that was begun before the last start is forced.
        """
        recurring = request_id in self._begun_before
        with self._writing(forced=recurring):
            self._poison.begin(request_id)

    def undo_attempt(self, request_id: str) -> None:
        """Take an attempt back that we broke off ourselves."""
        with self._writing(forced=False):
            self._poison.put_off(request_id)

    def attempts(self, request_id: str) -> int:
        """How often a request's work was begun and did not end."""
        with self._reading():
            return self._poison.attempts(request_id)

    def commit(
        self,
        result: Result,
        messages_for: Callable[[Result], Iterable[Message]],
        request_id: str | None = None,
        *,
        dead_letter: bool = False,
    ) -> Result:
        """Number a result, put its messages out and its request away, in one commit.

        `dead_letter` keeps the request where the operator can see it.
        """
        with self._writing():
            self._seq += 1
            result = msgspec.structs.replace(result, seq=self._seq)
            if request_id is not None:
                if dead_letter:
                    self._poison.set_aside(request_id, result.reason or "")
                self._poison.forget(request_id)
                identity = self._inbox.take_out(request_id)
                if identity is not None:
                    self._inbox.keep_answer(identity, result, self._lived())
            self._dropped += self._outbox.put(messages_for(result), self._lived())
            self._remember(result.id)
            return result

    def pending(
        self, limit: int, but: Collection[int] = (), topics: Collection[str] = ()
    ) -> list[OutboxRow]:
        """The oldest messages, without the ranks in `but` and the topics in `topics`."""
        with self._reading():
            return self._outbox.oldest(limit, but, topics)

    def oldest_s(self) -> float | None:
        """How long the oldest message has waited; None while none waits."""
        with self._reading():
            written = self._outbox.written_first()
            return None if written is None else max(0.0, self._lived() - written)

    def delivered(self, ranks: Iterable[int]) -> None:
        """Forget messages that the broker has.

        Not forced to the disk at once: a power cut in the next moment only sends them a
        second time, and the card is spared a write for every message.
        """
        with self._writing(forced=False):
            self._outbox.remove(ranks)

    def drop(self, ranks: Iterable[int]) -> None:
        """Forget messages that no broker will ever take; they count as dropped."""
        with self._writing():
            self._dropped += self._outbox.remove(ranks)

    def drop_old(self) -> None:
        """Let go of what has waited longer than the operator allows; call it now and then."""
        with self._reading():
            ranks = self._outbox.older(self._lived())
        if ranks:
            logger.error(
                "%d messages waited longer than journal.maximum_age_days and are dropped; "
                "see why the broker does not take them", len(ranks),
            )  # fmt: skip
            self.drop(ranks)

    def _lived(self) -> float:
        """Seconds that the journal has been open, ever: an age that no clock jump changes."""
        return self._lived_before + self._clock() - self._opened

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
    def _writing(self, *, forced: bool = True) -> Iterator[None]:
        """One transaction; when it fails, memory too is as it was before.

        One that is not forced to the disk reaches it with the next that is.
        """
        with self._lock:
            before = self.counts
            try:
                self._db.execute(f"PRAGMA synchronous = {'FULL' if forced else 'NORMAL'}")
                self._db.execute("BEGIN IMMEDIATE")
                yield
                if forced:  # the others change nothing of it but the time
                    self._write_meta()
                self._db.execute("COMMIT")
            except BaseException as error:
                self._undo(before)
                if isinstance(error, sqlite3.Error):
                    message = f"the journal cannot be written: {explain(error)}"
                    raise JournalError(message) from error
                raise

    def _write_meta(self) -> None:
        values = {
            "lived": self._lived(),
            "seq": self._seq,
            "dropped": self._dropped,
            "last_id": self._last_id,
        }
        self._db.executemany("INSERT OR REPLACE INTO meta VALUES (?, ?)", values.items())

    def _undo(self, before: Counts) -> None:
        with contextlib.suppress(sqlite3.Error):
            if self._db.in_transaction:
                self._db.execute("ROLLBACK")
        self._inbox.size, self._outbox.size = before.inbox, before.outbox
        self._dropped, self._seq, self._last_id = before.dropped, before.seq, before.last_id
