"""Wake words that are checked twice: a quick detector, then the speech model on the same sound."""

from __future__ import annotations

import logging
from collections import deque
from typing import TYPE_CHECKING

import numpy as np

from appliance.endpointing.endpointer import frames_in

if TYPE_CHECKING:
    from collections.abc import Sequence

    from appliance.engines.wake_word.wake_words import Word
    from appliance.protocols import WakeWordDetector
    from appliance.recognition.service import RecognitionService
    from appliance.values import Samples, Wake

logger = logging.getLogger(__name__)

LOOKS_BACK_S = 1.5
"""Seconds of sound before the detection, in which the word lies."""

LEAST_SCORE = -7.0
"""Log probability per token from which the speech model confirms a word (whisper-tiny.en). "Alexa"
had -5.1 and more in 205 of 206 recordings of people, clean and in kitchen noise at 10 dB; other
speech that the detector took for a wake word had -8.6 and less. `tests/measure/wake_words.py`
counts both."""

SETTLES_S = 0.064
"""Seconds for which a low score may still rise before the speech model is asked."""

PAUSE_S = 0.2
"""Seconds until the speech model is asked again after it did not confirm a word."""


class CheckedWakeWords:
    """A `WakeWordDetector` that combines low-threshold detectors with a check by the speech model.

    If the speech model cannot be asked, only the word's own, higher threshold counts.
    """

    def __init__(
        self,
        detectors: Sequence[WakeWordDetector],
        words: Sequence[Word],
        recognition: RecognitionService | None,
    ) -> None:
        self._detectors = detectors
        self._words = {word.name: word for word in words}
        self._recognition = recognition
        self._recent: deque[Samples] = deque(maxlen=frames_in(LOOKS_BACK_S))
        self._best: Wake | None = None
        self._frames_to_wait = 0

    def feed(self, frame: Samples) -> Wake | None:
        self._recent.append(frame)
        found = [wake for one in self._detectors if (wake := one.feed(frame)) is not None]
        self._frames_to_wait = max(0, self._frames_to_wait - 1)
        if found:
            self._add(max(found, key=lambda one: one.score))
        wake = self._best
        if wake is None or (self._frames_to_wait and not self._is_sure(wake)):
            return None
        self._best = None
        if self._is_confirmed(wake):
            return wake
        self._frames_to_wait = frames_in(PAUSE_S)
        return None

    def reset(self) -> None:
        self._recent.clear()
        self._best, self._frames_to_wait = None, 0
        for detector in self._detectors:
            detector.reset()

    def close(self) -> None:
        for detector in self._detectors:
            detector.close()

    def _add(self, wake: Wake) -> None:
        if self._best is None:
            self._frames_to_wait = max(self._frames_to_wait, frames_in(SETTLES_S))
        if self._best is None or wake.score > self._best.score:
            self._best = wake

    def _is_sure(self, wake: Wake) -> bool:
        threshold = self._words[wake.word].threshold
        return threshold is None or wake.score > threshold

    def _is_confirmed(self, wake: Wake) -> bool:
        phrase = self._words[wake.word].phrase
        if phrase is None:
            return True
        if self._recognition is None:
            return self._is_sure(wake)
        score = self._recognition.phrase_score(np.concatenate(self._recent), phrase)
        logger.debug("%s: detector %.2f, speech model %s", wake.word, wake.score, score)
        return self._is_sure(wake) if score is None else score >= LEAST_SCORE
