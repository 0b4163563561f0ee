"""One opening of the ear: from the wake word, the button or a request to a sentence, or to none."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from appliance.endpointing.endpointer import FRAME_SECONDS
from appliance.endpointing.segmenter import SpeechSegment

if TYPE_CHECKING:
    from appliance.endpointing.segmenter import Segmenter
    from appliance.values import Samples, Trigger

REST_OF_THE_WORD = 0.32
"""Seconds after a wake word in which speech is taken for the word's own end."""


@dataclass(frozen=True, slots=True)
class Activation:
    """How the ear is opened."""

    trigger: Trigger
    id: str | None = None
    """The utterance's id where it is known beforehand, as that of a request is."""
    held: bool = False
    """Until it is released: the sentence ends there and not at a pause."""
    reply: bool = False
    """For a yes or a no, and not for one of the sentences."""
    wait: float = 5.0
    """Seconds in which somebody must begin to speak."""
    after_word: bool = False
    """Whether the end of the wake word may still be heard."""


class ListeningTurn:
    """Hears one sentence, or that nothing is said; whichever it is, it is over then."""

    def __init__(self, segmenter: Segmenter, opening: Activation) -> None:
        self._segmenter = segmenter
        self.opening = opening
        self._seconds = 0.0
        segmenter.reset(until_release=opening.held)

    def feed(self, frame: Samples) -> SpeechSegment | None:
        """Take a frame; the sentence once it is over, an empty one if nothing was said."""
        self._seconds += FRAME_SECONDS
        for segment in self._segmenter.feed(frame):
            if not self._is_rest_of_the_word(segment):
                return segment
        # Held, it may be silent for as long as a sentence may take; then it is given up, since
        # a button that is held for an hour is a button on which something lies.
        wait = self._segmenter.maximum_seconds if self.opening.held else self.opening.wait
        if not self._segmenter.maybe_in_speech and self._seconds >= wait:
            return nothing_said()
        return None

    def release(self) -> SpeechSegment:
        """Whoever opened it says that the sentence is over."""
        return self._segmenter.finish() or nothing_said()

    def _is_rest_of_the_word(self, segment: SpeechSegment) -> bool:
        spoken = self._seconds - segment.seconds_since_speech
        return self.opening.after_word and spoken <= REST_OF_THE_WORD


def nothing_said() -> SpeechSegment:
    """A sentence of no words."""
    return SpeechSegment(
        samples=np.zeros(0, dtype=np.float32), stop=0, speech_seconds=0.0, seconds_since_speech=0.0
    )
