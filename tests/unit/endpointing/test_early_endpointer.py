"""How verdicts on what has been said so far end an utterance sooner or later."""

from __future__ import annotations

import numpy as np
import pytest
from support.loudness_detector import LoudnessDetector

from appliance.config import ListeningSettings
from appliance.endpointing.early_endpointer import (
    REPEAT_AFTER_FRAMES,
    REQUEST_AFTER_FRAMES,
    THOROUGH_AFTER_FRAMES,
)
from appliance.endpointing.segmenter import Segmenter, SpeechSegment
from appliance.protocols import FRAME_SAMPLES
from appliance.recognition.early_verdict import EarlyVerdict
from appliance.values import Samples, SentenceProgress

QUIET, FAINT, VOICE = 0.001, 0.11, 0.8
"""Loudness of a quiet room, of the end of a word, and of somebody who speaks."""


class ScriptedVerdicts:
    """Answers every request with `progress`, at once or, if not `answers`, never."""

    def __init__(self, progress: SentenceProgress, *, answers: bool = True) -> None:
        self.progress = progress
        self.answers = answers
        self.thorough: list[bool] = []
        """Of each request, whether it was thorough."""
        self.cancelled = 0
        self.unanswered: EarlyVerdict | None = None
        self.verdict: EarlyVerdict | None = None

    @property
    def pending(self) -> bool:
        return self.unanswered is not None

    def request(self, samples: Samples, mark: int, *, thorough: bool = False) -> None:
        self.thorough.append(thorough)
        verdict = EarlyVerdict(samples, mark, self.progress, thorough)
        if self.answers:
            self.verdict = verdict
        else:
            self.unanswered = verdict

    def pending_thorough(self, mark: int) -> Samples | None:
        waiting = self.unanswered
        same = waiting is not None and waiting.thorough and waiting.mark == mark
        return waiting.samples if waiting is not None and same else None

    def cancel(self) -> None:
        self.cancelled += self.pending
        self.unanswered = None

    def reset(self) -> None:
        self.verdict = None


class SpeechStream:
    """A segmenter with early verdicts, and the segments that it has found."""

    def __init__(
        self, verdicts: ScriptedVerdicts, *, short_pause_ms: int = 160, maximum_s: float = 3.2
    ) -> None:
        settings = ListeningSettings(
            pause_ms=320,
            over_pause_ms=120,
            short_pause_ms=short_pause_ms,
            long_pause_ms=640,
            pre_roll_ms=320,
            minimum_speech_ms=96,
            maximum_s=maximum_s,
        )
        self._segmenter = Segmenter(LoudnessDetector(), settings, verdicts)
        self.segments: list[SpeechSegment] = []

    def feed(self, *parts: tuple[float, int]) -> None:
        """Sound of (loudness, frames), one part after the other."""
        wave = np.resize(np.array([1.0, -1.0], dtype=np.float32), FRAME_SAMPLES)
        for loudness, frames in parts:
            for _ in range(frames):
                self.segments += self._segmenter.add_frame(np.asarray(loudness * wave, np.float32))


def test_a_sentence_that_cannot_go_on_ends_at_once() -> None:
    verdicts = ScriptedVerdicts(SentenceProgress.COMPLETE)
    stream = SpeechStream(verdicts)
    stream.feed((QUIET, 20), (VOICE, 20), (QUIET, 4))

    (segment,) = stream.segments
    assert verdicts.verdict is not None
    assert segment.samples is verdicts.verdict.samples


def test_a_sentence_that_could_go_on_ends_after_the_short_pause() -> None:
    stream = SpeechStream(ScriptedVerdicts(SentenceProgress.COULD_GO_ON))
    stream.feed((QUIET, 20), (VOICE, 20), (QUIET, 4))
    assert stream.segments == []
    stream.feed((QUIET, 1))

    assert len(stream.segments) == 1


