"""A second board with microphone and loudspeaker only: what is said there is done here."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from support.daemon_process import REPOSITORY, SAMPLES, DaemonProcess
from support.free_port import free_port
from support.mosquitto import Mosquitto
from support.mqtt_client import MqttClient
from support.synthetic_speech import aloud
from support.virtual_microphone import VirtualMicrophone, virtual_microphone
from support.waiting import until
from support.wyoming_client import WyomingClient
from wyoming.info import Describe, Info
from wyoming.ping import Ping
from wyoming.satellite import RunSatellite

from appliance import config
from appliance.demo.simulated_home import BASE, SimulatedHome

ROOT = "appliance/living-room"

REACTION_S = 0.5
"""After a question, before somebody replies; its echo is not listened to for so long."""

QUIET_S = 2.0
"""After an answer that may still come."""

LOCK = "home/front_door/set"

HERE = """
language: en
intents:
  LampHere:
    data:
      - sentences: ["turn on the lamp"]
        requires_context: {area: {slot: true}}
  OpenTheDoor:
    confirm: true
    response: "It is open."
    actions:
      - {topic: home/front_door/set, payload: UNLOCK}
    data:
      - sentences: ["unlock the front door"]
"""


class House:
    """The appliance that recognises, and a satellite in the bedroom, each a process."""

    def __init__(
        self,
        appliance: DaemonProcess,
        satellite: DaemonProcess,
        microphone: VirtualMicrophone,
        broker: Mosquitto,
        speech: Path,
    ) -> None:
        self.appliance = appliance
        self.satellite = satellite
        self.microphone = microphone
        self.broker = broker
        self._speech = speech

    def say(self, recording: Path) -> None:
        """The wake word and a sentence, at the satellite, once it is silent."""
        quiet_since = time.monotonic()
        while time.monotonic() - quiet_since < QUIET_S:
            if self.microphone.talkers():
                quiet_since = time.monotonic()
            time.sleep(0.1)
        self.microphone.play(self._speech / "wake" / "okay_nabu" / "2.wav")
        self.microphone.play(recording)

    def recording(self, name: str) -> Path:
        return self._speech / "home" / f"{name}.wav"


@pytest.fixture(scope="module")
def house(
    tmp_path_factory: pytest.TempPathFactory, models_directory: Path, speech: Path
) -> Iterator[House]:
    folder, port = tmp_path_factory.mktemp("house"), free_port()
    for name in ("living-room", "bedroom", "sentences"):
        (folder / name).mkdir()
    for file in (REPOSITORY / "appliance" / "intents" / "en").glob("*.yaml"):
        shutil.copy(file, folder / "sentences")
    (folder / "sentences" / "here.yaml").write_text(HERE, encoding="utf-8")
    with (
        Mosquitto(folder / "broker") as broker,
        virtual_microphone(folder) as microphone,
        DaemonProcess(
            folder / "living-room",
            models_directory,
            device={"name": "living-room"},
            mqtt={"host": "127.0.0.1", "port": broker.port},
            sentences={"folder": str(folder / "sentences")},
            devices={"discovery": "act", "confirm_s": 1.5},
            wyoming={"satellites": [f"127.0.0.1:{port}"]},
            speaking={"engine": "espeak-ng" if shutil.which("espeak-ng") else "off"},
        ) as appliance,
        SimulatedHome(config.load(folder / "living-room" / "config.toml")) as devices,
        DaemonProcess(
            folder / "bedroom",
            folder / "no models",
            device={"name": "bedroom-satellite", "area": "bedroom"},
            listening={"trigger": "wake_word"},
            wake_word={"words": ["okay_nabu"]},
            satellite={"listen": f"127.0.0.1:{port}"},
        ) as satellite,
    ):
        until(lambda: announced(devices), "the devices are not announced")
        satellite.mode = "satellite"
        satellite.environment = dict(microphone.environment)
        satellite.start()
        appliance.start()
        until(lambda: satellite.notified("recogniser connected"), satellite.said(), 30)
        until(lambda: microphone.listeners() == 1, "the microphone is not open", 30)
        yield House(appliance, satellite, microphone, broker, speech)


def announced(devices: SimulatedHome) -> bool:
    """Let the devices announce themselves, as soon as they are connected."""
    devices.exit_status()
    return devices._announced


def questions(house: House) -> int:
    """How often the satellite has listened to a reply."""
    return house.satellite.said().count("a reply is listened to")


def result_of(home: MqttClient) -> dict[str, Any]:
    while True:
        message = home.next(seconds=30)
        if message.topic.endswith("/result"):
            found: dict[str, Any] = json.loads(message.payload)
            return found


def test_a_sentence_at_the_satellite_turns_on_a_light_of_the_home(house: House) -> None:
    with (
        MqttClient(house.broker.port, f"{BASE}/kitchen_light/state") as light,
        MqttClient(house.broker.port, f"{ROOT}/result") as home,
    ):
        house.say(SAMPLES / "kitchen_light.flac")
        result = result_of(home)
        assert (result["outcome"], result["source"]) == ("intent", "speech"), result
        assert result["text"] == "Turn on the kitchen light."
        assert result["acted"]
        until(lambda: b"ON" in light.next(seconds=10).payload, "the light stays off")


def test_the_satellites_room_is_meant_where_none_is_said(house: House) -> None:
    with MqttClient(house.broker.port, f"{ROOT}/result") as home:
        house.say(house.recording("turn_on_the_lamp"))
        result = result_of(home)
        assert result["intent"]["name"] == "LampHere", result
        assert result["intent"]["slots"] == {"area": "bedroom"}


@pytest.mark.parametrize(
    ("reply", "outcome", "reason"),
    [
        ("yes", "intent", None),
        ("no thank you", "cancelled", "not confirmed: no yes was heard"),
        (None, "cancelled", "not confirmed: nothing was said"),
    ],
)
def test_a_lock_opens_only_after_a_yes_that_is_said_at_the_satellite(
    house: House, tmp_path: Path, reply: str | None, outcome: str, reason: str | None
) -> None:
    before = questions(house)
    with (
        MqttClient(house.broker.port, LOCK) as lock,
        MqttClient(house.broker.port, f"{ROOT}/result") as home,
    ):
        house.say(aloud(tmp_path, "unlock the front door"))
        until(lambda: questions(house) > before, "nothing was asked", 40)
        assert lock.heard.empty()
        assert home.heard.empty()
        if reply is not None:
            time.sleep(REACTION_S)
            house.microphone.play(aloud(tmp_path, reply))
        result = result_of(home)
        assert (result["outcome"], result.get("reason")) == (outcome, reason)
        assert result["text"].lower().startswith("unlock the front door")
        if outcome == "intent":
            assert lock.next(seconds=10).payload == b"UNLOCK"
        else:
            assert lock.heard.empty()


def test_the_satellite_says_what_it_is_and_yields_to_nobody_who_only_asks(house: House) -> None:
    _, port = house.satellite.read("satellite", "listen").rsplit(":", 1)
    with WyomingClient(int(port)) as client:
        info = Info.from_event(client.ask(Describe()))
        assert info.satellite is not None
        assert (info.satellite.name, info.satellite.area) == ("bedroom-satellite", "bedroom")
        assert info.satellite.active_wake_words == ["okay_nabu"]
        assert not info.asr
        assert client.ask(Ping(text="x")).data["text"] == "x"


def test_after_a_restart_of_the_satellite_it_is_found_again(house: House) -> None:
    assert house.satellite.stop()[0] == 0
    house.satellite.start()
    until(lambda: house.satellite.notified("recogniser connected"), house.satellite.said(), 30)
    until(lambda: house.microphone.listeners() == 1, "the microphone is not open", 30)
    with MqttClient(house.broker.port, f"{ROOT}/result") as home:
        house.say(SAMPLES / "machine_fast.flac")
        assert result_of(home)["text"] == "Stop machine 3."


def test_another_recogniser_takes_the_place_of_the_first_and_gives_it_back(house: House) -> None:
    _, port = house.satellite.read("satellite", "listen").rsplit(":", 1)
    with WyomingClient(int(port)) as other:
        other.send(RunSatellite())
        house.say(SAMPLES / "machine_fast.flac")
        assert other.next_of("detection").data["name"] == "okay_nabu"
        assert other.next_of("run-pipeline").data["start_stage"] == "asr"
        start = other.next_of("audio-start")
        assert (start.data["rate"], start.data["width"], start.data["channels"]) == (16_000, 2, 1)
        assert len(other.next_of("audio-chunk").payload or b"") == 1024
