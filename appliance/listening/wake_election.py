"""Wake election: of several appliances in one room, only the one that heard best listens."""

from __future__ import annotations

import logging
import threading
import time
from typing import TYPE_CHECKING, Protocol

import msgspec

from appliance.errors import UNREADABLE_JSON
from appliance.messages.status_payloads import WakeHeard
from appliance.values import Message

if TYPE_CHECKING:
    from collections.abc import Callable

    from appliance.values import SoundLevel, Wake

logger = logging.getLogger(__name__)

WINDOW_SECONDS = 0.7
"""Seconds within which wakes belong to one call: length of the word, and delay of the broker."""


class WakePublisher(Protocol):
    """Brings a wake to the others."""

    def publish(self, message: Message) -> None:
        """Send it."""


class Canceller(Protocol):
    """Whoever listens after a wake."""

    def cancel(self, reason: str) -> None:
        """Listen no more."""


class WakeElection:
    """The election. All members compare in the same way, so no vote is needed. Any thread.

    Each listens at once, and stops if another one heard better. So the winner hears a person who
    speaks on without a pause from the first syllable.
    """

    def __init__(
        self,
        device: str,
        topic: str,
        publisher: WakePublisher,
        control: Canceller,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Wakes are announced to the others on `topic`."""
        self._device = device
        self._topic = topic
        self._publisher = publisher
        self._control = control
        self._clock = clock
        self._lock = threading.Lock()
        self._own: tuple[float, WakeHeard] | None = None
        self._other: tuple[float, WakeHeard] | None = None

    def on_own_wake(self, wake: Wake, level: SoundLevel | None) -> None:
        """Announce a wake word that this appliance detected."""
        over_noise = 0.0 if level is None else level.peak_dbfs - level.noise_floor_dbfs
        own = WakeHeard(
            device=self._device,
            word=wake.word,
            score=round(wake.score, 3),
            level_over_noise_db=round(over_noise, 1),
        )
        with self._lock:
            self._own = (self._clock(), own)
        # A late announcement is useless, so it is not stored.
        self._publisher.publish(Message(self._topic, msgspec.json.encode(own), fleeting=True))
        self._settle()

    def on_announced(self, payload: bytes) -> None:
        """Handle an announced wake, perhaps our own."""
        try:
            other = msgspec.json.decode(payload, type=WakeHeard)
        except UNREADABLE_JSON as error:
            logger.debug("a wake announcement cannot be read: %s", error)
            return
        if other.device == self._device:
            return
        with self._lock:
            now = self._clock()
            fresh = self._other is not None and now - self._other[0] <= WINDOW_SECONDS
            if not fresh or self._other is None or _rank(other) > _rank(self._other[1]):
                self._other = (now, other)
        self._settle()

    def _settle(self) -> None:
        with self._lock:
            if self._own is None or self._other is None:
                return
            (own_at, own), (other_at, other) = self._own, self._other
            if abs(own_at - other_at) > WINDOW_SECONDS or _rank(own) > _rank(other):
                return
            self._own = None
        self._control.cancel(f"yielded to {other.device}, which heard better")


def _rank(wake: WakeHeard) -> tuple[float, float, str]:
    # The word stands out most at the nearest appliance; the score says little about that.
    return (wake.level_over_noise_db, wake.score, wake.device)
