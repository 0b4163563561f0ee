"""A command that needs a yes, said at a satellite: asked there, and answered only from there."""

from __future__ import annotations

import contextlib
import json
import socket
import threading
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np
import pytest
from support.daemon_process import SAMPLES
from support.recordings import sound_of
from support.waiting import until

from appliance.config import Config, ListeningSettings
from appliance.satellites.satellite_link import NO_REPLY, NO_VOICE, SatelliteLink
from appliance.values import Intent, Operation, Outcome, Result, Source, Spoken, Trigger
from appliance.wyoming_server import outgoing_events as outgoing
from appliance.wyoming_server.client_socket import ClientGone
from appliance.wyoming_server.pcm_frames import pcm_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from appliance.jobs.client_jobs import ResultInbox
    from appliance.values import Samples

UNLOCK = Result(
    id="asked",
    source=Source.SPEECH,
    trigger=Trigger.REQUEST,
    language="en",
    outcome=Outcome.INTENT,
    text="unlock the front door",
    intent=Intent("Unlock", {}),
    at="",
)


class VoiceThatKeepsTexts:
    """Says everything as a short sound, and keeps the texts."""

    name = "voice"

    def __init__(self) -> None:
        self.said: list[str] = []

    def speak(self, text: str) -> Spoken:
        self.said.append(text)
        return Spoken(np.zeros(160, np.float32), 16_000)


class AskingRequests:
    """Every sentence is a command that waits for a yes; `answers` are those to the question."""

    def __init__(self) -> None:
        self.answers: list[tuple[str, bool, str]] = []

    def submit(self, satellite: str, area: str, samples: Samples, inbox: ResultInbox) -> str:
        inbox.deliver(UNLOCK)
        return UNLOCK.id

    def forget(self, name: str) -> None:
        """Nothing is kept."""

    def is_question(self, name: str) -> bool:
        return True

    def answer_question(self, name: str, *, yes: bool, why: str = "") -> Result:
        self.answers.append((name, yes, why))
        if yes:
            return msgspec.structs.replace(UNLOCK, answer="It is open.")
        return msgspec.structs.replace(UNLOCK, outcome=Outcome.CANCELLED)


class HeardReplies:
    """Transcribes every reply as the same words."""

    def __init__(self) -> None:
        self.words = "Yes."

    def submit(self, receiver: ResultInbox, operation: Operation, **_: Any) -> str:
        assert operation is Operation.TRANSCRIBE
        receiver.deliver(
            msgspec.structs.replace(
                UNLOCK, id="reply", outcome=Outcome.TRANSCRIPT, text=self.words, intent=None
            )
        )
        return "reply"

    def cancel(self, job_id: str) -> None:
        """Nothing is running."""


class SatelliteEnd:
    """A satellite's end of a connection, and the link at the appliance."""

    def __init__(self) -> None:
        self.voice, self.requests, self.replies = (
            VoiceThatKeepsTexts(),
            AskingRequests(),
            HeardReplies(),
        )
        self.services: Any = SimpleNamespace(
            config=Config(listening=ListeningSettings(by_meaning=False)),
            name="kitchen",
            language="en",
            dictation=False,
            synthesizer=self.voice,
            jobs=self.replies,
            sentences=SimpleNamespace(current=SimpleNamespace(declared={})),
            recognition=None,
        )
        with socket.create_server(("127.0.0.1", 0)) as server:
            self.stream = socket.create_connection(server.getsockname(), timeout=10)
            self._other, _ = server.accept()
        self.lines = self.stream.makefile("rb")
        self.sound = sound_of(SAMPLES / "kitchen_light.flac")

    def start(self, info: bytes | None = None) -> None:
        earshot: Any = SimpleNamespace(join=lambda *_: None, leave=lambda _: None)
        requests: Any = self.requests
        self.link = SatelliteLink(self._other, self.services, requests, earshot, "bedroom")
        self.thread = threading.Thread(target=self._serve)
        self.thread.start()
        self.stream.sendall(info or outgoing.describe_satellite("bedroom", "bedroom", []))

    def _serve(self) -> None:
        with self._other, pytest.raises(ClientGone):
            self.link.serve()

    def speak(self, beginning: bytes, sound: Samples) -> None:
        pieces = [outgoing.sound(16_000, pcm_of(one)) for one in np.split(sound[:16_000], 10)]
        self.stream.sendall(beginning + b"".join(pieces) + outgoing.sound_stop())

    def next_of(self, *kinds: str) -> dict[str, Any]:
        """The header and data of the next event of one of some types."""
        while True:
            header: dict[str, Any] = json.loads(self.lines.readline())
            data = json.loads(self.lines.read(header.get("data_length", 0)) or b"{}")
            self.lines.read(header.get("payload_length", 0))
            if header["type"] in kinds:
                return {"type": header["type"], **data}

    def ask(self) -> None:
        """Say the sentence, and hear the question."""
        self.speak(outgoing.begin_speech(None, None), self.sound)
        assert self.next_of("transcript")["text"] == UNLOCK.text
        while self.voice.said[-1:] != ["Say yes or no."]:
            self.next_of("audio-start", "audio-chunk")
        self.next_of("audio-stop")
        self.stream.sendall(outgoing.played())
        assert self.next_of("run-pipeline")["end_stage"] == "asr"

    def close(self) -> None:
        with contextlib.suppress(OSError):  # the test may have ended it
            self.stream.shutdown(socket.SHUT_RDWR)
        self.thread.join(5)
        self.lines.close()
        self.stream.close()


