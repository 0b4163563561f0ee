"""Results to the disk; while it takes none, in memory and told all the same."""

from __future__ import annotations

import collections
import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from appliance.errors import JournalError
from appliance.journal.disk_state import RETRY_S

if TYPE_CHECKING:
    from appliance.journal.journal import Journal
    from appliance.messages.topics import Topics
    from appliance.mqtt.connection import BrokerConnection
    from appliance.mqtt.publisher import Publisher
    from appliance.values import Request, Result

MAXIMUM_UNWRITTEN = 1000
"""Results that the disk refused and that wait in memory; beyond it the oldest go."""


@dataclass(frozen=True, slots=True)
class Finished:
    """A piece of work that is over."""

    result: Result
    request: Request | None
    dead_letter: bool
    is_told: bool = False
    """Whether its messages have gone out from memory."""


class ResultCommitter:
    """What is done with a result."""

    def __init__(
        self, journal: Journal, link: BrokerConnection, topics: Topics, sending: Publisher
    ) -> None:
        self._journal = journal
        self._link = link
        self._topics = topics
        self._sending = sending
        self._unwritten: collections.deque[Finished] = collections.deque(maxlen=MAXIMUM_UNWRITTEN)
        self._write_at = 0.0

    def commit(self, result: Result, request: Request | None, *, dead_letter: bool) -> Result:
        """Put a result on disk and on its way; returns it with its number. From any thread.

        When the disk refuses, it is kept in memory and written as soon as the disk takes it;
        meanwhile whoever listens hears of it.
        """
        finished = Finished(result, request, dead_letter=dead_letter)
        try:
            return self._write(finished)
        except JournalError as error:
            self._sending.disk.refused(error)
            if self._link.connected:
                finished = replace(finished, is_told=True)
                for message in self._topics.messages_for(result, request):
                    self._sending.publish(message)
            self._unwritten.append(finished)
            return result

    def commit_late(self, *, at_once: bool = False) -> None:
        """What the disk refused before, oldest first: a request is over only when this is done."""
        if not self._unwritten or (time.monotonic() < self._write_at and not at_once):
            return
        try:
            while self._unwritten:
                self._write(self._unwritten[0])
                self._unwritten.popleft()
        except JournalError as error:
            self._sending.disk.refused(error)
            self._write_at = time.monotonic() + RETRY_S
        else:
            self._sending.disk.works()

    def _write(self, finished: Finished) -> Result:
        request = finished.request
        numbered = self._journal.commit(
            finished.result,
            lambda result: () if finished.is_told else self._topics.messages_for(result, request),
            request.id if request is not None else None,
            dead_letter=finished.dead_letter,
        )
        self._sending.look()
        return numbered
