"""From frames to utterances that are handed over."""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING

import numpy as np
import pytest
from support.loudness_detector import LoudnessDetector
from support.pipeline_parts import RecordedIntake

from appliance.config import ListeningSettings
from appliance.dialogue.listener_control import ListenerControl
from appliance.listening.frames_to_utterances import FramesToUtterances
from appliance.listening.listener import Listener
from appliance.protocols import FRAME_SAMPLES
from appliance.values import Activity, MicrophoneState, Samples, Trigger, Utterance

if TYPE_CHECKING:
    from collections.abc import Callable

SETTINGS = ListeningSettings(pause_ms=320, pre_roll_ms=320, minimum_speech_ms=96, maximum_s=3.2)
QUIET, VOICE = 0.001, 0.5


class ScriptedMicrophone:
    """Gives frames of the levels in its script; None is a frame that does not come."""

    def __init__(self, script: list[float | None]) -> None:
        self.script = script
        self.state = MicrophoneState.OK
        self.captured_at = time.monotonic() - len(script) * 0.032
        self.last_activity_at = time.monotonic()
        self.opened = self.closed = 0

    def open(self) -> None:
        self.opened += 1

    def read(self, timeout: float) -> Samples | None:
        level = self.script.pop(0)
        if level is None:
            return None
        self.captured_at += 0.032
        wave = np.resize(np.array([1.0, -1.0], dtype=np.float32), FRAME_SAMPLES)
        return level * wave

    def close(self) -> None:
        self.closed += 1


class LoggedIntake(RecordedIntake):
    """Keeps activities and utterances in one list, in their order."""

    def __init__(
        self,
        log: list[object],
        utterances: list[Utterance],
        take: Callable[[Utterance], bool] | None,
    ) -> None:
        super().__init__(take)
        self._log = log
        self.utterances = utterances

    def accept_utterance(self, utterance: Utterance) -> bool:
        taken = super().accept_utterance(utterance)
        self._log.append(utterance.id)
        return taken

    def on_activity(self, activity: Activity) -> None:
        self._log.append(activity)


class ListenerParts:
    """A listener with a scripted microphone."""

    def __init__(
        self, script: list[float | None], room_for: Callable[[Utterance], bool] | None = None
    ) -> None:
        self.microphone = ScriptedMicrophone(script)
        self.utterances: list[Utterance] = []
        self.log: list[object] = []
        self.control = ListenerControl()
        intake = LoggedIntake(self.log, self.utterances, room_for)
        self.listening = FramesToUtterances(LoudnessDetector(), SETTINGS, intake)
        self.listener = Listener(self.microphone, self.listening, self.control)

    def play(self) -> None:
        self.listener.start()
        while self.microphone.script:
            self.listener.turn()


def script(*parts: tuple[float | None, int]) -> list[float | None]:
    return [level for level, frames in parts for _ in range(frames)]


SENTENCE = ((QUIET, 40), (VOICE, 20), (QUIET, 12))


def test_a_sentence_is_handed_over_with_its_times_and_its_level() -> None:
    parts = ListenerParts(script(*SENTENCE))
    now, unix = time.monotonic(), time.time()
    parts.play()

    (utterance,) = parts.utterances
    assert (utterance.id, utterance.trigger) == ("id-0", Trigger.ALWAYS)
    assert utterance.seconds == pytest.approx(40 * 0.032)
    assert utterance.speech_seconds == pytest.approx(20 * 0.032)
    assert utterance.peak == pytest.approx(VOICE)
    # The last frame with speech was captured 12 frames before the end of the script.
    assert utterance.speech_ended == pytest.approx(now - 12 * 0.032, abs=0.2)
    assert utterance.heard_at == pytest.approx(unix - (12 + 20 + 10) * 0.032, abs=0.2)


def test_the_end_of_speech_is_counted_from_capture_and_not_from_reading() -> None:
    parts = ListenerParts(script(*SENTENCE))
    parts.microphone.captured_at -= 5.0  # the frames waited in a queue
    late = parts.microphone.captured_at + 60 * 0.032
    parts.play()

    assert parts.utterances[0].speech_ended == pytest.approx(late)


def test_it_shows_that_it_listens_and_is_idle_again_before_it_hands_over() -> None:
    parts = ListenerParts(script(*SENTENCE))
    parts.play()

    assert parts.log == [Activity.LISTENING, Activity.IDLE, "id-0"]


def test_a_click_shows_nothing() -> None:
    parts = ListenerParts(script((QUIET, 40), (VOICE, 2), (QUIET, 40)))
    parts.play()

    assert parts.log == []


def test_a_sentence_that_finds_no_room_is_counted_and_the_owner_is_told(
    caplog: pytest.LogCaptureFixture,
) -> None:
    parts = ListenerParts(script(*SENTENCE, *SENTENCE), room_for=lambda _: False)
    with caplog.at_level(logging.WARNING):
        parts.play()

    assert (parts.listening.heard, parts.listening.dropped) == (2, 2)
    assert "dropped: the appliance is still busy" in caplog.text


def test_a_lost_microphone_and_its_return_are_each_reported_once(
    caplog: pytest.LogCaptureFixture,
) -> None:
    parts = ListenerParts(script((QUIET, 10), (None, 20), (QUIET, 10)))
    with caplog.at_level(logging.INFO):
        parts.listener.start()
        for turn in range(40):
            lost = 10 <= turn < 30
            parts.microphone.state = MicrophoneState.LOST if lost else MicrophoneState.OK
            parts.listener.turn()

    assert [record.getMessage() for record in caplog.records] == [
        "the microphone is gone; it is tried again until it is back",
        "the microphone works again",
    ]


def test_a_sentence_cut_by_the_loss_of_the_microphone_is_not_joined_to_what_comes_after() -> None:
    parts = ListenerParts(script((QUIET, 40), (VOICE, 20), (None, 5), *SENTENCE))
    parts.listener.start()
    while parts.microphone.script:
        lost = parts.microphone.script[0] is None
        parts.microphone.state = MicrophoneState.LOST if lost else MicrophoneState.OK
        parts.listener.turn()

    (utterance,) = parts.utterances
    assert utterance.seconds == pytest.approx(40 * 0.032)
    assert parts.log == [
        Activity.LISTENING,
        Activity.IDLE,
        Activity.LISTENING,
        Activity.IDLE,
        "id-0",
    ]


def test_closing_gives_up_a_sentence_that_is_not_over() -> None:
    parts = ListenerParts(script((QUIET, 40), (VOICE, 20)))
    parts.play()
    parts.listener.stop()

    assert parts.utterances == []
    assert (parts.microphone.opened, parts.microphone.closed) == (1, 1)
