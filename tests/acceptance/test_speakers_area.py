"""Requests about the room of the speaker: the appliance's own, another one, and an unknown one."""

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
ANSWERS = f"{ROOT}/response/#"

SENTENCES = """\
language: en
intents:
  Lights:
    data:
      - sentences: ["turn on the lights"]
        requires_context: {area: {slot: true}}
lists:
  area: {values: [kitchen, {in: (big|large) hall, out: hall}]}
"""


@pytest.fixture(scope="module")
def daemon(
    tmp_path_factory: pytest.TempPathFactory, models_directory: Path, broker: Mosquitto
) -> Iterator[DaemonProcess]:
    """An appliance that stands in the kitchen."""
    folder = tmp_path_factory.mktemp("owner")
    (folder / "sentences").mkdir()
    (folder / "sentences" / "rooms.yaml").write_text(SENTENCES, "utf-8")
    with DaemonProcess(
        folder,
        models_directory,
        device={"area": "kitchen"},
        mqtt={"host": "127.0.0.1", "port": broker.port},
        sentences={"folder": str(folder / "sentences")},
    ) as running:
        yield running.start()


def result_of(broker: Mosquitto, operation: str, payload: bytes | str, **more: Any) -> Any:
    """The result of a request; `queued` may come before it."""
    with MqttClient(broker.port, ANSWERS) as plant:
        plant.publish(f"{ROOT}/request/{operation}", payload, **more)
        while True:
            answer = json.loads(plant.next(seconds=60).payload)
            if answer["state"] != "queued":
                return answer["result"]


def spoken() -> bytes:
    """A WAV file of the sentence."""
    samples = np.pad(pico("Turn on the lights.", "en"), 8000)
    file = io.BytesIO()
    with wave.open(file, "wb") as sound:
        sound.setnchannels(1)
        sound.setsampwidth(2)
        sound.setframerate(16_000)
        sound.writeframes((samples * 32767).astype("<i2").tobytes())
    return file.getvalue()


@pytest.mark.parametrize(("area", "expected"), [({}, "kitchen"), ({"area": "large hall"}, "hall")])
def test_a_text_is_about_the_room_of_the_request_or_of_the_appliance(
    daemon: DaemonProcess, broker: Mosquitto, area: dict[str, str], expected: str
) -> None:
    result = result_of(broker, "parse", json.dumps({"text": "turn on the lights", **area}))
    assert result["outcome"] == "intent"
    assert result["intent"]["slots"] == {"area": expected}


def test_a_room_that_is_not_declared_is_refused_with_those_that_are(
    daemon: DaemonProcess, broker: Mosquitto
) -> None:
    request = json.dumps({"text": "turn on the lights", "area": "attic"})
    result = result_of(broker, "parse", request)
    assert (result["outcome"], result["intent"]) == ("refused", None)
    assert "'attic' is none of the areas" in result["reason"]
    assert "hall, kitchen" in result["reason"]


@pytest.mark.parametrize(
    ("properties", "expected"), [({}, "kitchen"), ({"UserProperty": [("area", "hall")]}, "hall")]
)
def test_a_recording_is_about_the_room_in_its_user_property(
    daemon: DaemonProcess, broker: Mosquitto, properties: dict[str, Any], expected: str
) -> None:
    result = result_of(broker, "recognize", spoken(), **properties)
    assert result["outcome"] == "intent"
    assert result["intent"]["slots"] == {"area": expected}
