"""Wake words that are checked twice: when the speech model is asked, and what its answer does."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from appliance.engines.wake_word.wake_words import MICRO, Word
from appliance.listening.checked_wake_words import LEAST_SCORE, CheckedWakeWords
from appliance.protocols import FRAME_SAMPLES
from appliance.values import Wake

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from appliance.values import Samples

FRAME = np.zeros(FRAME_SAMPLES, np.float32)
ALEXA = Word("alexa", MICRO, None, threshold=0.9, first_threshold=0.3)


class ScriptedDetector:
    """Gives the next score of its script for each frame; 0 is no detection."""

    def __init__(self, *scores: float) -> None:
        self.scores = list(scores)
        self.closed = False

    def feed(self, frame: Samples) -> Wake | None:
        score = self.scores.pop(0) if self.scores else 0.0
        return Wake("alexa", score, 0.3) if score else None

    def reset(self) -> None:
        self.scores.clear()

    def close(self) -> None:
        self.closed = True


class ScriptedRecognition:
    """Gives the next score of its script to each question."""

    def __init__(self, *scores: float | None) -> None:
        self.scores = list(scores)
        self.asked: list[tuple[int, str]] = []

    def phrase_score(self, samples: Samples, phrase: str) -> float | None:
        self.asked.append((len(samples), phrase))
        return self.scores.pop(0)


def woken(
    detector: ScriptedDetector,
    recognition: ScriptedRecognition,
    frames: int = 20,
    words: Sequence[Word] = (ALEXA,),
) -> list[int]:
    """The frames at which it woke."""
    checked = CheckedWakeWords([detector], words, recognition)  # type: ignore[arg-type]
    at = []
    for number in range(frames):
        if checked.feed(FRAME) is not None:
            at.append(number)
            checked.reset()
    return at


def test_a_word_wakes_if_the_speech_model_confirms_it() -> None:
    recognition = ScriptedRecognition(LEAST_SCORE)
    assert woken(ScriptedDetector(0, 0.95), recognition) == [1]
    assert recognition.asked == [(2 * FRAME_SAMPLES, "alexa")]


def test_a_low_score_waits_for_the_end_of_the_word_before_the_speech_model_is_asked() -> None:
    recognition = ScriptedRecognition(-1.0)
    assert woken(ScriptedDetector(0.4, 0.6, 0.7, 0.8), recognition) == [2]
    assert recognition.asked == [(3 * FRAME_SAMPLES, "alexa")]


def test_what_the_speech_model_denies_does_not_wake_however_sure_the_detector_is() -> None:
    recognition = ScriptedRecognition(LEAST_SCORE - 0.1)
    assert woken(ScriptedDetector(0.99), recognition) == []
    assert len(recognition.asked) == 1


def test_the_speech_model_is_asked_again_only_after_a_pause() -> None:
    recognition = ScriptedRecognition(-20.0, -1.0)
    assert woken(ScriptedDetector(*[0.5] * 20), recognition) == [9]
    assert len(recognition.asked) == 2


def test_if_the_speech_model_cannot_be_asked_only_the_higher_threshold_counts() -> None:
    assert woken(ScriptedDetector(0.5), ScriptedRecognition(None)) == []
    assert woken(ScriptedDetector(0.95), ScriptedRecognition(None)) == [0]


def test_a_word_of_the_owner_s_own_file_is_not_checked(tmp_path: Path) -> None:
    own = Word("alexa", MICRO, tmp_path / "alexa.json", threshold=None, first_threshold=None)
    recognition = ScriptedRecognition()
    assert woken(ScriptedDetector(0.4), recognition, words=[own]) == [0]
    assert recognition.asked == []


def test_a_reset_forgets_a_word_that_was_not_checked_yet() -> None:
    detector, recognition = ScriptedDetector(0.4), ScriptedRecognition()
    checked = CheckedWakeWords([detector], [ALEXA], recognition)  # type: ignore[arg-type]
    assert checked.feed(FRAME) is None
    checked.reset()
    assert [checked.feed(FRAME) for _ in range(10)] == [None] * 10
    checked.close()
    assert detector.closed
