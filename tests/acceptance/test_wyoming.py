"""Other voice systems use the recognition by the Wyoming protocol; nothing of theirs acts here."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import psutil
import pytest
import soxr
import zeroconf
from support.daemon_process import REPOSITORY, SAMPLES, DaemonProcess
from support.free_port import free_port
from support.mosquitto import Mosquitto
from support.mqtt_client import MqttClient
from support.recordings import sound_of
from support.waiting import until
from support.wyoming_client import WyomingClient
from wyoming.asr import Transcribe, Transcript
from wyoming.audio import AudioChunk, AudioStart, AudioStop
from wyoming.event import Event
from wyoming.handle import Handled, NotHandled
from wyoming.info import Describe, Info, SelectProgram
from wyoming.intent import Intent, Recognize
from wyoming.ping import Ping
from wyoming.tts import Synthesize, SynthesizeChunk, SynthesizeStart, SynthesizeStop
from wyoming.wake import Detect, Detection

from appliance.text.normalise import normalise
from appliance.values import Samples
from appliance.wyoming_server.pcm_frames import pcm_of

LIGHT = "Turn on the kitchen light."
SECOND = bytes(32_000)
"""Of silence."""


NAMES = """
language: en
intents:
  SwitchOn: {data: [{sentences: ["turn on the {name}"]}]}
lists:
  name: {values: [fountain]}
"""


def clip(name: str) -> Samples:
    return sound_of(SAMPLES / f"{name}.flac")


def pcm(name: str) -> bytes:
    return pcm_of(clip(name))


class Served:
    """An appliance with a Wyoming server, and a client of the broker that hears everything."""

    def __init__(self, daemon: DaemonProcess, port: int, heard: MqttClient) -> None:
        self.daemon = daemon
        self.port = port
        self.heard = heard

    def client(self) -> WyomingClient:
        return WyomingClient(self.port)

    @property
    def process(self) -> psutil.Process:
        assert self.daemon.process is not None
        return psutil.Process(self.daemon.process.pid)


def sentences_with_names(folder: Path) -> Path:
    """The starter set, and a sentence with the list of devices' names."""
    own = folder / "sentences"
    shutil.copytree(REPOSITORY / "appliance" / "intents" / "en", own)
    (own / "names.yaml").write_text(NAMES, encoding="utf-8")
    return own


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory, models_directory: Path) -> Iterator[Served]:
    folder, port = tmp_path_factory.mktemp("wyoming"), free_port()
    with (
        Mosquitto(folder / "broker") as broker,
        MqttClient(broker.port, "#") as heard,
        DaemonProcess(
            folder,
            models_directory,
            mqtt={"host": "127.0.0.1", "port": broker.port},
            wyoming={"listen": f"127.0.0.1:{port}"},
            sentences={"folder": str(sentences_with_names(folder))},
            speaking={"engine": "espeak-ng" if shutil.which("espeak-ng") else "off"},
        ) as daemon,
    ):
        daemon.start()
        yield Served(daemon, port, heard)


@pytest.fixture
def client(served: Served) -> Iterator[WyomingClient]:
    with served.client() as connected:
        yield connected


# What is offered.


def test_the_description_is_complete_and_asks_for_no_voice_activity_detection(
    client: WyomingClient,
) -> None:
    info = Info.from_event(client.ask(Describe()))
    (speech,) = info.asr
    assert speech.name == "kitchen"
    assert [model.name for model in speech.models] == ["commands", "dictation"]
    assert all(model.languages == ["en"] for model in speech.models)
    assert not speech.requires_external_vad
    assert speech.supports_transcript_streaming
    assert [one.name for one in info.intent] == ["kitchen"]
    assert [word.name for word in info.wake[0].models] == ["okay_nabu"]
    assert info.satellite is None
    assert info.handle == []  # language_model.answers_speech is false


def test_a_description_and_a_ping_are_answered_while_a_transcription_is_in_progress(
    client: WyomingClient,
) -> None:
    client.send(Transcribe(name="dictation"), AudioStart(16_000, 2, 1))
    for _ in range(3):
        client.send(AudioChunk(16_000, 2, 1, pcm("weather_talk")))
    client.send(AudioStop(), Describe(), Ping(text="still there"))
    assert client.next_of("info", "transcript").type == "info"
    assert client.next_of("pong", "transcript").type == "pong"
    assert "river" in client.transcript()


