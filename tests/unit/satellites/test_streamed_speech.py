"""At a satellite: when sound is sent, when it ends, and what its owner hears."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from support.pipeline_parts import commands_of

from appliance.audio.earcons import Earcon
from appliance.dialogue.listener_control import Activation, Cancel, Listen, ListenerControl, Release
from appliance.satellites import streamed_speech
from appliance.satellites.streamed_speech import ANOTHER_HEARD_BETTER, StreamedSpeech
from appliance.values import Samples, Spoken, Trigger, Utterance, Wake

FRAME: Samples = np.zeros(512, dtype=np.float32)
WOKEN = Activation(Trigger.WAKE_WORD, after_wake_word=True)


class RecordedUplink:
    """Keeps the types of the events; `is_there` says whether somebody is connected."""

    def __init__(self) -> None:
        self.sent: list[str] = []
        self.is_there = True

    def send(self, events: bytes) -> bool:
        if self.is_there:
            self.sent += [
                json.loads(part.partition(b"\n")[0].decode())["type"]
                for part in events.replace(b'{"type"', b'\x00{"type"').split(b"\x00")
                if part.startswith(b'{"type"')
            ]
        return self.is_there


class PlayedSounds:
    def __init__(self) -> None:
        self.played: list[Any] = []

    def play(self, earcon: Earcon) -> None:
        self.played.append(earcon)

    def play_spoken(self, spoken: Spoken, done: Any) -> None:
        self.played.append(spoken)
        done()

    def interrupt(self) -> None:
        self.played.append("interrupted")


class Satellite:
    def __init__(self) -> None:
        self.uplink = RecordedUplink()
        self.speech = PlayedSounds()
        self.control = ListenerControl()
        self.stream = StreamedSpeech(self.uplink, self.speech, self.control, 5.0)  # type: ignore[arg-type]

    def wake(self) -> None:
        self.stream.on_wake(Wake("okay_nabu", 0.9, 0.5), None)
        self.stream.on_listening(WOKEN)
        commands_of(self.control)
        self.speech.played.clear()

    @property
    def replies_listened_to(self) -> int:
        commands = commands_of(self.control)
        return sum(isinstance(one, Listen) and one.activation.reply for one in commands)

    @property
    def is_cancelled(self) -> bool:
        return any(isinstance(one, Cancel) for one in commands_of(self.control))


def utterance(trigger: Trigger = Trigger.WAKE_WORD) -> Utterance:
    return Utterance("1", np.full(1600, 0.1, dtype=np.float32), trigger, 0.0, 0.0)


@pytest.fixture
def satellite() -> Satellite:
    return Satellite()


def test_sound_is_sent_from_the_wake_word_to_the_pause(satellite: Satellite) -> None:
    satellite.stream.on_frame(FRAME)
    assert satellite.uplink.sent == []
    satellite.wake()
    satellite.stream.on_frame(FRAME)
    assert satellite.stream.accept_utterance(utterance())
    satellite.stream.on_frame(FRAME)
    assert satellite.uplink.sent == [
        *("detection", "run-pipeline", "audio-start", "audio-chunk", "audio-stop"),
    ]


def test_a_transcript_ends_the_listening_and_is_heard_once(satellite: Satellite) -> None:
    satellite.wake()
    satellite.stream.on_transcript("Turn on the light.")
    satellite.stream.on_transcript("Turn on the light.")
    assert satellite.speech.played == [Earcon.UNDERSTOOD]
    assert satellite.is_cancelled
    satellite.stream.give_up(WOKEN, "it is understood")
    assert satellite.uplink.sent[-1] == "audio-stop"


def test_nothing_understood_and_a_failure_sound_different(satellite: Satellite) -> None:
    satellite.wake()
    satellite.stream.on_transcript("")
    assert satellite.speech.played == [Earcon.NOTHING]
    satellite.wake()
    satellite.stream.on_failure("the queue is full", "failed")
    assert satellite.speech.played == [Earcon.FAULT]


def test_it_falls_silent_where_another_one_heard_better(satellite: Satellite) -> None:
    satellite.wake()
    satellite.stream.on_failure("yielded", ANOTHER_HEARD_BETTER)
    assert satellite.speech.played == []
    assert satellite.is_cancelled


def test_without_a_connection_the_speaker_hears_that_nobody_listens(satellite: Satellite) -> None:
    satellite.uplink.is_there = False
    satellite.stream.on_listening(WOKEN)
    satellite.stream.on_frame(FRAME)
    assert satellite.speech.played == [Earcon.FAULT]
    assert satellite.is_cancelled
    assert not satellite.stream.accept_utterance(utterance())


def test_a_connection_that_ends_in_a_sentence_ends_the_listening(satellite: Satellite) -> None:
    satellite.wake()
    satellite.uplink.is_there = False
    satellite.stream.on_frame(FRAME)
    assert satellite.is_cancelled


def test_the_end_of_the_voice_ends_the_sentence(satellite: Satellite) -> None:
    satellite.stream.on_voice_stopped()
    assert commands_of(satellite.control) == []
    satellite.wake()
    satellite.stream.on_voice_stopped()
    assert [type(one) for one in commands_of(satellite.control)] == [Release]


def test_a_microphone_that_is_always_open_sends_whole_sentences(satellite: Satellite) -> None:
    assert satellite.stream.accept_utterance(utterance(Trigger.ALWAYS))
    assert satellite.uplink.sent == [
        *("run-pipeline", "audio-start", *["audio-chunk"] * 4, "audio-stop"),
    ]


def test_an_answer_is_played_and_reported(satellite: Satellite) -> None:
    spoken = Spoken(FRAME, 22_050)
    satellite.stream.on_spoken(spoken)
    assert satellite.speech.played == [spoken]
    assert satellite.uplink.sent == ["played"]


def test_a_reply_is_listened_to_once_after_a_sentence_and_never_without_one(
    satellite: Satellite,
) -> None:
    satellite.stream.on_reply_wanted()
    assert satellite.replies_listened_to == 0
    satellite.wake()
    satellite.stream.accept_utterance(utterance())
    satellite.stream.on_reply_wanted()
    assert satellite.replies_listened_to == 1
    satellite.stream.on_listening(Activation(Trigger.REQUEST, reply=True))
    satellite.stream.accept_utterance(utterance(Trigger.REQUEST))
    assert satellite.uplink.sent[-3:] == ["run-pipeline", "audio-start", "audio-stop"]
    satellite.stream.on_reply_wanted()
    assert satellite.replies_listened_to == 0


def test_no_reply_is_listened_to_while_somebody_speaks(satellite: Satellite) -> None:
    satellite.wake()
    satellite.stream.on_reply_wanted()
    assert satellite.replies_listened_to == 0


def test_no_reply_is_listened_to_long_after_the_sentence(
    satellite: Satellite, monkeypatch: pytest.MonkeyPatch
) -> None:
    satellite.wake()
    satellite.stream.accept_utterance(utterance())
    monkeypatch.setattr(streamed_speech, "ASKS_WITHIN_S", 0.0)
    satellite.stream.on_listening(WOKEN)
    satellite.stream.accept_utterance(utterance())
    satellite.stream.on_reply_wanted()
    assert satellite.replies_listened_to == 0