def test_a_sentence_that_sounds_over_ends_after_a_shorter_pause() -> None:
    stream = SpeechStream(ScriptedVerdicts(SentenceProgress.SOUNDS_OVER))
    stream.feed((QUIET, 20), (VOICE, 20), (QUIET, 3))
    assert stream.segments == []
    stream.feed((QUIET, 1))

    assert len(stream.segments) == 1


def test_a_verdict_is_requested_again_during_the_pause_if_the_sentence_could_go_on() -> None:
    verdicts = ScriptedVerdicts(SentenceProgress.COULD_GO_ON)
    stream = SpeechStream(verdicts, short_pause_ms=600)
    stream.feed((QUIET, 20), (VOICE, 20), (QUIET, REQUEST_AFTER_FRAMES + REPEAT_AFTER_FRAMES - 1))
    assert len(verdicts.thorough) == 1
    verdicts.progress = SentenceProgress.SOUNDS_OVER
    stream.feed((QUIET, 2))

    assert len(verdicts.thorough) == 2
    assert len(stream.segments) == 1


def test_a_later_verdict_on_the_same_speech_takes_no_sentence_back() -> None:
    verdicts = ScriptedVerdicts(SentenceProgress.COULD_GO_ON)
    stream = SpeechStream(verdicts, short_pause_ms=600)
    stream.feed((QUIET, 20), (VOICE, 20), (QUIET, REQUEST_AFTER_FRAMES))
    assert verdicts.verdict is not None
    first = verdicts.verdict.samples
    verdicts.progress = SentenceProgress.INCOMPLETE
    stream.feed((QUIET, 17))

    (segment,) = stream.segments
    assert len(verdicts.thorough) > 1
    assert segment.samples is first


def test_fainter_words_after_a_thorough_verdict_are_not_lost() -> None:
    verdicts = ScriptedVerdicts(SentenceProgress.INCOMPLETE)
    stream = SpeechStream(verdicts)
    stream.feed((QUIET, 20), (VOICE, 30), (QUIET, THOROUGH_AFTER_FRAMES + 3))
    assert verdicts.thorough[-1]
    thorough = len(verdicts.verdict.samples) if verdicts.verdict else 0
    stream.feed((FAINT, 8), (QUIET, 60))

    (segment,) = stream.segments
    assert len(segment.samples) > thorough + 8 * FRAME_SAMPLES


def test_fainter_words_after_a_sentence_that_could_go_on_belong_to_it() -> None:
    verdicts = ScriptedVerdicts(SentenceProgress.COULD_GO_ON)
    stream = SpeechStream(verdicts, short_pause_ms=600)
    stream.feed((QUIET, 20), (VOICE, 30), (QUIET, 13))
    requests = len(verdicts.thorough)
    verdicts.progress = SentenceProgress.COMPLETE
    stream.feed((FAINT, 8), (QUIET, 3))

    (segment,) = stream.segments
    assert len(verdicts.thorough) == requests + 1
    assert len(segment.samples) >= 50 * FRAME_SAMPLES


def test_a_sentence_is_taken_back_if_fainter_words_make_a_beginning_of_it() -> None:
    verdicts = ScriptedVerdicts(SentenceProgress.COULD_GO_ON)
    stream = SpeechStream(verdicts, short_pause_ms=160)
    stream.feed((QUIET, 20), (VOICE, 30), (QUIET, 2))
    assert verdicts.verdict is not None
    sentence = verdicts.verdict.samples
    verdicts.progress = SentenceProgress.INCOMPLETE
    stream.feed((FAINT, 6), (QUIET, 60))

    (segment,) = stream.segments
    assert len(segment.samples) > len(sentence)


def test_a_verdict_on_earlier_speech_does_not_cut_the_utterance_after_its_speaker_is_gone() -> None:
    verdicts = ScriptedVerdicts(SentenceProgress.SOUNDS_OVER)
    stream = SpeechStream(verdicts, maximum_s=12.0)
    stream.feed((QUIET, 20), (VOICE, 30), (QUIET, 3))
    verdicts.answers = False  # the machine is slow
    stream.feed((VOICE, 60), (0.35, 120), (QUIET, 10))

    assert len(stream.segments[0].samples) >= 90 * FRAME_SAMPLES


