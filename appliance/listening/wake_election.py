"""Several appliances in earshot: each says that it was woken; the one that heard best goes on."""

from __future__ import annotations

import logging
import threading
import time
from typing import TYPE_CHECKING

import msgspec

from appliance.messages.status_payloads import WakeHeard

if TYPE_CHECKING:
    from collections.abc import Callable

    from appliance.values import SoundLevel, Wake

logger = logging.getLogger(__name__)

WINDOW_SECONDS = 0.7
"""Wakes so near each other are of one call: the word's own length, and the way over the broker."""


class WakeElection:
    """All members reckon alike, so no vote is needed. Any thread.

    The ear opens at once, and is closed again if another one heard better: whoever speaks on
    without a pause is heard by the winner from the first syllable.
    """

    def __init__(
        self,
        device: str,
        announce: Callable[[bytes], None],
        yield_to: Callable[[str], None],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`announce` publishes a wake to the others; `yield_to` gives up ours."""
        self._device = device
        self._announce = announce
        self._yield_to = yield_to
        self._clock = clock
        self._lock = threading.Lock()
        self._own: tuple[float, WakeHeard] | None = None
        self._other: tuple[float, WakeHeard] | None = None

    def woken(self, wake: Wake, level: SoundLevel | None) -> None:
        """We heard the word."""
        over_noise = 0.0 if level is None else level.peak_dbfs - level.noise_floor_dbfs
        own = WakeHeard(
            device=self._device,
            word=wake.word,
            score=round(wake.score, 3),
            level_over_noise_db=round(over_noise, 1),
        )
        with self._lock:
            self._own = (self._clock(), own)
        self._announce(msgspec.json.encode(own))
        self._settle()

    def heard(self, payload: bytes) -> None:
        """A wake was announced, perhaps by ourselves."""
        try:
            other = msgspec.json.decode(payload, type=WakeHeard)
        except msgspec.MsgspecError as error:
            logger.debug("an announcement of a wake cannot be read: %s", error)
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
        self._yield_to(other.device)


def _rank(wake: WakeHeard) -> tuple[float, float, str]:
    # The word stands out most where the talker is nearest; the score tells little of that.
    return (wake.level_over_noise_db, wake.score, wake.device)
