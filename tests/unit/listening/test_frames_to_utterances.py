"""What starts listening, and which utterances result."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from support.loudness_detector import LoudnessDetector
from support.pipeline_parts import RecordedIntake

from appliance.config import ListeningSettings
from appliance.dialogue.listener_control import Activation
from appliance.listening.frames_to_utterances import FramesToUtterances
from appliance.protocols import FRAME_SAMPLES
from appliance.values import Activity, Samples, Trigger, Utterance, Wake

if TYPE_CHECKING:
    from collections.abc import Sequence

QUIET, VOICE, WORD = 0.001, 0.8, 0.7
"""Loudness of a quiet room, of somebody who speaks, and of the wake word's last frame."""


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


class ListeningParts:
    """A listening state, and what it gives to the intake."""

    def __init__(
        self,
        mode: str,
        spotters: Sequence[LoudSpotter] = (),
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
            short_pause_ms=160,
            long_pause_ms=640,
            pre_roll_ms=320,
            minimum_speech_ms=96,
            maximum_s=3.2,
            wait_s=1.6,
        )
        self.listening = FramesToUtterances(
            LoudnessDetector(),
            settings,
            self.intake,
            wake_word_detectors=spotters,
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


def test_before_the_wake_word_no_speech_is_heard() -> None:
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


def test_listening_stops_after_one_sentence() -> None:
    parts = ListeningParts("wake_word", [LoudSpotter()])
    parts.hear((QUIET, 20), (WORD, 1), (QUIET, 6), (VOICE, 20), (QUIET, 12))
    parts.hear((VOICE, 20), (QUIET, 20))

    assert len(parts.utterances) == 1


def test_a_speaker_who_does_not_pause_after_the_wake_word_loses_no_syllable() -> None:
    parts = ListeningParts("wake_word", [LoudSpotter()])
    parts.hear((QUIET, 20), (WORD, 1), (VOICE, 20), (QUIET, 12))

    (utterance,) = parts.utterances
    assert utterance.speech_seconds == pytest.approx(21 * 0.032)


def test_the_rest_of_the_wake_word_is_not_a_sentence() -> None:
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


def test_a_listen_request_gives_an_utterance_with_the_id_of_the_request() -> None:
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


def test_the_trigger_can_be_changed_at_run_time() -> None:
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


def test_with_the_trigger_always_speech_output_is_not_taken_for_a_sentence() -> None:
    parts = ListeningParts("always")
    parts.hear((QUIET, 20), (VOICE, 5))
    parts.listening.be_deaf(deaf=True)
    parts.hear((VOICE, 40), (QUIET, 40))

    assert parts.utterances == []
