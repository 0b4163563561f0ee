"""What is said, in which order, and what an interruption drops."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from support.pipeline_parts import RecordedEvents, commands_of

from appliance.audio.earcons import Earcon, sound_of
from appliance.config import Config, SpeakingSettings
from appliance.dialogue import speech_output as voices
from appliance.dialogue.listener_control import Deafen, ListenerControl
from appliance.dialogue.speech_output import SpeechOutput
from appliance.events import ActivityChanged
from appliance.values import SAMPLE_RATE, Activity, Samples, Spoken

if TYPE_CHECKING:
    from collections.abc import Callable


class RecordedLoudspeaker:
    """Notes how many samples it was given."""

    def __init__(self, _device: str, _volume: float) -> None:
        self.played: list[int] = []

    def play(self, samples: Samples, rate: int, stopping: Callable[[], bool]) -> None:
        assert rate == SAMPLE_RATE
        if not stopping():
            self.played.append(len(samples))


class FakeSynthesizer:
    """A sample for each letter."""

    def speak(self, text: str) -> Spoken:
        return Spoken(np.zeros(len(text), np.float32), SAMPLE_RATE)


@pytest.fixture
def voice(monkeypatch: pytest.MonkeyPatch) -> SpeechOutput:
    monkeypatch.setattr(voices, "Loudspeaker", RecordedLoudspeaker)
    monkeypatch.setattr(voices, "open_synthesizer", lambda *_: FakeSynthesizer())
    config = Config(speaking=SpeakingSettings(earcons=True))
    return SpeechOutput(config, ListenerControl(), RecordedEvents())


def played(voice: SpeechOutput) -> list[int]:
    loudspeaker = voice._loudspeaker
    assert isinstance(loudspeaker, RecordedLoudspeaker)
    return loudspeaker.played


def test_an_interruption_drops_what_waits_and_calls_those_who_wait_for_its_end(
    voice: SpeechOutput,
) -> None:
    ended: list[str] = []
    voice.say("First.", done=lambda: ended.append("first"))
    voice.say("Second.", done=lambda: ended.append("second"))
    voice.interrupt()
    voice.turn()

    assert played(voice) == []
    assert ended == ["first", "second"]


def test_what_is_requested_after_an_interruption_is_heard(voice: SpeechOutput) -> None:
    voice.interrupt()  # as a wake word does, and then the sign that it listens
    voice.play(Earcon.LISTENING)
    voice.turn()

    assert played(voice) == [len(sound_of(Earcon.LISTENING))]


def test_an_interruption_in_the_middle_drops_the_rest_but_not_what_comes_after(
    voice: SpeechOutput, monkeypatch: pytest.MonkeyPatch
) -> None:
    def speak(_: FakeSynthesizer, text: str) -> Spoken:
        if text == "Two.":
            voice.interrupt()
            voice.say("Afterwards.")
        return Spoken(np.zeros(len(text), np.float32), SAMPLE_RATE)

    monkeypatch.setattr(FakeSynthesizer, "speak", speak)
    voice.say("One. Two. Three.")
    voice.turn()

    assert played(voice) == [len("One."), len("Afterwards.")]


def test_while_it_speaks_the_listener_is_deaf_and_an_activity_says_so(voice: SpeechOutput) -> None:
    voice.say("One.")
    voice.turn()

    assert commands_of(voice._listener) == [Deafen(deaf=True), Deafen(deaf=False)]
    events = voice._events
    assert isinstance(events, RecordedEvents)
    shown = [event.activity for event in events.of(ActivityChanged)]
    assert shown == [Activity.SPEAKING, Activity.IDLE]


def test_an_earcon_does_not_make_the_listener_deaf(voice: SpeechOutput) -> None:
    voice.play(Earcon.LISTENING)
    voice.turn()

    assert commands_of(voice._listener) == []