def test_a_verdict_is_requested_again_after_the_last_word_has_faded_away() -> None:
    verdicts = ScriptedVerdicts(SentenceProgress.INCOMPLETE)
    stream = SpeechStream(verdicts)
    stream.feed((QUIET, 20), (VOICE, 20), (FAINT, 3))
    assert len(verdicts.thorough) == 1
    verdicts.progress = SentenceProgress.COMPLETE
    stream.feed((QUIET, 3))

    assert len(verdicts.thorough) == 2
    assert len(stream.segments) == 1


def test_the_beginning_of_a_sentence_ends_after_the_long_pause() -> None:
    stream = SpeechStream(ScriptedVerdicts(SentenceProgress.INCOMPLETE))
    stream.feed((QUIET, 20), (VOICE, 20), (QUIET, 19))
    assert stream.segments == []
    stream.feed((VOICE, 10), (QUIET, 20))

    (segment,) = stream.segments
    assert segment.speech_seconds == pytest.approx(30 * 0.032)


def test_speech_that_is_not_recognised_ends_after_the_usual_pause() -> None:
    stream = SpeechStream(ScriptedVerdicts(SentenceProgress.UNKNOWN))
    stream.feed((QUIET, 20), (VOICE, 20), (QUIET, 9))
    assert stream.segments == []
    stream.feed((QUIET, 1))

    assert len(stream.segments) == 1


def test_a_verdict_on_less_than_was_said_does_not_count() -> None:
    verdicts = ScriptedVerdicts(SentenceProgress.COMPLETE)
    stream = SpeechStream(verdicts)
    stream.feed((QUIET, 20), (VOICE, 20), (QUIET, 2))
    verdicts.answers = False  # the machine is slow
    stream.feed((VOICE, 5), (QUIET, 9))
    assert stream.segments == []
    stream.feed((QUIET, 1))

    assert stream.segments[0].speech_seconds == pytest.approx(25 * 0.032)


def test_a_request_is_cancelled_as_soon_as_more_is_said() -> None:
    verdicts = ScriptedVerdicts(SentenceProgress.COMPLETE, answers=False)
    stream = SpeechStream(verdicts)
    stream.feed((QUIET, 20), (VOICE, 20), (QUIET, 2))
    assert (len(verdicts.thorough), verdicts.cancelled) == (1, 0)
    stream.feed((VOICE, 1))
    assert verdicts.cancelled == 1
    stream.feed((QUIET, 2))

    assert len(verdicts.thorough) == 2


def test_a_thorough_verdict_is_requested_if_the_quick_one_finds_nothing() -> None:
    verdicts = ScriptedVerdicts(SentenceProgress.INCOMPLETE)
    stream = SpeechStream(verdicts)
    stream.feed((QUIET, 20), (VOICE, 20), (QUIET, THOROUGH_AFTER_FRAMES - 1))
    assert verdicts.thorough == [False]
    verdicts.progress = SentenceProgress.UNKNOWN
    stream.feed((QUIET, 1))
    assert verdicts.thorough == [False, True]
    stream.feed((QUIET, 10))

    (segment,) = stream.segments
    assert verdicts.thorough == [False, True]
    assert verdicts.verdict is not None
    assert segment.samples is verdicts.verdict.samples


def test_the_sound_of_a_pending_thorough_request_is_that_of_the_utterance() -> None:
    verdicts = ScriptedVerdicts(SentenceProgress.INCOMPLETE)
    stream = SpeechStream(verdicts)
    stream.feed((QUIET, 20), (VOICE, 20), (QUIET, 3))
    verdicts.answers = False
    stream.feed((QUIET, 20))

    (segment,) = stream.segments
    assert verdicts.unanswered is not None
    assert segment.samples is verdicts.unanswered.samples
    assert segment.speech_seconds == pytest.approx(20 * 0.032)
