"""From frames to utterances that are handed over."""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING

import numpy as np
import pytest

from appliance.config import ListeningSettings
from appliance.listening.listener import Listener
from appliance.listening.listening_state import ListeningCallbacks, ListeningState
from appliance.protocols import FRAME_SAMPLES
from appliance.values import Activity, MicrophoneState, Samples, Trigger, Utterance

if TYPE_CHECKING:
    from collections.abc import Callable

SETTINGS = ListeningSettings(pause_ms=320, pre_roll_ms=320, minimum_speech_ms=96, maximum_s=3.2)
QUIET, VOICE = 0.001, 0.5


class LevelDetector:
    """Hears speech in whatever is loud."""

    def probability(self, frame: Samples) -> float:
        return 0.9 if np.abs(frame).max() > 0.1 else 0.1

    def reset(self) -> None:
        """It remembers nothing."""


class ScriptedMicrophone:
    """Gives frames of the levels in its script; None is a frame that does not come."""

    def __init__(self, script: list[float | None]) -> None:
        self.script = script
        self.state = MicrophoneState.OK
        self.captured_at = time.monotonic() - len(script) * 0.032
        self.looked_after_at = time.monotonic()
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


class Bench:
    """A listener whose every neighbour is in sight."""

    def __init__(
        self, script: list[float | None], room_for: Callable[[Utterance], bool] | None = None
    ) -> None:
        self.microphone = ScriptedMicrophone(script)
        self.utterances: list[Utterance] = []
        self.log: list[object] = []
        neighbours = ListeningCallbacks(
            hand_over=room_for or self.take,
            new_id=lambda: f"id-{len(self.utterances)}",
            on_activity=self.log.append,
        )
        self.ear = ListeningState(LevelDetector(), SETTINGS, neighbours)
        self.listener = Listener(self.microphone, self.ear, neighbours)

    def take(self, utterance: Utterance) -> bool:
        self.utterances.append(utterance)
        self.log.append(utterance.id)
        return True

    def play(self) -> None:
        self.listener.start()
        while self.microphone.script:
            self.listener.turn()


def script(*parts: tuple[float | None, int]) -> list[float | None]:
    return [level for level, frames in parts for _ in range(frames)]


SENTENCE = ((QUIET, 40), (VOICE, 20), (QUIET, 12))


def test_a_sentence_is_handed_over_with_its_times_and_its_level() -> None:
    bench = Bench(script(*SENTENCE))
    now, unix = time.monotonic(), time.time()
    bench.play()

    (utterance,) = bench.utterances
    assert (utterance.id, utterance.trigger) == ("id-0", Trigger.ALWAYS)
    assert utterance.seconds == pytest.approx(40 * 0.032)
    assert utterance.speech_seconds == pytest.approx(20 * 0.032)
    assert utterance.peak == pytest.approx(VOICE)
    # The last frame with speech was captured 12 frames before the end of the script.
    assert utterance.speech_ended == pytest.approx(now - 12 * 0.032, abs=0.2)
    assert utterance.heard_at == pytest.approx(unix - (12 + 20 + 10) * 0.032, abs=0.2)


def test_the_end_of_speech_is_counted_from_capture_and_not_from_reading() -> None:
    bench = Bench(script(*SENTENCE))
    bench.microphone.captured_at -= 5.0  # the frames waited in a queue
    late = bench.microphone.captured_at + 60 * 0.032
    bench.play()

    assert bench.utterances[0].speech_ended == pytest.approx(late)


def test_it_shows_that_it_listens_and_is_idle_again_before_it_hands_over() -> None:
    bench = Bench(script(*SENTENCE))
    bench.play()

    assert bench.log == [Activity.LISTENING, Activity.IDLE, "id-0"]


def test_a_click_shows_nothing() -> None:
    bench = Bench(script((QUIET, 40), (VOICE, 2), (QUIET, 40)))
    bench.play()

    assert bench.log == []


def test_a_sentence_that_finds_no_room_is_counted_and_the_owner_is_told(
    caplog: pytest.LogCaptureFixture,
) -> None:
    bench = Bench(script(*SENTENCE, *SENTENCE), room_for=lambda _: False)
    with caplog.at_level(logging.WARNING):
        bench.play()

    assert (bench.ear.heard, bench.ear.dropped) == (2, 2)
    assert "dropped: the appliance is still busy" in caplog.text


def test_a_lost_microphone_is_told_once_and_its_return_too(
    caplog: pytest.LogCaptureFixture,
) -> None:
    bench = Bench(script((QUIET, 10), (None, 20), (QUIET, 10)))
    with caplog.at_level(logging.INFO):
        bench.listener.start()
        for turn in range(40):
            lost = 10 <= turn < 30
            bench.microphone.state = MicrophoneState.LOST if lost else MicrophoneState.OK
            bench.listener.turn()

    assert [record.getMessage() for record in caplog.records] == [
        "the microphone is gone; it is tried again until it is back",
        "the microphone works again",
    ]


def test_a_sentence_cut_by_the_loss_of_the_microphone_is_not_joined_to_what_comes_after() -> None:
    bench = Bench(script((QUIET, 40), (VOICE, 20), (None, 5), *SENTENCE))
    bench.listener.start()
    while bench.microphone.script:
        lost = bench.microphone.script[0] is None
        bench.microphone.state = MicrophoneState.LOST if lost else MicrophoneState.OK
        bench.listener.turn()

    (utterance,) = bench.utterances
    assert utterance.seconds == pytest.approx(40 * 0.032)
    assert bench.log == [
        Activity.LISTENING,
        Activity.IDLE,
        Activity.LISTENING,
        Activity.IDLE,
        "id-0",
    ]


def test_closing_gives_up_a_sentence_that_is_not_over() -> None:
    bench = Bench(script((QUIET, 40), (VOICE, 20)))
    bench.play()
    bench.listener.close()

    assert bench.utterances == []
    assert (bench.microphone.opened, bench.microphone.closed) == (1, 1)