def test_the_description_is_the_same_after_a_restart(
    tmp_path: Path, models_directory: Path
) -> None:
    port = free_port()
    wyoming = {"listen": f"127.0.0.1:{port}"}
    infos = []
    with DaemonProcess(
        tmp_path, models_directory, wyoming=wyoming, mqtt={"embedded_port": free_port()}
    ) as daemon:
        for _ in range(2):
            daemon.start()
            with WyomingClient(port) as client:
                infos.append(client.ask(Describe()).data)
                assert daemon.stop()[0] == 0
                assert client.is_ended()
    assert infos[0] == infos[1]


# Speech.


@pytest.mark.parametrize("line", (SAMPLES / "manifest.jsonl").read_text("utf-8").splitlines())
def test_a_declared_sentence_has_its_words_and_all_other_sound_has_none(
    client: WyomingClient, line: str
) -> None:
    expected = json.loads(line)
    text = client.text_of(pcm_of(sound_of(SAMPLES / expected["audio"])))
    event = client.ask(Recognize(text=text))
    if expected["intent"] is None:
        assert text == ""
        assert event.type == "not-recognized"
        return
    intent = Intent.from_event(event)
    assert intent.name == expected["intent"]
    assert {one.name: one.value for one in intent.entities} == expected["slots"]


def test_a_sentence_ends_by_its_meaning_before_the_sound_is_over(client: WyomingClient) -> None:
    spoken = pcm("kitchen_light")
    text, sent_s = client.speak(spoken + 5 * SECOND)
    assert text == LIGHT
    assert sent_s < len(spoken) / 32_000 + 1.0
    # The sound that is still on its way is drained, and there is no second transcript.
    client.send(AudioChunk(16_000, 2, 1, SECOND), AudioStop(), Ping(text="next"))
    answer = client.next()
    assert answer is not None
    assert answer.type == "pong"
    assert client.text_of(pcm("machine_fast")) == "Stop machine 3."


def meaning(client: WyomingClient, text: str) -> tuple[str, dict[str, object]]:
    """The intent of a text, which must have one."""
    intent = Intent.from_event(client.ask(Recognize(text=text)))
    return intent.name, {one.name: one.value for one in intent.entities}


def test_a_client_that_ends_the_sound_itself_gets_the_same_sentence(client: WyomingClient) -> None:
    for name in ("kitchen_light", "timer_slow", "bedroom_high_voice", "living_room_noise"):
        at_once = client.text_of(pcm(name))
        spoken, _ = client.speak(pcm(name) + 2 * SECOND)
        # The same sentence: which of two equal words ("light", "lights") depends on the moment.
        assert meaning(client, at_once) == meaning(client, spoken)


def test_the_transcript_is_also_streamed(client: WyomingClient) -> None:
    client.send(Transcribe(context={"id": 5}), AudioStart(16_000, 2, 1))
    client.send(AudioChunk(16_000, 2, 1, pcm("kitchen_light")), AudioStop())
    events = [client.next() for _ in range(4)]
    assert [event.type for event in events if event] == [
        *("transcript-start", "transcript-chunk", "transcript", "transcript-stop"),
    ]
    transcript = events[2]
    assert transcript is not None
    assert Transcript.from_event(transcript) == Transcript(LIGHT, {"id": 5}, "en")


@pytest.mark.parametrize("rate", [8_000, 16_000, 22_050, 44_100, 48_000])
@pytest.mark.parametrize("channels", [1, 2])
def test_every_usual_rate_with_one_or_two_channels_is_understood(
    client: WyomingClient, rate: int, channels: int
) -> None:
    sound = soxr.resample(clip("kitchen_light"), 16_000, rate)
    sent = pcm_of(np.repeat(sound, channels))
    assert client.text_of(sent, rate=rate, channels=channels) == LIGHT