@pytest.fixture
def satellite() -> Iterator[SatelliteEnd]:
    found = SatelliteEnd()
    yield found
    found.close()


def test_a_yes_carries_out_the_command_and_its_answer_is_said(satellite: SatelliteEnd) -> None:
    satellite.start()
    satellite.ask()
    assert satellite.requests.answers == []
    assert satellite.voice.said == ["unlock the front door?", "Say yes or no."]
    satellite.speak(outgoing.begin_reply(), satellite.sound)
    assert satellite.next_of("transcript")["text"] == "Yes."
    assert satellite.requests.answers == [("asked", True, "no yes was heard")]
    until(lambda: satellite.voice.said[-1] == "It is open.")


@pytest.mark.parametrize(
    ("words", "loud", "why"),
    [("No.", 1, "no yes was heard"), ("", 1, "nothing was said"), ("Yes.", 0, "nothing was said")],
)
def test_anything_but_a_yes_does_nothing(
    satellite: SatelliteEnd, words: str, loud: int, why: str
) -> None:
    satellite.replies.words = words
    satellite.start()
    satellite.ask()
    satellite.speak(outgoing.begin_reply(), satellite.sound * loud)
    assert satellite.next_of("transcript")["text"] == ""
    assert satellite.requests.answers == [("asked", False, why)]
    assert satellite.voice.said[-1] == "Say yes or no."


def test_another_sentence_is_no_reply(satellite: SatelliteEnd) -> None:
    satellite.start()
    satellite.ask()
    satellite.stream.sendall(outgoing.begin_speech("okay_nabu", None))
    until(lambda: satellite.requests.answers)
    assert satellite.requests.answers == [
        ("asked", False, "another sentence came before the reply")
    ]
    satellite.speak(outgoing.begin_reply(), satellite.sound)
    assert satellite.next_of("error")["text"] == "no reply is awaited"
    assert len(satellite.requests.answers) == 1


def test_a_reply_that_nobody_asked_for_is_refused(satellite: SatelliteEnd) -> None:
    satellite.start()
    satellite.speak(outgoing.begin_reply(), satellite.sound)
    assert satellite.next_of("error")["text"] == "no reply is awaited"
    assert satellite.requests.answers == []


def test_a_satellite_that_leaves_has_said_no(satellite: SatelliteEnd) -> None:
    satellite.start()
    satellite.ask()
    satellite.stream.shutdown(socket.SHUT_WR)
    until(lambda: satellite.requests.answers)
    assert satellite.requests.answers == [("asked", False, "the connection to the satellite ended")]


def test_without_a_voice_nothing_is_done(satellite: SatelliteEnd) -> None:
    satellite.services.synthesizer = None
    satellite.start()
    satellite.speak(outgoing.begin_speech(None, None), satellite.sound)
    assert satellite.next_of("transcript", "error")["text"] == NO_VOICE
    assert satellite.requests.answers == [("asked", False, NO_VOICE)]


def test_a_satellite_that_cannot_listen_to_replies_is_not_asked(satellite: SatelliteEnd) -> None:
    info = outgoing.describe_satellite("bedroom", "bedroom", [])
    satellite.start(info.replace(b'"supports_trigger":true', b'"supports_trigger":null'))
    satellite.speak(outgoing.begin_speech(None, None), satellite.sound)
    assert satellite.next_of("transcript", "error")["text"] == NO_REPLY
    assert satellite.requests.answers == [("asked", False, NO_REPLY)]
    assert satellite.voice.said == []
