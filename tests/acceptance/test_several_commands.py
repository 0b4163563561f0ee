"""Several commands in one sentence, spoken and as text: all are done in their order, or none."""

from __future__ import annotations

import io
import json
import wave
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from measure.voices import pico
from support.daemon_process import DaemonProcess
from support.mosquitto import Mosquitto
from support.mqtt_client import MqttClient

ROOT = "appliance/kitchen"
INTENTS = f"{ROOT}/intent/#"
PANEL = "appliance-clients/panel"

SENTENCES = """\
language: en
intents:
  LampOn:
    data: [{sentences: ["turn on the {area} light"]}]
  LampOff:
    data: [{sentences: ["turn off the {area} light"]}]
  LampSet:
    data: [{sentences: ["set the {area} light to {brightness} percent"]}]
  Heater:
    confirm: true
    data: [{sentences: ["start the heater"]}]
  Door:
    never_by_voice: true
    data: [{sentences: ["open the garage door"]}]
lists:
  area: {values: [kitchen, bathroom, bedroom]}
  brightness: {range: {from: 0, to: 100}}
"""


@pytest.fixture(scope="module")
def daemon(
    tmp_path_factory: pytest.TempPathFactory, models_directory: Path, broker: Mosquitto
) -> Iterator[DaemonProcess]:
    folder = tmp_path_factory.mktemp("owner")
    (folder / "intents").mkdir()
    (folder / "intents" / "all.yaml").write_text(SENTENCES, encoding="utf-8")
    with DaemonProcess(
        folder,
        models_directory,
        mqtt={"host": "127.0.0.1", "port": broker.port},
        sentences={"folder": str(folder / "intents")},
    ) as running:
        yield running.start()


def spoken(text: str) -> bytes:
    """A recording of a synthetic voice."""
    file = io.BytesIO()
    with wave.open(file, "wb") as sound:
        sound.setnchannels(1)
        sound.setsampwidth(2)
        sound.setframerate(16_000)
        sound.writeframes((pico(text, "en") * 32767).astype(np.int16).tobytes())
    return file.getvalue()


def send(client: MqttClient, operation: str, payload: bytes | str, name: str) -> None:
    client.publish(
        f"{ROOT}/request/{operation}",
        payload,
        ResponseTopic=PANEL,
        CorrelationData=name.encode(),
    )


def told(client: MqttClient, name: str) -> dict[str, Any]:
    """The next answer to a request, `queued` left out."""
    while True:
        answer: dict[str, Any] = json.loads(client.next(PANEL, 60.0).payload)
        if answer["transaction"] == name and answer["state"] != "queued":
            return answer


def acted(client: MqttClient, topics: list[str]) -> list[dict[str, Any]]:
    """The next messages on topics of intents, which come in this order."""
    return [json.loads(client.next(f"{ROOT}/intent/{topic}", 30.0).payload) for topic in topics]


@pytest.mark.parametrize("operation", ["command", "recognize"])
@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "turn on the kitchen light and turn off the bedroom light",
            [("LampOn", "kitchen"), ("LampOff", "bedroom")],
        ),
        (
            "turn off the kitchen and bathroom light",
            [("LampOff", "kitchen"), ("LampOff", "bathroom")],
        ),
    ],
)
def test_each_command_is_published_on_its_own_topic_in_order(
    daemon: DaemonProcess,
    broker: Mosquitto,
    operation: str,
    text: str,
    expected: list[tuple[str, str]],
) -> None:
    with MqttClient(broker.port, PANEL) as plant, MqttClient(broker.port, INTENTS) as lamps:
        payload = spoken(text) if operation == "recognize" else text
        send(plant, operation, payload, f"{operation}-{text}")
        result = told(plant, f"{operation}-{text}")["result"]
        assert [(one["name"], one["slots"]["area"]) for one in result["intents"]] == expected
        assert result["intent"] == result["intents"][0]
        heard = acted(lamps, [name for name, _ in expected])
        assert [(one["intent"]["name"], one["intent"]["slots"]["area"]) for one in heard] == (
            expected
        )
        assert [one["part"] for one in heard] == [1, 2]
        assert {one["id"] for one in heard} == {result["id"]}
        assert lamps.silent(1.0)


def test_one_command_has_the_same_payload_as_ever(daemon: DaemonProcess, broker: Mosquitto) -> None:
    with MqttClient(broker.port, PANEL) as plant:
        send(plant, "command", "turn on the kitchen light", "one")
        result = told(plant, "one")["result"]
        assert result["intent"]["slots"] == {"area": "kitchen"}
        assert {"intents", "part", "not_done"}.isdisjoint(result)


def test_one_yes_is_for_all_commands(daemon: DaemonProcess, broker: Mosquitto) -> None:
    text = "turn on the kitchen light and start the heater"
    with MqttClient(broker.port, PANEL) as plant, MqttClient(broker.port, INTENTS) as house:
        send(plant, "command", text, "yes")
        asked = told(plant, "yes")
        assert (asked["state"], asked["message"]) == ("confirm", f"{text}?")
        assert house.silent(1.0)
        send(plant, "confirm", "yes", "c")
        assert [one["part"] for one in acted(house, ["LampOn", "Heater"])] == [1, 2]
        assert house.silent(1.0)


@pytest.mark.parametrize(
    ("operation", "text", "outcome"),
    [
        ("recognize", "turn on the kitchen light and open the garage door", "refused"),
        ("command", "turn on the kitchen light and don't turn on the bedroom light", None),
        ("command", "turn on the kitchen light and the bedroom light is off", None),
        ("recognize", "turn on the kitchen light and the bedroom light is off", None),
        ("parse", "turn on the kitchen light and turn off the bedroom light", "intent"),
    ],
)
def test_nothing_is_done_if_one_part_must_not_be_done(
    daemon: DaemonProcess, broker: Mosquitto, operation: str, text: str, outcome: str | None
) -> None:
    with MqttClient(broker.port, PANEL) as plant, MqttClient(broker.port, INTENTS) as house:
        payload = spoken(text) if operation == "recognize" else text
        send(plant, operation, payload, f"not {operation} {text}")
        result = told(plant, f"not {operation} {text}")["result"]
        assert result["outcome"] == (outcome or "not_understood")
        assert result["acted"] is False
        assert house.silent(1.0)


def test_a_spoken_reference_is_about_the_command_just_done(
    daemon: DaemonProcess, broker: Mosquitto
) -> None:
    with MqttClient(broker.port, PANEL) as plant, MqttClient(broker.port, INTENTS) as lamps:
        send(plant, "recognize", spoken("make it a little brighter"), "nothing before")
        told(plant, "nothing before")
        assert lamps.silent(1.0)
        send(plant, "command", "set the kitchen light to 20 percent", "before")
        told(plant, "before")
        acted(lamps, ["LampSet"])
        send(plant, "recognize", spoken("make it a little brighter"), "brighter")
        heard = told(plant, "brighter")["result"]
        assert heard["acted"], heard
        (brighter,) = acted(lamps, ["LampSet"])
        assert brighter["intent"]["slots"] == {"area": "kitchen", "brightness": 30}
        send(plant, "command", "the same in the bedroom", "same")
        told(plant, "same")
        (same,) = acted(lamps, ["LampSet"])
        assert same["intent"]["slots"] == {"area": "bedroom", "brightness": 30}