@pytest.mark.parametrize(
    "form", [(16_000, 4, 1), (16_000, 1, 1), (16_000, 2, 6), (4_000, 2, 1), (96_000, 2, 1)]
)
def test_other_forms_of_sound_are_refused_with_what_is_possible(
    client: WyomingClient, form: tuple[int, int, int]
) -> None:
    answer = client.ask(AudioStart(*form))
    assert answer.type == "error"
    assert "16-bit sound, 1 or 2 channels, 8000 to 48000 Hz" in answer.data["text"]
    assert client.ask(Ping(text="x")).type == "pong"


def test_silence_noise_and_no_sound_at_all_have_no_words(client: WyomingClient) -> None:
    noise = np.random.default_rng(1).normal(0, 0.01, 32_000).astype(np.float32)
    assert client.text_of(3 * SECOND) == ""
    assert client.text_of(pcm_of(noise)) == ""
    assert client.text_of(b"") == ""
    client.send(Transcribe(), AudioStop())
    assert client.transcript() == ""


def test_nobody_who_speaks_is_waited_for_no_longer_than_at_the_device(
    client: WyomingClient,
) -> None:
    text, sent_s = client.speak(9 * SECOND)
    assert text == ""
    assert sent_s < 8.0  # listening.wait_s is 5


def test_the_request_may_be_missing_or_come_twice(client: WyomingClient) -> None:
    client.send(AudioStart(16_000, 2, 1), AudioChunk(16_000, 2, 1, pcm("kitchen_light")))
    client.send(AudioStop())
    assert client.transcript() == LIGHT
    client.send(Transcribe(name="dictation"))
    assert client.text_of(pcm("kitchen_light"), Transcribe(name="commands")) == LIGHT


@pytest.mark.parametrize(
    ("asked", "code"),
    [(Transcribe(language="xx"), "language"), (Transcribe(name="oracle"), "model")],
)
def test_an_unknown_language_or_model_is_refused_and_its_sound_ignored(
    client: WyomingClient, asked: Transcribe, code: str
) -> None:
    answer = client.ask(asked)
    assert (answer.type, answer.data["code"]) == ("error", code)
    client.send(AudioStart(16_000, 2, 1), AudioChunk(16_000, 2, 1, pcm("kitchen_light")))
    client.send(AudioStop())
    assert client.text_of(pcm("kitchen_light"), Transcribe(language="en-GB")) == LIGHT


def test_dictation_has_every_word(client: WyomingClient) -> None:
    both = pcm("weather_talk") + SECOND + pcm("kitchen_light")
    text = client.text_of(both, Transcribe(name="dictation")).lower()
    assert "weather" in text
    assert "kitchen light" in text


def test_a_relaxed_client_may_pause_longer_than_an_aggressive_one(client: WyomingClient) -> None:
    both = pcm("weather_talk") + SECOND[:16_000] + pcm("kitchen_light") + 3 * SECOND
    heard = {
        sensitivity: client.speak(both, Transcribe(name="dictation", vad_sensitivity=sensitivity))[
            0
        ].lower()
        for sensitivity in ("aggressive", "relaxed")
    }
    assert "kitchen" not in heard["aggressive"]
    assert "kitchen" in heard["relaxed"]


def test_names_that_a_client_adds_and_a_program_that_it_selects_do_no_harm(
    client: WyomingClient,
) -> None:
    client.send(SelectProgram(name="another"))
    asked = Transcribe(transcript_names=["lamp"] * 500, transcript_terms=["glow"])
    assert client.text_of(pcm("kitchen_light"), asked) == LIGHT


# Texts.


def test_a_text_has_its_intent_with_the_slots_of_home_assistant(client: WyomingClient) -> None:
    context = {"conversation_id": "7", "device_id": None}
    for asked in (
        Transcript(text="turn on the kitchen light", context=context),
        Recognize(text="Turn on the kitchen light!", context=context),
    ):
        intent = Intent.from_event(client.ask(asked))
        assert intent.name == "HassTurnOn"
        assert {one.name: one.value for one in intent.entities} == {
            "area": "kitchen",
            "domain": "light",
        }
        assert intent.context == context


@pytest.mark.parametrize(
    "text",
    ["", " ", "what a day", "the weather was lovely yesterday", "x" * 9000],
)
def test_a_text_that_is_no_command_is_not_recognised(client: WyomingClient, text: str) -> None:
    assert client.ask(Transcript(text=text)).type == "not-recognized"
    assert client.ask(Recognize(text=text)).type == "not-recognized"


