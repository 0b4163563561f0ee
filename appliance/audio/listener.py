"""The listening thread's work: microphone, speech detector and endpoint, to an utterance."""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING

from appliance.audio.segmenter import Segmenter
from appliance.values import SAMPLE_RATE, Activity, MicrophoneState, Utterance

if TYPE_CHECKING:
    from collections.abc import Callable

    from appliance.audio.segmenter import Segment
    from appliance.config import Listening
    from appliance.protocols import Microphone, SpeechDetector
    from appliance.values import Trigger

logger = logging.getLogger(__name__)

PATIENCE = 0.2
"""Seconds that one turn waits for a frame; a stop is noticed between turns."""

REPORTS = {
    MicrophoneState.LOST: "the microphone is gone; it is tried again until it is back",
    MicrophoneState.SILENT: "the microphone gives no sound at all: is it muted?",
}


class Listener:
    """Hears sentences and hands each over; the sound itself is kept nowhere.

    `open`, `turn` and `close` belong to a Loop: `starting`, `turn` and `ending`.
    """

    def __init__(  # noqa: PLR0913 (the ear is joined to everything here, and nowhere else)
        self,
        microphone: Microphone,
        detector: SpeechDetector,
        settings: Listening,
        *,
        hand_over: Callable[[Utterance], bool],
        new_id: Callable[[], str],
        trigger: Trigger,
        on_activity: Callable[[Activity], None],
    ) -> None:
        """Nothing is opened yet.

        `hand_over` takes an utterance and returns False when it has no room for it.
        """
        self._microphone = microphone
        self._segmenter = Segmenter(detector, settings)
        self._hand_over = hand_over
        self._new_id = new_id
        self._trigger = trigger
        self._on_activity = on_activity
        self._state = MicrophoneState.OK
        self._speaking = False
        self.heard = 0
        """Sentences since the start."""
        self.dropped = 0
        """Sentences that found no room; part of `heard`."""

    def open(self) -> None:
        """Open the microphone; MicrophoneError if there is none."""
        self._segmenter.reset()
        self._microphone.open()

    def turn(self) -> None:
        """Hear one frame, or wait a moment for it."""
        frame = self._microphone.read(PATIENCE)
        self._watch(self._microphone.state)
        if frame is None:
            return
        segments = self._segmenter.feed(frame)
        self._show(speaking=self._segmenter.hears_speech)
        for segment in segments:
            self._pass_on(segment)

    def close(self) -> None:
        """Close the microphone; a sentence that is not over yet is given up."""
        self._microphone.close()
        self._segmenter.reset()

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
            self._segmenter.reset()
            self._show(speaking=False)

    def _show(self, *, speaking: bool) -> None:
        if speaking is not self._speaking:
            self._speaking = speaking
            self._on_activity(Activity.LISTENING if speaking else Activity.IDLE)

    def _pass_on(self, segment: Segment) -> None:
        self.heard += 1
        speech_ended = self._microphone.captured_at - segment.seconds_since_speech
        age = time.monotonic() - speech_ended
        after_speech = segment.seconds_since_speech
        seconds = len(segment.samples) / SAMPLE_RATE
        utterance = Utterance(
            id=self._new_id(),
            samples=segment.samples,
            trigger=self._trigger,
            heard_at=time.time() - age - max(0.0, seconds - after_speech),
            speech_ended=speech_ended,
            peak=segment.peak,
            speech_seconds=segment.speech_seconds,
        )
        if not self._hand_over(utterance):
            self.dropped += 1
            logger.warning(
                "a sentence of %.1f s was dropped: the appliance is still busy with those "
                "before it (%d dropped since the start)",
                seconds,
                self.dropped,
            )
