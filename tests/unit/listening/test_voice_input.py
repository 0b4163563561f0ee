"""What requests and options do to the microphone, and what becomes of a microphone that is lost."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING

import pytest
from support.pipeline_parts import RecordedEvents, RecordedIntake, commands_of

from appliance.config import Config, DeviceSettings, ListeningSettings, PanelSettings
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
from appliance.listening.mute_state import FILE, MutedBy
from appliance.listening.voice_input import VoiceInput
from appliance.values import MicrophoneState, Trigger

if TYPE_CHECKING:
    from pathlib import Path


class VoiceParts:
    """A voice input that is not started, and what it told its listener."""

    def __init__(self, directory: Path, *, button_pin: int = 4) -> None:
        self.control = ListenerControl()
        self.events = RecordedEvents()
        config = Config(
            device=DeviceSettings(state_directory=str(directory)),
            listening=ListeningSettings(trigger="button", wait_s=3.0),
            panel=PanelSettings(button_pin=button_pin),
        )
        self.voice = VoiceInput(
            config,
            RecordedIntake(),
            SimpleNamespace(device=None),  # type: ignore[arg-type]
            control=self.control,
            speech=SpeechOutput(config, self.control, self.events),
            events=self.events,
        )

    def set_state(self, monkeypatch: pytest.MonkeyPatch, state: MicrophoneState) -> None:
        monkeypatch.setattr(VoiceInput, "state", state)


def test_a_request_to_listen_names_the_result_to_come(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    parts = VoiceParts(tmp_path)
    parts.set_state(monkeypatch, MicrophoneState.OK)

    assert parts.voice.listen() == "id-0"
    expected = Activation(Trigger.REQUEST, id="id-0", wait_s=3.0)
    assert commands_of(parts.control) == [Listen(expected)]


@pytest.mark.parametrize(
    "state", [MicrophoneState.LOST, MicrophoneState.MUTED, MicrophoneState.ABSENT]
)
def test_without_a_microphone_a_request_to_listen_is_declined(
    state: MicrophoneState, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    parts = VoiceParts(tmp_path)
    parts.set_state(monkeypatch, state)

    assert parts.voice.listen() is None
    assert commands_of(parts.control) == []


def test_each_change_of_the_microphone_is_published_once(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    parts = VoiceParts(tmp_path)
    for state in (MicrophoneState.LOST, MicrophoneState.OK, MicrophoneState.MUTED):
        parts.set_state(monkeypatch, state)
        parts.voice.tick()
        parts.voice.tick()

    states = [event.state for event in parts.events.of(MicrophoneChanged)]
    assert states == [MicrophoneState.LOST, MicrophoneState.OK, MicrophoneState.MUTED]


def test_muting_closes_the_microphone_and_publishes_the_options(tmp_path: Path) -> None:
    parts = VoiceParts(tmp_path)
    parts.voice.mute(MutedBy.REQUEST, muted=True)

    assert parts.voice.muted
    assert commands_of(parts.control) == [Mute(muted=True)]
    assert len(parts.events.of(SettingsChanged)) == 1


def test_a_mute_is_undone_where_it_was_made_and_nowhere_else(tmp_path: Path) -> None:
    parts = VoiceParts(tmp_path)
    for by in MutedBy:
        parts.voice.mute(by, muted=True)
    for by in MutedBy:
        assert parts.voice.muted
        parts.voice.mute(by, muted=False)
    assert not parts.voice.muted
    told = [command.muted for command in commands_of(parts.control) if isinstance(command, Mute)]
    assert told == [True, True, True, False]


@pytest.mark.parametrize("by", list(MutedBy))
def test_a_mute_survives_a_restart_and_so_does_its_end(tmp_path: Path, by: MutedBy) -> None:
    VoiceParts(tmp_path).voice.mute(by, muted=True)
    again = VoiceParts(tmp_path)
    assert again.voice.is_muted_by(by)
    assert commands_of(again.control) == [Mute(muted=True)]  # before anything is opened
    again.voice.mute(by, muted=False)
    third = VoiceParts(tmp_path)
    assert not third.voice.muted
    assert commands_of(third.control) == []


def test_a_mute_by_a_button_that_was_taken_away_does_not_last_for_ever(tmp_path: Path) -> None:
    VoiceParts(tmp_path).voice.mute(MutedBy.BUTTON, muted=True)
    assert not VoiceParts(tmp_path, button_pin=0).voice.muted


def test_a_damaged_file_of_mutes_means_muted(tmp_path: Path) -> None:
    (tmp_path / FILE).write_bytes(b"\x00\x00")
    parts = VoiceParts(tmp_path)
    assert parts.voice.muted
    for by in MutedBy:
        parts.voice.mute(by, muted=False)
    assert not VoiceParts(tmp_path).voice.muted


def test_what_starts_the_listening_can_be_changed(tmp_path: Path) -> None:
    parts = VoiceParts(tmp_path)
    assert parts.voice.trigger == "button"
    parts.voice.use_trigger("always")

    assert commands_of(parts.control) == [UseTrigger("always", None)]
    assert parts.voice.trigger == "always"


def test_interrupted_speech_output_ends_the_deafness_at_once(tmp_path: Path) -> None:
    parts = VoiceParts(tmp_path)
    parts.voice.interrupt_speech()

    assert commands_of(parts.control) == [Deafen(deaf=False)]