def test_an_intent_is_not_carried_out_here(client: WyomingClient) -> None:
    answer = client.ask(Intent(name="HassTurnOn"))
    assert NotHandled.is_type(answer.type)


# Names that a client gives.


def test_names_of_a_client_can_be_said_on_its_connection_and_on_no_other(
    served: Served, client: WyomingClient, speech: Path
) -> None:
    lamp = pcm_of(sound_of(speech / "home" / "turn_on_the_lamp.wav"))
    assert client.text_of(lamp) == ""
    assert client.ask(Recognize(text="turn on the lamp")).type == "not-recognized"

    named = Transcribe(transcript_names=["Lamp", "0x00158d00"], vad_sensitivity="default")
    assert normalise(client.text_of(lamp, named)) == "turn on the lamp"
    assert normalise(client.speak(lamp + 3 * SECOND)[0]) == "turn on the lamp"  # they stay
    intent = Intent.from_event(client.ask(Recognize(text="turn on the lamp")))
    assert intent.name == "SwitchOn"
    assert [(one.name, one.value) for one in intent.entities] == [("name", "Lamp")]

    with served.client() as other:
        assert other.text_of(lamp) == ""
    assert client.text_of(lamp, Transcribe(transcript_names=[])) == ""


@pytest.mark.parametrize("names", ["lamp", [1], [["lamp"]], {"lamp": 1}])
def test_names_of_another_type_are_refused(client: WyomingClient, names: object) -> None:
    assert client.ask(Event("transcribe", {"transcript_names": names})).type == "error"


# Voice and wake words.


@pytest.mark.skipif(shutil.which("espeak-ng") is None, reason="espeak-ng is not installed")
def test_a_text_is_spoken_at_once_or_in_pieces(client: WyomingClient) -> None:
    whole = "It is on. Good night."
    client.send(Synthesize(text=whole))
    at_once = sound_from(client, "audio-stop")
    client.send(SynthesizeStart())
    for piece in (whole[:4], whole[4:14], whole[14:]):
        client.send(SynthesizeChunk(text=piece))
    client.send(Synthesize(text=whole), SynthesizeStop())
    in_pieces = sound_from(client, "synthesize-stopped")
    assert len(at_once) > 20_000
    assert len(in_pieces) == len(at_once)


def sound_from(client: WyomingClient, end: str) -> bytes:
    kinds, sound = [], b""
    while (event := client.next_of("audio-start", "audio-chunk", "audio-stop", end)).type != end:
        kinds.append(event.type)
        sound += event.payload or b""
    assert kinds[0] == "audio-start"
    assert kinds.count("audio-start") == 1
    return sound


def test_a_wake_word_is_detected_and_other_speech_is_not(
    client: WyomingClient, speech: Path
) -> None:
    client.send(Detect(names=["okay_nabu"], context={"id": 1}), AudioStart(16_000, 2, 1))
    recording = sorted((speech / "wake").rglob("*okay_nabu*"))
    files = [one for one in recording if one.is_file()] + [
        one for folder in recording if folder.is_dir() for one in sorted(folder.iterdir())
    ]
    client.send(AudioChunk(16_000, 2, 1, pcm_of(sound_of(files[0])) + SECOND))
    detection = Detection.from_event(client.next_of("detection"))
    assert detection.name == "okay_nabu"
    assert detection.context == {"id": 1}
    client.send(AudioStop(), Detect(), AudioStart(16_000, 2, 1))
    client.send(AudioChunk(16_000, 2, 1, pcm("weather_talk")), AudioStop())
    assert client.next_of("detection", "not-detected").type == "not-detected"


# The protocol.


def test_unknown_events_are_ignored_and_the_connection_goes_on(client: WyomingClient) -> None:
    client.send(Event("user-event", {"name": "x"}), Event("run-satellite"), Event("", {"a": [1]}))
    client.send_raw(b'{"type": "new", "payload_length": 3, "more": {}}\nabc')
    assert client.ask(Ping(text="here")).data == {"text": "here"}


