"""A listening turn: from the wake word, the button or a request to one utterance, or to none."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from appliance.endpointing.endpointer import FRAME_SECONDS
from appliance.endpointing.segmenter import SpeechSegment

if TYPE_CHECKING:
    from appliance.dialogue.listener_control import Activation
    from appliance.endpointing.segmenter import Segmenter
    from appliance.values import Samples

WAKE_WORD_TAIL_S = 0.32
"""Seconds after a wake word in which speech is taken for the word's own end."""


class ListeningTurn:
    """Takes frames until one utterance is over, or until nobody has spoken in time."""

    def __init__(self, segmenter: Segmenter, activation: Activation) -> None:
        self._segmenter = segmenter
        self.activation = activation
        self._elapsed_s = 0.0
        segmenter.reset(until_release=activation.held)

    def take_frame(self, frame: Samples) -> SpeechSegment | None:
        """Take a frame; return the utterance once it is over, an empty one if nobody spoke."""
        self._elapsed_s += FRAME_SECONDS
        for segment in self._segmenter.add_frame(frame):
            if not self._is_wake_word_tail(segment):
                return segment
        # While a button is held, silence may last as long as the longest utterance. Then the turn
        # ends: if a button is held for an hour, an object is pressing it.
        wait_s = self._segmenter.maximum_seconds if self.activation.held else self.activation.wait_s
        if not self._segmenter.maybe_in_speech and self._elapsed_s >= wait_s:
            return nothing_said()
        return None

    def release(self) -> SpeechSegment:
        """End the utterance now, because the button was released."""
        return self._segmenter.finish() or nothing_said()

    def _is_wake_word_tail(self, segment: SpeechSegment) -> bool:
        spoken_s = self._elapsed_s - segment.seconds_since_speech
        return self.activation.after_wake_word and spoken_s <= WAKE_WORD_TAIL_S


def nothing_said() -> SpeechSegment:
    """An utterance without speech."""
    return SpeechSegment(
        samples=np.zeros(0, dtype=np.float32), stop=0, speech_seconds=0.0, seconds_since_speech=0.0
    )
