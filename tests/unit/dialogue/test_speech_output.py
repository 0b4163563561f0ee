"""What is said, in which order, and what a hush forgets."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from appliance.audio.earcons import Earcon, sound_of
from appliance.config import Config, SpeakingSettings
from appliance.dialogue import speech_output as voices
from appliance.dialogue.speech_output import SpeechOutput
from appliance.values import SAMPLE_RATE, Samples, Spoken

if TYPE_CHECKING:
    from collections.abc import Callable


class Loudspeaker:
    """Notes how many samples it was given."""

    def __init__(self, _device: str, _volume: float) -> None:
        self.played: list[int] = []

    def play(self, samples: Samples, rate: int, stopping: Callable[[], bool]) -> None:
        assert rate == SAMPLE_RATE
        if not stopping():
            self.played.append(len(samples))


class Synthesizer:
    """A sample for each letter."""

    def speak(self, text: str) -> Spoken:
        return Spoken(np.zeros(len(text), np.float32), SAMPLE_RATE)


@pytest.fixture
def voice(monkeypatch: pytest.MonkeyPatch) -> SpeechOutput:
    monkeypatch.setattr(voices, "Loudspeaker", Loudspeaker)
    monkeypatch.setattr(voices, "open_synthesizer", lambda *_: Synthesizer())
    return SpeechOutput(Config(speaking=SpeakingSettings(earcons=True)))


def played(voice: SpeechOutput) -> list[int]:
    loudspeaker = voice._loudspeaker
    assert isinstance(loudspeaker, Loudspeaker)
    return loudspeaker.played


def test_a_hush_forgets_what_waits_and_who_waits_for_its_end_goes_on(voice: SpeechOutput) -> None:
    ended: list[str] = []
    voice.say("First.", done=lambda: ended.append("first"))
    voice.say("Second.", done=lambda: ended.append("second"))
    voice.hush()
    voice.turn()

    assert played(voice) == []
    assert ended == ["first", "second"]


def test_what_is_wished_after_a_hush_is_heard(voice: SpeechOutput) -> None:
    voice.hush()  # as whoever wakes it does, and then the sign that it listens
    voice.play(Earcon.LISTENING)
    voice.turn()

    assert played(voice) == [len(sound_of(Earcon.LISTENING))]


def test_a_hush_in_the_middle_leaves_out_the_rest_but_not_what_comes_after(
    voice: SpeechOutput, monkeypatch: pytest.MonkeyPatch
) -> None:
    def speak(_: Synthesizer, text: str) -> Spoken:
        if text == "Two.":
            voice.hush()
            voice.say("Afterwards.")
        return Spoken(np.zeros(len(text), np.float32), SAMPLE_RATE)

    monkeypatch.setattr(Synthesizer, "speak", speak)
    voice.say("One. Two. Three.")
    voice.turn()

    assert played(voice) == [len("One."), len("Afterwards.")]