def test_events_are_read_in_any_pieces(client: WyomingClient) -> None:
    event = b'{"type": "ping", "data": {"text": "a"}, "data_length": 13}\n{"text": "b"}'
    for byte in (event * 2)[:-1]:
        client.send_raw(bytes([byte]))
    client.send_raw(event[-1:] + event + event)
    for _ in range(4):
        answer = client.next()
        assert answer is not None
        assert answer.data == {"text": "b"}


@pytest.mark.parametrize(
    "bad",
    [
        b"hello\n",
        b"GET / HTTP/1.1\r\n\r\n",
        b"\n",
        b"\x16\x03\x01\x02\x00\x01\n",
        b"[1, 2]\n",
        b'{"type": "ping", "data": [}\n',
        b'{"type": "audio-chunk", "payload_length": 2147483648}\n',
        b'{"type": "audio-chunk", "payload_length": -5}\n',
        b'{"type": "ping", "data_length": 1000000000}\n',
        b'{"type": "ping", "data": ' + b'{"a":' * 10_000 + b"1" + b"}" * 10_000 + b"}\n",
        b"x" * 70_000,
    ],
    ids=lambda bad: bad[:20],
)
def test_what_is_not_the_protocol_ends_the_connection_with_an_error(
    served: Served, bad: bytes
) -> None:
    with served.client() as client:
        client.send_raw(bad)
        assert client.is_ended()
    with served.client() as client:
        assert client.ask(Ping(text="x")).type == "pong"


@pytest.mark.parametrize(
    "event",
    [
        Event("recognize"),
        Event("recognize", {"text": 5}),
        Event("transcribe", {"name": 5}),
        Event("audio-start", {"rate": "16000", "width": 2, "channels": 1}),
        Event("audio-start", {"rate": 16000}),
        Event("synthesize", {"text": None}),
        Event("detect", {"names": "okay_nabu"}),
    ],
    ids=lambda event: f"{event.type} {event.data}",
)
def test_an_event_that_lacks_something_is_refused_and_the_connection_goes_on(
    client: WyomingClient, event: Event
) -> None:
    assert client.ask(event).type == "error"
    assert client.ask(Ping(text="x")).type == "pong"


# Several clients.


def test_four_clients_are_served_at_once_each_its_own_and_the_fifth_is_told_that_it_is_busy(
    served: Served,
) -> None:
    names = ("kitchen_light", "machine_fast", "bedroom_high_voice", "living_room_noise")
    alone = {}
    with served.client() as client:
        for name in names:
            alone[name] = meaning(client, client.text_of(pcm(name)))
    clients = [served.client() for _ in names]
    try:
        for one in clients:
            one.send(Transcribe(), AudioStart(16_000, 2, 1))
            assert one.ask(Ping(text="x")).type == "pong"
        with served.client() as fifth:
            answer = fifth.ask(Transcribe())
            assert (answer.type, answer.data["code"]) == ("error", "busy")
            assert fifth.is_ended()
        with served.client() as another:
            assert another.ask(Describe()).type == "info"
        for one, name in zip(clients, names, strict=True):
            one.send(AudioChunk(16_000, 2, 1, pcm(name) + SECOND), AudioStop())
        heard = {name: one.transcript() for one, name in zip(clients, names, strict=True)}
        together = {
            name: meaning(one, heard[name]) for one, name in zip(clients, names, strict=True)
        }
        assert together == alone
    finally:
        for one in clients:
            one.close()


def test_four_clients_that_send_nothing_do_not_keep_others_out(served: Served) -> None:
    silent = [served.client() for _ in range(4)]
    try:
        for one in silent:
            one.send(Transcribe(), AudioStart(16_000, 2, 1))
            assert one.ask(Ping(text="x")).type == "pong"
        assert all(one.is_ended() for one in silent)  # after HOLDING_LIMIT_S, not IDLE_LIMIT_S
        with served.client() as other:
            assert other.text_of(pcm("kitchen_light")) == LIGHT
    finally:
        for one in silent:
            one.close()


def test_a_client_that_leaves_frees_its_place_and_leaves_no_thread_and_no_file(
    served: Served,
) -> None:
    with served.client() as client:
        client.text_of(pcm("kitchen_light"))
    before = until(lambda: settled(served))
    for left_at in range(100):
        client = served.client()
        client.send(Transcribe(), AudioStart(16_000, 2, 1))
        client.send_raw(b'{"type": "audio-chunk", "payload_length": 4000}\n'[: 10 + left_at])
        client.close()
    until(lambda: settled(served) == before, "something is left")
    with served.client() as client:
        assert client.text_of(pcm("kitchen_light")) == LIGHT


