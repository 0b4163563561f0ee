"""What requests and options do to the microphone, and what becomes of a microphone that is lost."""

from __future__ import annotations

import pytest
from support.pipeline_parts import RecordedEvents, RecordedIntake, commands_of

from appliance.config import Config, ListeningSettings
from appliance.dialogue.listener_control import (
    Activation,
    Deafen,
    Listen,
    ListenerControl,
    Mute,
    UseTrigger,
)
from appliance.dialogue.speech_output import SpeechOutput
from appliance.events import MicrophoneChanged, SettingsChanged
from appliance.listening.voice_input import VoiceInput
from appliance.values import MicrophoneState, Trigger


class VoiceParts:
    """A voice input that is not started, and what it told its listener."""

    def __init__(self) -> None:
        self.control = ListenerControl()
        self.events = RecordedEvents()
        config = Config(listening=ListeningSettings(trigger="button", wait_s=3.0))
        self.voice = VoiceInput(
            config,
            RecordedIntake(),  # type: ignore[arg-type]
            None,  # type: ignore[arg-type]
            control=self.control,
            speech=SpeechOutput(config, self.control, self.events),
            events=self.events,
        )

    def set_state(self, monkeypatch: pytest.MonkeyPatch, state: MicrophoneState) -> None:
        monkeypatch.setattr(VoiceInput, "state", state)


def test_a_request_to_listen_names_the_result_to_come(monkeypatch: pytest.MonkeyPatch) -> None:
    parts = VoiceParts()
    parts.set_state(monkeypatch, MicrophoneState.OK)

    assert parts.voice.listen() == "id-0"
    expected = Activation(Trigger.REQUEST, id="id-0", wait_s=3.0)
    assert commands_of(parts.control) == [Listen(expected)]


@pytest.mark.parametrize(
    "state", [MicrophoneState.LOST, MicrophoneState.MUTED, MicrophoneState.ABSENT]
)
def test_without_a_microphone_a_request_to_listen_is_declined(
    state: MicrophoneState, monkeypatch: pytest.MonkeyPatch
) -> None:
    parts = VoiceParts()
    parts.set_state(monkeypatch, state)

    assert parts.voice.listen() is None
    assert commands_of(parts.control) == []


def test_each_change_of_the_microphone_is_published_once(monkeypatch: pytest.MonkeyPatch) -> None:
    parts = VoiceParts()
    for state in (MicrophoneState.LOST, MicrophoneState.OK, MicrophoneState.MUTED):
        parts.set_state(monkeypatch, state)
        parts.voice.tick()
        parts.voice.tick()

    states = [event.state for event in parts.events.of(MicrophoneChanged)]
    assert states == [MicrophoneState.LOST, MicrophoneState.OK, MicrophoneState.MUTED]


def test_muting_closes_the_microphone_and_publishes_the_options() -> None:
    parts = VoiceParts()
    parts.voice.mute(muted=True)

    assert parts.voice.muted
    assert commands_of(parts.control) == [Mute(muted=True)]
    assert len(parts.events.of(SettingsChanged)) == 1


def test_what_starts_the_listening_can_be_changed() -> None:
    parts = VoiceParts()
    assert parts.voice.trigger == "button"
    parts.voice.use_trigger("always")

    assert commands_of(parts.control) == [UseTrigger("always", None)]


def test_interrupted_speech_output_ends_the_deafness_at_once() -> None:
    parts = VoiceParts()
    parts.voice.interrupt_speech()

    assert commands_of(parts.control) == [Deafen(deaf=False)]
