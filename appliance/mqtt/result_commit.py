"""Commits results to the journal; while the disk refuses, keeps and publishes them from memory."""

from __future__ import annotations

import collections
import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from appliance.errors import JournalError
from appliance.journal.circuit_breaker import RETRY_S
from appliance.values import Action

if TYPE_CHECKING:
    from collections.abc import Iterator

    from appliance.journal.journal import Journal
    from appliance.messages.topics import Topics
    from appliance.mqtt.connection import BrokerConnection
    from appliance.mqtt.publisher import Publisher
    from appliance.values import Message, Request, Result

MAXIMUM_UNCOMMITTED = 1000
"""Maximum number of results in memory that wait for the disk; the oldest are lost first."""


NOTHING_DONE = Action()


@dataclass(frozen=True, slots=True)
class FinishedJob:
    """A result, and the request that it answers."""

    result: Result
    request: Request | None
    dead_letter: bool
    action: Action = NOTHING_DONE
    """Its messages are published after the result."""
    is_published: bool = False
    """Whether its messages were sent from memory."""


class ResultCommitter:
    """Retry policy for results that the disk refused: kept in memory, committed in their order."""

    def __init__(
        self, journal: Journal, connection: BrokerConnection, topics: Topics, publisher: Publisher
    ) -> None:
        self._journal = journal
        self._connection = connection
        self._topics = topics
        self._publisher = publisher
        self._uncommitted: collections.deque[FinishedJob] = collections.deque(
            maxlen=MAXIMUM_UNCOMMITTED
        )
        self._retry_at = 0.0

    def commit_result(
        self,
        result: Result,
        request: Request | None,
        action: Action = NOTHING_DONE,
        *,
        dead_letter: bool,
    ) -> Result:
        """Write a result and its messages to disk; return it with its number. From any thread.

        If the disk refuses, the result is kept in memory until the disk takes it, and its
        messages are published at once if there is a connection.
        """
        finished = FinishedJob(result, request, dead_letter=dead_letter, action=action)
        try:
            return self._write(finished)
        except JournalError as error:
            self._publisher.disk_breaker.record_failure(error)
            if self._connection.connected:
                finished = replace(finished, is_published=True)
                for message in self._messages_of(finished, result):
                    self._publisher.publish(message)
            self._uncommitted.append(finished)
            return result

    def note_disk_failure(self, error: JournalError) -> None:
        """Note that the disk refused another write: only the first in a row is logged."""
        self._publisher.disk_breaker.record_failure(error)

    def commit_late(self, *, at_once: bool = False) -> None:
        """Commit what the disk refused before, oldest first, if it is time or `at_once` is true.

        Only then is a request over: after a crash before it, its work starts again.
        """
        if not self._uncommitted or (time.monotonic() < self._retry_at and not at_once):
            return
        try:
            while self._uncommitted:
                self._write(self._uncommitted[0])
                self._uncommitted.popleft()
        except JournalError as error:
            self._publisher.disk_breaker.record_failure(error)
            self._retry_at = time.monotonic() + RETRY_S
        else:
            self._publisher.disk_breaker.record_success()

    def _write(self, finished: FinishedJob) -> Result:
        request, skip = finished.request, finished.is_published
        numbered = self._journal.commit(
            finished.result,
            lambda result: () if skip else self._messages_of(finished, result),
            request.id if request is not None else None,
            dead_letter=finished.dead_letter,
            # What was published from memory is watched without a record.
            records={} if skip else finished.action.records,
        )
        self._publisher.notify()
        return numbered

    def _messages_of(self, finished: FinishedJob, result: Result) -> Iterator[Message]:
        yield from self._topics.messages_for(result, finished.request)
        yield from finished.action.messages