def settled(served: Served) -> tuple[int, int] | None:
    """Threads and files of the appliance, if it has no client any more."""
    process = served.process
    open_ones = [one for one in process.net_connections("tcp") if one.status == "ESTABLISHED"]
    if any(one.laddr.port == served.port for one in open_ones):
        return None
    return process.num_threads(), process.num_fds()


def test_more_connections_than_can_be_open_are_turned_away(served: Served) -> None:
    until(lambda: settled(served))
    clients = [served.client() for _ in range(16)]
    try:
        assert all(one.ask(Ping(text="x")).type == "pong" for one in clients)
        with served.client() as late:
            answer = late.next()
            assert answer is not None
            assert answer.data["code"] == "busy"
            assert late.is_ended()
    finally:
        for one in clients:
            one.close()


# The rest of the appliance.


def test_nothing_that_a_client_says_or_sends_is_published_or_acts(served: Served) -> None:
    while not served.heard.heard.empty():
        served.heard.heard.get()
    with served.client() as client:
        assert client.text_of(pcm("kitchen_light")) == LIGHT
        assert client.ask(Recognize(text="turn on the kitchen light")).type == "intent"
    topics = set()
    while not served.heard.heard.empty():
        topics.add(served.heard.heard.get().topic.removeprefix("appliance/kitchen/").split("/")[0])
    assert topics <= {"state", "health", "telemetry", "info"}


def test_the_offline_check_lists_the_port_and_what_it_is_for(served: Served) -> None:
    with served.client() as client:
        assert client.ask(Ping(text="x")).type == "pong"
        report = served.daemon.command("check", "--offline").stdout
    assert f"listens on 127.0.0.1:{served.port} for the clients in wyoming.allow" in report, report
    assert "a client that is allowed" in report, report


def test_a_text_that_is_no_sentence_is_answered_in_words_if_the_owner_allows_it(
    tmp_path: Path, models_directory: Path
) -> None:
    port = free_port()
    with DaemonProcess(
        tmp_path,
        models_directory,
        wyoming={"listen": f"127.0.0.1:{port}"},
        mqtt={"embedded_port": free_port()},
        language_model={"enabled": True, "answers_speech": True},
    ) as daemon:
        daemon.start()
        question = "What is the capital of France?"
        with WyomingClient(port) as client:
            info = Info.from_event(client.ask(Describe()))
            assert [one.name for one in info.handle] == ["kitchen"]
            assert client.ask(Recognize(text=question)).type == "not-recognized"
            client.send(Transcript(text=question), Ping(text="meanwhile"))
            assert client.next_of("pong", "handled").type == "pong"
            answer = Handled.from_event(client.next_of("handled", "error"))
            assert "Paris" in (answer.text or "")


# The announcement.


def test_the_server_is_announced_and_withdrawn_at_the_end(
    tmp_path: Path, models_directory: Path
) -> None:
    port = free_port()
    seen: list[tuple[str, str]] = []

    def note(*, state_change: zeroconf.ServiceStateChange, name: str, **_: object) -> None:
        seen.append((state_change.name, name))

    with (
        zeroconf.Zeroconf(interfaces=["127.0.0.1"]) as network,
        DaemonProcess(
            tmp_path,
            models_directory,
            wyoming={"listen": f"127.0.0.1:{port}", "announce": True},
            mqtt={"embedded_port": free_port()},
        ) as daemon,
    ):
        service = "kitchen._wyoming._tcp.local."
        zeroconf.ServiceBrowser(network, "_wyoming._tcp.local.", handlers=[note])
        daemon.start()
        until(lambda: ("Added", service) in seen)
        found = network.get_service_info("_wyoming._tcp.local.", service)
        assert found is not None
        assert (found.port, found.parsed_addresses()) == (port, ["127.0.0.1"])
        checked = daemon.command("check", "--offline", "--json")
        assert "is not connected" not in checked.stdout, checked.stdout
        assert daemon.stop()[0] == 0
        until(lambda: ("Removed", service) in seen)
