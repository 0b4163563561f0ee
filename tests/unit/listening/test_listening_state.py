"""What opens the ear, and what it makes of what is said then."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from support.loudness_detector import LoudnessDetector
from support.pipeline_parts import RecordedIntake

from appliance.config import ListeningSettings
from appliance.dialogue.listener_control import Activation
from appliance.endpointing.early_endpointer import (
    REPEAT_AFTER_FRAMES,
    REQUEST_AFTER_FRAMES,
    THOROUGH_AFTER_FRAMES,
)
from appliance.listening.listening_state import ListeningState
from appliance.protocols import FRAME_SAMPLES
from appliance.recognition.early_verdict import EarlyVerdict
from appliance.values import (
    Activity,
    Samples,
    SentenceProgress,
    Trigger,
    Utterance,
    Wake,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

QUIET, FADING, VOICE, WORD = 0.001, 0.11, 0.8, 0.7
"""Loudness of a quiet room, of the end of a word, of somebody who speaks, and of the wake word's
last frame."""


class LoudSpotter:
    """Takes one loudness for its word."""

    def __init__(self, word: str = "okay_nabu", loudness: float = WORD) -> None:
        self.word = word
        self.loudness = loudness
        self.closed = False

    def feed(self, frame: Samples) -> Wake | None:
        heard = np.abs(frame).max() == pytest.approx(self.loudness)
        return Wake(self.word, 0.99, 0.9) if heard else None

    def reset(self) -> None:
        """It remembers nothing."""

    def close(self) -> None:
        self.closed = True


class Script:
    """Says of every sentence so far what the test wants."""

    def __init__(self, so_far: SentenceProgress) -> None:
        self.so_far = so_far
        self.asked = 0
        self.answers = True
        self.pending = False
        self.withdrawn = 0
        self.thorough: list[bool] = []
        self.unanswered: tuple[Samples, int, bool] | None = None
        self.verdict: EarlyVerdict | None = None

    def request(self, samples: Samples, mark: int, *, thorough: bool = False) -> None:
        self.asked += 1
        self.thorough.append(thorough)
        if self.answers:
            self.verdict = EarlyVerdict(samples, mark, self.so_far, thorough)
        else:
            self.pending, self.unanswered = True, (samples, mark, thorough)

    def pending_thorough(self, mark: int) -> Samples | None:
        samples, asked, thorough = self.unanswered or (None, 0, False)
        return samples if thorough and asked == mark else None

    def cancel(self) -> None:
        self.withdrawn += self.pending
        self.pending, self.unanswered = False, None

    def reset(self) -> None:
        self.verdict = None


class ListeningParts:
    """A listening state, and what it gives to the intake."""

    def __init__(
        self,
        mode: str,
        spotters: Sequence[LoudSpotter] = (),
        meaning: Script | None = None,
        *,
        short_pause_ms: int = 160,
        maximum_s: float = 3.2,
    ) -> None:
        self.intake = RecordedIntake()
        self.utterances = self.intake.utterances
        self.shown = self.intake.activities
        self.woken = self.intake.woken
        self.opened = self.intake.listening
        self.given_up = self.intake.given_up
        settings = ListeningSettings(
            trigger=mode,  # type: ignore[arg-type]
            pause_ms=320,
            over_pause_ms=120,
            short_pause_ms=short_pause_ms,
            long_pause_ms=640,
            pre_roll_ms=320,
            minimum_speech_ms=96,
            maximum_s=maximum_s,
            wait_s=1.6,
        )
        self.listening = ListeningState(
            LoudnessDetector(),
            settings,
            self.intake,  # type: ignore[arg-type]
            wake_word_detectors=spotters,
            early_verdicts=meaning,
        )
        self.now = 100.0

    def hear(self, *parts: tuple[float, int]) -> None:
        wave = np.resize(np.array([1.0, -1.0], dtype=np.float32), FRAME_SAMPLES)
        for loudness, frames in parts:
            for _ in range(frames):
                self.now += 0.032
                self.listening.hear_frame(np.asarray(loudness * wave, np.float32), self.now)


def frames(utterance: Utterance) -> int:
    return len(utterance.samples) // FRAME_SAMPLES


def test_a_closed_ear_hears_nothing_until_its_word_is_said() -> None:
    parts = ListeningParts("wake_word", [LoudSpotter()])
    parts.hear((QUIET, 20), (VOICE, 20), (QUIET, 20))
    assert parts.utterances == []

    parts.hear((WORD, 1), (QUIET, 12), (VOICE, 20), (QUIET, 12))

    (utterance,) = parts.utterances
    assert utterance.trigger is Trigger.WAKE_WORD
    assert utterance.speech_seconds == pytest.approx(20 * 0.032)
    assert parts.shown == [Activity.LISTENING, Activity.IDLE]
    assert parts.woken[0][0] == "okay_nabu"
    assert parts.woken[0][1] is not None


def test_it_is_closed_again_after_one_sentence() -> None:
    parts = ListeningParts("wake_word", [LoudSpotter()])
    parts.hear((QUIET, 20), (WORD, 1), (QUIET, 6), (VOICE, 20), (QUIET, 12))
    parts.hear((VOICE, 20), (QUIET, 20))

    assert len(parts.utterances) == 1


def test_who_does_not_pause_after_the_word_loses_no_syllable() -> None:
    parts = ListeningParts("wake_word", [LoudSpotter()])
    parts.hear((QUIET, 20), (WORD, 1), (VOICE, 20), (QUIET, 12))

    (utterance,) = parts.utterances
    assert utterance.speech_seconds == pytest.approx(21 * 0.032)


def test_the_rest_of_the_word_is_no_sentence() -> None:
    parts = ListeningParts("wake_word", [LoudSpotter()])
    parts.hear((QUIET, 20), (WORD, 1), (VOICE, 5), (QUIET, 14))
    assert parts.utterances == []

    parts.hear((VOICE, 20), (QUIET, 12))
    assert [frames(one) for one in parts.utterances] == [4 + 20 + 10]


def test_nothing_said_after_the_word_is_an_utterance_without_speech() -> None:
    parts = ListeningParts("wake_word", [LoudSpotter()])
    parts.hear((QUIET, 20), (WORD, 1), (QUIET, 60))

    (utterance,) = parts.utterances
    assert utterance.speech_seconds == 0.0
    assert frames(utterance) == 0
    assert parts.shown[-1] is Activity.IDLE


def test_two_words_are_heard_at_once() -> None:
    parts = ListeningParts("wake_word", [LoudSpotter(), LoudSpotter("alexa", 0.6)])
    parts.hear((QUIET, 20), (0.6, 1), (QUIET, 60), (WORD, 1), (QUIET, 60))

    assert [word for word, _ in parts.woken] == ["alexa", "okay_nabu"]


def test_a_held_button_hears_what_is_said_until_it_is_released_pauses_included() -> None:
    parts = ListeningParts("button")
    parts.hear((QUIET, 20), (VOICE, 4))  # who presses the button speaks already
    parts.listening.listen(Activation(Trigger.BUTTON, held=True))
    parts.hear((VOICE, 10), (QUIET, 30), (VOICE, 10), (QUIET, 2))
    assert parts.utterances == []
    parts.listening.release()

    (utterance,) = parts.utterances
    assert utterance.trigger is Trigger.BUTTON
    assert frames(utterance) == 10 + 10 + 30 + 10 + 2
    assert utterance.speech_seconds == pytest.approx(24 * 0.032)


def test_a_button_held_in_silence_says_that_nothing_was_said() -> None:
    parts = ListeningParts("button")
    parts.listening.listen(Activation(Trigger.BUTTON, held=True))
    parts.hear((QUIET, 60))
    parts.listening.release()
    parts.listening.release()

    assert [one.speech_seconds for one in parts.utterances] == [0.0]


def test_a_button_held_for_an_hour_is_let_go_and_does_nothing_until_it_is_pressed_again() -> None:
    parts = ListeningParts("button")
    parts.listening.listen(Activation(Trigger.BUTTON, held=True))
    parts.hear((QUIET, 3600 * 31))
    parts.listening.release()

    assert [one.speech_seconds for one in parts.utterances] == [0.0]


def test_speech_that_never_ends_is_ended_at_the_limit_held_or_not() -> None:
    for held in (True, False):
        parts = ListeningParts("button")
        parts.listening.listen(Activation(Trigger.BUTTON, held=held))
        parts.hear((QUIET, 2), (VOICE, 500))

        assert len(parts.utterances) == 1
        assert parts.utterances[0].seconds <= 3.2 + 0.1


def test_a_request_opens_the_ear_for_an_utterance_of_its_own_id() -> None:
    parts = ListeningParts("request")
    parts.listening.listen(Activation(Trigger.REQUEST, id="asked"))
    parts.hear((QUIET, 10), (VOICE, 20), (QUIET, 12))

    assert [(one.id, one.trigger) for one in parts.utterances] == [("asked", Trigger.REQUEST)]


def test_a_second_request_takes_the_place_of_the_first_which_is_told() -> None:
    parts = ListeningParts("request")
    parts.listening.listen(Activation(Trigger.REQUEST, id="first"))
    parts.listening.listen(Activation(Trigger.REQUEST, id="second"))
    parts.hear((QUIET, 10), (VOICE, 20), (QUIET, 12))

    assert parts.given_up == [("first", "it was asked to listen again")]
    assert [one.id for one in parts.utterances] == ["second"]


def test_what_opens_the_ear_can_be_changed_while_it_runs() -> None:
    old = LoudSpotter()
    parts = ListeningParts("wake_word", [old])
    parts.listening.use("always", [])
    parts.hear((QUIET, 20), (VOICE, 20), (QUIET, 12))
    assert [one.trigger for one in parts.utterances] == [Trigger.ALWAYS]
    assert old.closed

    parts.listening.use("wake_word", [LoudSpotter()])
    parts.hear((QUIET, 20), (VOICE, 20), (QUIET, 20))
    assert len(parts.utterances) == 1


def test_it_does_not_hear_itself_but_its_word() -> None:
    parts = ListeningParts("wake_word", [LoudSpotter()])
    parts.listening.be_deaf(deaf=True)
    parts.hear((VOICE, 40))
    assert parts.utterances == []
    parts.hear((WORD, 1))

    assert [word for word, _ in parts.woken] == ["okay_nabu"]


def test_an_always_open_ear_does_not_take_its_own_voice_for_a_sentence() -> None:
    parts = ListeningParts("always")
    parts.hear((QUIET, 20), (VOICE, 5))
    parts.listening.be_deaf(deaf=True)
    parts.hear((VOICE, 40), (QUIET, 40))

    assert parts.utterances == []


def test_a_sentence_that_cannot_go_on_is_over_at_once() -> None:
    script = Script(SentenceProgress.COMPLETE)
    parts = ListeningParts("always", meaning=script)
    parts.hear((QUIET, 20), (VOICE, 20), (QUIET, 4))

    (utterance,) = parts.utterances
    assert script.verdict is not None
    assert utterance.samples is script.verdict.samples


def test_a_sentence_that_could_go_on_waits_for_a_short_pause() -> None:
    parts = ListeningParts("always", meaning=Script(SentenceProgress.COULD_GO_ON))
    parts.hear((QUIET, 20), (VOICE, 20), (QUIET, 4))
    assert parts.utterances == []
    parts.hear((QUIET, 1))

    assert len(parts.utterances) == 1


def test_a_sentence_that_sounds_over_waits_for_less() -> None:
    parts = ListeningParts("always", meaning=Script(SentenceProgress.SOUNDS_OVER))
    parts.hear((QUIET, 20), (VOICE, 20), (QUIET, 3))
    assert parts.utterances == []
    parts.hear((QUIET, 1))

    assert len(parts.utterances) == 1


def test_a_sentence_that_could_go_on_is_looked_at_again_in_a_longer_silence() -> None:
    script = Script(SentenceProgress.COULD_GO_ON)
    parts = ListeningParts("always", meaning=script, short_pause_ms=600)
    parts.hear((QUIET, 20), (VOICE, 20), (QUIET, REQUEST_AFTER_FRAMES + REPEAT_AFTER_FRAMES - 1))
    assert script.asked == 1
    script.so_far = SentenceProgress.SOUNDS_OVER
    parts.hear((QUIET, 2))

    assert script.asked == 2
    assert len(parts.utterances) == 1


def test_a_second_look_takes_nothing_back() -> None:
    script = Script(SentenceProgress.COULD_GO_ON)
    parts = ListeningParts("always", meaning=script, short_pause_ms=600)
    parts.hear((QUIET, 20), (VOICE, 20), (QUIET, REQUEST_AFTER_FRAMES))
    assert script.verdict is not None
    first = script.verdict.samples
    script.so_far = SentenceProgress.INCOMPLETE
    parts.hear((QUIET, 17))

    (utterance,) = parts.utterances
    assert script.asked > 1
    assert utterance.samples is first


def test_softer_words_behind_a_beginning_that_was_studied_are_not_lost() -> None:
    script = Script(SentenceProgress.INCOMPLETE)
    parts = ListeningParts("always", meaning=script)
    parts.hear((QUIET, 20), (VOICE, 30), (QUIET, THOROUGH_AFTER_FRAMES + 3))
    assert script.thorough[-1]
    studied = len(script.verdict.samples) if script.verdict else 0
    parts.hear((FADING, 8), (QUIET, 60))

    (utterance,) = parts.utterances
    assert len(utterance.samples) > studied + 8 * FRAME_SAMPLES


def test_softer_words_behind_a_sentence_that_could_go_on_belong_to_it() -> None:
    script = Script(SentenceProgress.COULD_GO_ON)
    parts = ListeningParts("always", meaning=script, short_pause_ms=600)
    parts.hear((QUIET, 20), (VOICE, 30), (QUIET, 13))
    asked = script.asked
    script.so_far = SentenceProgress.COMPLETE
    parts.hear((FADING, 8), (QUIET, 3))

    (utterance,) = parts.utterances
    assert script.asked == asked + 1
    assert len(utterance.samples) >= 50 * FRAME_SAMPLES


def test_a_sentence_is_not_over_where_softer_words_make_a_beginning_of_it() -> None:
    script = Script(SentenceProgress.COULD_GO_ON)
    parts = ListeningParts("always", meaning=script, short_pause_ms=160)
    parts.hear((QUIET, 20), (VOICE, 30), (QUIET, 2))
    assert script.verdict is not None
    whole = script.verdict.samples
    script.so_far = SentenceProgress.INCOMPLETE
    parts.hear((FADING, 6), (QUIET, 60))

    (utterance,) = parts.utterances
    assert len(utterance.samples) > len(whole)


def test_what_was_over_before_more_was_said_is_not_the_sentence_when_the_talker_leaves() -> None:
    script = Script(SentenceProgress.SOUNDS_OVER)
    parts = ListeningParts("always", meaning=script, maximum_s=12.0)
    parts.hear((QUIET, 20), (VOICE, 30), (QUIET, 3))
    script.answers = False  # the machine is slow
    parts.hear((VOICE, 60), (0.35, 120), (QUIET, 10))

    assert len(parts.utterances[0].samples) >= 90 * FRAME_SAMPLES


def test_a_last_word_that_fades_away_is_asked_about_again_when_it_has() -> None:
    script = Script(SentenceProgress.INCOMPLETE)
    parts = ListeningParts("always", meaning=script)
    parts.hear((QUIET, 20), (VOICE, 20), (FADING, 3))
    assert script.asked == 1
    script.so_far = SentenceProgress.COMPLETE
    parts.hear((QUIET, 3))

    assert script.asked == 2
    assert len(parts.utterances) == 1


def test_a_beginning_waits_for_the_rest_longer_than_anything_else() -> None:
    parts = ListeningParts("always", meaning=Script(SentenceProgress.INCOMPLETE))
    parts.hear((QUIET, 20), (VOICE, 20), (QUIET, 19))
    assert parts.utterances == []
    parts.hear((VOICE, 10), (QUIET, 20))

    (utterance,) = parts.utterances
    assert utterance.speech_seconds == pytest.approx(30 * 0.032)


def test_what_nobody_understands_waits_for_the_usual_pause() -> None:
    parts = ListeningParts("always", meaning=Script(SentenceProgress.UNKNOWN))
    parts.hear((QUIET, 20), (VOICE, 20), (QUIET, 9))
    assert parts.utterances == []
    parts.hear((QUIET, 1))

    assert len(parts.utterances) == 1


def test_a_verdict_about_less_than_was_said_does_not_count() -> None:
    script = Script(SentenceProgress.COMPLETE)
    parts = ListeningParts("always", meaning=script)
    parts.hear((QUIET, 20), (VOICE, 20), (QUIET, 2))
    script.answers = False  # the machine is slow
    parts.hear((VOICE, 5), (QUIET, 9))
    assert parts.utterances == []
    parts.hear((QUIET, 1))

    assert parts.utterances[0].speech_seconds == pytest.approx(25 * 0.032)


def test_what_was_asked_is_withdrawn_as_soon_as_more_is_said() -> None:
    script = Script(SentenceProgress.COMPLETE)
    script.answers = False
    parts = ListeningParts("always", meaning=script)
    parts.hear((QUIET, 20), (VOICE, 20), (QUIET, 2))
    assert (script.asked, script.withdrawn) == (1, 0)
    parts.hear((VOICE, 1))
    assert script.withdrawn == 1
    parts.hear((QUIET, 2))

    assert script.asked == 2


def test_what_is_not_known_at_a_glance_is_studied_in_the_rest_of_the_pause() -> None:
    script = Script(SentenceProgress.INCOMPLETE)
    parts = ListeningParts("always", meaning=script)
    parts.hear((QUIET, 20), (VOICE, 20), (QUIET, THOROUGH_AFTER_FRAMES - 1))
    assert script.thorough == [False]
    script.so_far = SentenceProgress.UNKNOWN
    parts.hear((QUIET, 1))
    assert script.thorough == [False, True]
    parts.hear((QUIET, 10))

    (utterance,) = parts.utterances
    assert script.thorough == [False, True]
    assert script.verdict is not None
    assert utterance.samples is script.verdict.samples


def test_a_sound_that_is_still_studied_when_the_pause_is_over_is_the_one_that_is_understood() -> (
    None
):
    script = Script(SentenceProgress.INCOMPLETE)
    parts = ListeningParts("always", meaning=script)
    parts.hear((QUIET, 20), (VOICE, 20), (QUIET, 3))
    script.answers = False
    parts.hear((QUIET, 20))

    (utterance,) = parts.utterances
    assert script.unanswered is not None
    assert utterance.samples is script.unanswered[0]
    assert utterance.speech_seconds == pytest.approx(20 * 0.032)
