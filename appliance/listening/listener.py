"""The listening thread's work: keeps the microphone going and lets the ear hear it."""

from __future__ import annotations

import logging
import queue
import time
from typing import TYPE_CHECKING

from appliance.errors import MicrophoneError
from appliance.values import MicrophoneState

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from appliance.listening.listening_state import ListeningCallbacks, ListeningState
    from appliance.listening.listening_turn import Activation
    from appliance.protocols import Microphone, WakeSpotter

logger = logging.getLogger(__name__)

PATIENCE = 0.2
"""Seconds that one turn waits for a frame; a stop is noticed between turns."""

NEGLECTED_AFTER = 30.0
"""Seconds without sound, and without an attempt to get some, after which something is stuck."""

CLOSED = "the microphone is closed"

REPORTS = {
    MicrophoneState.LOST: "the microphone is gone; it is tried again until it is back",
    MicrophoneState.SILENT: "the microphone gives no sound at all: is it muted?",
}


class Listener:
    """Hears sentences and hands each over; the sound itself is kept nowhere.

    `start`, `turn` and `close` belong to a Loop: `starting`, `turn` and `ending`. The orders
    (`listen`, `release`, `cancel`, `mute`, `use`, `be_deaf`) may come from any thread, and are
    carried out before the next frame is heard.
    """

    def __init__(
        self, microphone: Microphone, ear: ListeningState, neighbours: ListeningCallbacks
    ) -> None:
        """Nothing is opened yet."""
        self._microphone = microphone
        self._neighbours = neighbours
        self._ear = ear
        self._orders: queue.SimpleQueue[Callable[[], None]] = queue.SimpleQueue()
        self._open = self._muted = False
        self._state = MicrophoneState.OK

    @property
    def ear(self) -> ListeningState:
        """What is heard with; its figures may be read from any thread."""
        return self._ear

    @property
    def state(self) -> MicrophoneState:
        """The microphone's, as far as it is wanted."""
        if self._muted:
            return MicrophoneState.MUTED
        return MicrophoneState.ABSENT if self._ear.mode == "off" else self._microphone.state

    @property
    def is_neglected(self) -> bool:
        """Whether a microphone that is open has for long neither moved nor been tried again."""
        return self._open and time.monotonic() - self._microphone.looked_after_at > NEGLECTED_AFTER

    def listen(self, opening: Activation) -> None:
        """Open the ear for one sentence, or for another one than it is open for."""
        self._orders.put(lambda: self._listen(opening))

    def release(self) -> None:
        """What is being said is over; without an open ear it means nothing."""
        self._orders.put(self._ear.release)

    def cancel(self, reason: str) -> None:
        """Give up what is being heard."""
        self._orders.put(lambda: self._ear.give_up(reason))

    def mute(self, *, muted: bool) -> None:
        """Close the microphone's device, or open it again."""
        self._orders.put(lambda: self._mute(muted=muted))

    def use(self, mode: str, spotters: Sequence[WakeSpotter] | None = None) -> None:
        """Change what opens the ear: one of the values of listening.trigger."""
        self._orders.put(lambda: self._use(mode, spotters))

    def be_deaf(self, *, deaf: bool) -> None:
        """Whether the loudspeaker speaks: then nothing but a wake word is heard."""
        self._orders.put(lambda: self._ear.be_deaf(deaf=deaf))

    def start(self) -> None:
        """Open the microphone if it is wanted; one that is not there is looked for later."""
        self._open_or_close()

    def turn(self) -> None:
        """Hear one frame, or wait a moment for it."""
        self._obey()
        if not self._open:
            return
        frame = self._microphone.read(PATIENCE)
        self._watch(self._microphone.state)
        if frame is not None:
            self._ear.feed(frame, self._microphone.captured_at)

    def close(self) -> None:
        """Close the microphone; a sentence that is not over yet is given up."""
        self._open = False
        self._microphone.close()
        self._ear.close()

    def _obey(self) -> None:
        try:
            # While the microphone is closed, this is where the thread waits.
            order = self._orders.get(timeout=PATIENCE) if not self._open else None
            while True:
                (order or self._orders.get_nowait())()
                order = None
        except queue.Empty:
            pass

    def _listen(self, opening: Activation) -> None:
        if self._open:
            self._ear.listen(opening)
        else:
            self._neighbours.on_given_up(opening, CLOSED)

    def _mute(self, *, muted: bool) -> None:
        if muted is not self._muted:
            self._muted = muted
            logger.info("the microphone is %s", "closed: muted" if muted else "no longer muted")
            self._open_or_close()

    def _use(self, mode: str, spotters: Sequence[WakeSpotter] | None) -> None:
        self._ear.use(mode, spotters)
        self._open_or_close()

    def _open_or_close(self) -> None:
        wanted = self._ear.mode != "off" and not self._muted
        if wanted is self._open:
            return
        self._open = wanted
        self._ear.give_up(CLOSED)
        self._ear.meter.reset()
        self._state = MicrophoneState.OK
        if not wanted:
            self._microphone.close()
            return
        try:
            self._microphone.open()
        except MicrophoneError as error:
            # It may be plugged in later, and requests are served meanwhile.
            logger.warning("%s; it is looked for until it is there", error)
            self._state = MicrophoneState.LOST

    def _watch(self, state: MicrophoneState) -> None:
        if state is self._state:
            return
        was, self._state = self._state, state
        if state in REPORTS:
            logger.warning("%s", REPORTS[state])
        elif was in REPORTS:
            logger.info("the microphone works again")
        if state is MicrophoneState.LOST:
            # What is heard after the gap does not continue the sentence before it.
            self._ear.meter.reset()
            self._ear.give_up(REPORTS[state])
