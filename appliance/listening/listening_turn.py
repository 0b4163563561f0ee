"""One listening turn: from the wake word, the button or a request to a sentence, or to none."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from appliance.endpointing.endpointer import FRAME_SECONDS
from appliance.endpointing.segmenter import SpeechSegment

if TYPE_CHECKING:
    from appliance.dialogue.listener_control import Activation
    from appliance.endpointing.segmenter import Segmenter
    from appliance.values import Samples

REST_OF_THE_WORD = 0.32
"""Seconds after a wake word in which speech is taken for the word's own end."""


class ListeningTurn:
    """Hears one sentence, or that nothing is said; whichever it is, it is over then."""

    def __init__(self, segmenter: Segmenter, activation: Activation) -> None:
        self._segmenter = segmenter
        self.activation = activation
        self._seconds = 0.0
        segmenter.reset(until_release=activation.held)

    def feed(self, frame: Samples) -> SpeechSegment | None:
        """Take a frame; the sentence once it is over, an empty one if nothing was said."""
        self._seconds += FRAME_SECONDS
        for segment in self._segmenter.feed(frame):
            if not self._is_rest_of_the_word(segment):
                return segment
        # Held, it may be silent for as long as a sentence may take; then it is given up, since
        # a button that is held for an hour is a button on which something lies.
        wait = self._segmenter.maximum_seconds if self.activation.held else self.activation.wait
        if not self._segmenter.maybe_in_speech and self._seconds >= wait:
            return nothing_said()
        return None

    def release(self) -> SpeechSegment:
        """Whoever opened it says that the sentence is over."""
        return self._segmenter.finish() or nothing_said()

    def _is_rest_of_the_word(self, segment: SpeechSegment) -> bool:
        spoken = self._seconds - segment.seconds_since_speech
        return self.activation.after_word and spoken <= REST_OF_THE_WORD


def nothing_said() -> SpeechSegment:
    """A sentence of no words."""
    return SpeechSegment(
        samples=np.zeros(0, dtype=np.float32), stop=0, speech_seconds=0.0, seconds_since_speech=0.0
    )
