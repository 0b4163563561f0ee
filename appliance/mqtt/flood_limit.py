"""In a flood, keeps room for known requesters, and discards requests without room unread."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from appliance.journal.journal import Journal
    from appliance.messages.topics import Topics
    from appliance.mqtt.connection_event_types import Delivery

KNOWN_AFTER_S = 5.0
"""A requester is known after two of its requests were accepted at least this many seconds apart."""

MOST_KNOWN, MOST_NEW = 1000, 4096
"""Names that are remembered; those that asked last."""

BUSY_BURST, BUSY_PER_S = 500, 100
"""How many requests of unknown requesters are answered `busy`: so many at once, then so many in a
second. What comes beyond that is discarded unread, so that the rest does not wait behind it."""

WINDOW = 20
"""With more free places than this, requests under way are not counted: they are soon judged."""


class FloodLimit:
    """The known requesters, and the number of others that may be told `busy`.

    Names cost a client nothing, so a share for each name is no protection: an attacker invents a
    new name for each request. A name that came back after some time is worth more than a new one.

    paho's thread asks it for each message, so that what has no room costs as little as possible:
    the broker drops what it cannot deliver, whoever sent it.
    """

    def __init__(
        self, topics: Topics, journal: Journal, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._topics = topics
        self._journal = journal
        self._clock = clock
        self._lock = threading.Lock()
        self._under_way = 0
        """Requests that were let through, and are not judged by the inbox yet."""
        self.discarded = 0
        """Requests that were not read, and not answered."""
        self._new: OrderedDict[str, float] = OrderedDict()
        """When the first request was accepted."""
        self._known: OrderedDict[str, None] = OrderedDict()
        self._answers_left = float(BUSY_BURST)
        self._counted_at = clock()

    def is_known(self, requester: str) -> bool:
        """Whether a requester has asked before, at another time."""
        return requester in self._known

    def note_accepted(self, requester: str) -> None:
        """One of its requests was accepted. Only the MQTT thread calls it."""
        if requester in self._known:
            self._known.move_to_end(requester)
            return
        first_s = self._new.setdefault(requester, self._clock())
        if self._clock() - first_s >= KNOWN_AFTER_S:
            del self._new[requester]
            self._known[requester] = None
        while len(self._new) > MOST_NEW:
            self._new.popitem(last=False)
        while len(self._known) > MOST_KNOWN:
            self._known.popitem(last=False)

    def must_discard(self, delivery: Delivery) -> bool:
        """Whether not to read a message: there is no room for it, and too many are told so.

        From any thread, and without waiting.
        """
        if not self._topics.is_request(delivery.topic):
            return False
        with self._lock:
            if not self._may_pass(delivery):
                self.discarded += 1
                return True
            self._under_way += 1
            return False

    def note_judged(self, count: int) -> None:
        """So many of those that were let through are in the inbox now, or refused."""
        with self._lock:
            self._under_way = max(0, self._under_way - count)

    def _may_pass(self, delivery: Delivery) -> bool:
        # Those under way count: otherwise one free place would let a whole window through.
        return (
            self._journal.free_for_new() > min(self._under_way, WINDOW)
            or self.is_known(named_requester(delivery))
            or self._may_answer()
        )

    def _may_answer(self) -> bool:
        now_s = self._clock()
        grown = self._answers_left + (now_s - self._counted_at) * BUSY_PER_S
        self._answers_left, self._counted_at = min(float(BUSY_BURST), grown), now_s
        if self._answers_left < 1.0:
            return False
        self._answers_left -= 1.0
        return True


def named_requester(delivery: Delivery) -> str:
    """The requester as far as the packet's properties say; a JSON payload is not read."""
    for name, value in delivery.user_properties:
        if name == "requester" and value:
            return value
    return delivery.response_topic or ""
