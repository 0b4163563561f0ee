"""What acts and what does not: parse and command, and the second message that confirms."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from support.daemon_process import SAMPLES, DaemonProcess
from support.mosquitto import Mosquitto
from support.mqtt_client import MqttClient
from support.sparkplug import SparkplugPayload, command, value_of

from appliance.client import Client, NotDone

ROOT = "appliance/kitchen"
INTENTS = f"{ROOT}/intent/#"
PANEL = "appliance-clients/panel"

SENTENCES = """\
language: en
intents:
  Lamp:
    data:
      - sentences: ["turn on the bathroom light"]
  Heater:
    confirm: true
    data:
      - sentences: ["turn on the kitchen light"]
  Door:
    never_by_voice: true
    data:
      - sentences: ["stop machine three"]
"""
"""Sentences of the sample recordings, with what must be confirmed or never spoken."""


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
        sparkplug={"group_id": "plant"},
    ) as running:
        yield running.start()


def send(client: MqttClient, operation: str, payload: bytes | str, name: str) -> None:
    client.publish(
        f"{ROOT}/request/{operation}",
        payload,
        ResponseTopic=PANEL,
        CorrelationData=name.encode(),
    )


def told(client: MqttClient, name: str, seconds: float = 30.0) -> dict[str, Any]:
    """The next answer to a request, `queued` left out."""
    while True:
        answer: dict[str, Any] = json.loads(client.next(PANEL, seconds).payload)
        if answer["transaction"] == name and answer["state"] != "queued":
            return answer


def test_a_parsed_text_says_what_it_means_and_moves_nothing(
    daemon: DaemonProcess, broker: Mosquitto
) -> None:
    with (
        MqttClient(broker.port, PANEL, f"{ROOT}/result") as plant,
        MqttClient(broker.port, INTENTS) as lamp,
    ):
        for text in (
            "turn on the bathroom light",
            "turn on the kitchen light",
            "stop machine three",
        ):
            send(plant, "parse", text, text)
            seen = json.loads(plant.next(f"{ROOT}/result").payload)
            answer = told(plant, text)
            assert (answer["state"], answer["result"]["outcome"]) == ("done", "intent")
            assert answer["result"]["acted"] is seen["acted"] is False
        assert lamp.silent(1.0)


def test_a_command_is_carried_out_once(daemon: DaemonProcess, broker: Mosquitto) -> None:
    with MqttClient(broker.port, PANEL) as plant, MqttClient(broker.port, INTENTS) as lamp:
        for _ in range(3):
            send(plant, "command", "turn on the bathroom light", "once")
            answer = told(plant, "once")
            assert (answer["state"], answer["result"]["acted"]) == ("done", True)
        heard = json.loads(lamp.next(f"{ROOT}/intent/Lamp").payload)
        assert heard["id"] == answer["result"]["id"]
        send(plant, "command", "is the bathroom light on", "question")
        assert told(plant, "question")["result"]["acted"] is False
        assert lamp.silent(1.0)


def test_what_is_never_done_by_voice_is_done_by_a_text_and_refused_in_a_recording(
    daemon: DaemonProcess, broker: Mosquitto
) -> None:
    with MqttClient(broker.port, PANEL) as plant, MqttClient(broker.port, INTENTS) as door:
        send(plant, "recognize", (SAMPLES / "machine_fast.flac").read_bytes(), "voice")
        result = told(plant, "voice")["result"]
        assert (result["outcome"], result["acted"]) == ("refused", False)
        send(plant, "command", "stop machine thre", "almost")
        assert told(plant, "almost")["result"]["acted"] is False
        assert door.silent()
        send(plant, "command", "stop machine three", "text")
        assert told(plant, "text")["result"]["acted"] is True
        door.next(f"{ROOT}/intent/Door")


@pytest.mark.parametrize("operation", ["command", "recognize"])
def test_an_intent_that_must_be_confirmed_acts_only_after_a_second_message(
    daemon: DaemonProcess, broker: Mosquitto, operation: str
) -> None:
    sound = (SAMPLES / "kitchen_light.flac").read_bytes()
    payload = sound if operation == "recognize" else b"turn on the kitchen light"
    with MqttClient(broker.port, PANEL) as plant, MqttClient(broker.port, INTENTS) as heater:
        send(plant, operation, payload, f"{operation}-1")
        asked = told(plant, f"{operation}-1")
        assert (asked["state"], asked["message"]) == ("confirm", "Turn on the kitchen light?") or (
            asked["message"] == "turn on the kitchen light?"
        )
        assert 0 < asked["data"]["within_s"] <= 30
        assert asked["result"]["acted"] is False
        # Sent again it is asked again; somebody else cannot say yes to it.
        send(plant, operation, payload, f"{operation}-1")
        assert told(plant, f"{operation}-1")["state"] == "confirm"
        plant.publish(
            f"{ROOT}/request/confirm", f"{operation}-1", ResponseTopic="appliance-clients/other"
        )
        assert heater.silent()
        # The same id, and nothing else, is a yes.
        send(plant, "confirm", b"", f"{operation}-1")
        answers = [told(plant, f"{operation}-1") for _ in range(2)]
        (done,) = [one for one in answers if one["operation"] == operation]
        assert (done["state"], done["result"]["acted"]) == ("done", True)
        heard = json.loads(heater.next(f"{ROOT}/intent/Heater").payload)
        assert heard["id"] == done["result"]["id"]
        # A second yes finds nothing to confirm, and the same request does not act again.
        send(plant, "confirm", b"", f"{operation}-1")
        assert told(plant, f"{operation}-1")["reason"] == "unknown"
        send(plant, operation, payload, f"{operation}-1")
        assert told(plant, f"{operation}-1")["result"] == done["result"]
        assert heater.silent()


def test_without_a_yes_nothing_acts(daemon: DaemonProcess, broker: Mosquitto) -> None:
    text = "turn on the kitchen light"
    with MqttClient(broker.port, PANEL) as plant, MqttClient(broker.port, INTENTS) as heater:
        send(plant, "command", text, "no")
        assert told(plant, "no")["state"] == "confirm"
        send(plant, "confirm", '{"id": "no", "yes": false}', "c")
        answer = told(plant, "no")
        assert (answer["state"], answer["result"]["acted"]) == ("cancelled", False)
        assert "said no" in answer["message"]

        send(plant, "command", json.dumps({"text": text, "timeout_s": 1.0}), "late")
        assert told(plant, "late")["state"] == "confirm"
        assert told(plant, "late")["state"] == "expired"
        send(plant, "confirm", "late", "c2")
        assert told(plant, "c2")["reason"] == "unknown"

        send(plant, "command", text, "cancelled")
        assert told(plant, "cancelled")["state"] == "confirm"
        send(plant, "cancel", "cancelled", "c3")
        assert told(plant, "cancelled")["state"] == "cancelled"
        assert heater.silent(1.0)


def test_a_program_asks_its_person_by_the_client(daemon: DaemonProcess, broker: Mosquitto) -> None:
    asked: list[str] = []

    def person(question: str) -> bool:
        asked.append(question)
        return len(asked) > 1

    with (
        MqttClient(broker.port, INTENTS) as heater,
        Client("127.0.0.1", broker.port, root=ROOT) as client,
    ):
        with pytest.raises(NotDone, match="said no"):
            client.command("turn on the kitchen light", confirm=person)
        with pytest.raises(NotDone, match="said no"):
            client.command("turn on the kitchen light")  # nobody can be asked
        assert heater.silent()
        assert client.command("turn on the kitchen light", confirm=person)["acted"] is True
        heater.next(f"{ROOT}/intent/Heater")
        assert asked == ["turn on the kitchen light?"] * 2
        assert client.parse("turn on the kitchen light")["acted"] is False
        assert client.command("turn on the bathroom light")["acted"] is True
        heater.next(f"{ROOT}/intent/Lamp")


def test_a_command_that_waits_for_its_yes_is_asked_again_after_a_power_cut(
    daemon: DaemonProcess, broker: Mosquitto
) -> None:
    with MqttClient(broker.port, PANEL) as plant, MqttClient(broker.port, INTENTS) as heater:
        send(plant, "command", "turn on the kitchen light", "cut")
        asked = told(plant, "cut")
        assert asked["state"] == "confirm"
        for _ in range(4):  # more often than a request may crash the appliance
            daemon.kill()
            daemon.start()
            assert told(plant, "cut", 60.0)["state"] == "confirm"
        # (A result of before may be published again after a crash: at least once.)
        heater.silent(1.0)
        before = [json.loads(heater.heard.get().payload) for _ in range(heater.heard.qsize())]
        assert asked["result"]["id"] not in {result["id"] for result in before}
        send(plant, "confirm", "cut", "yes")
        assert told(plant, "cut")["result"]["acted"] is True
        while json.loads(heater.next().payload)["id"] != asked["result"]["id"]:
            pass


def test_a_scada_system_reads_the_last_command_and_moves_nothing(
    daemon: DaemonProcess, broker: Mosquitto
) -> None:
    with (
        MqttClient(broker.port, "spBv1.0/plant/#") as scada,
        MqttClient(broker.port, INTENTS) as lamp,
        MqttClient(broker.port, PANEL) as panel,
    ):
        order = "spBv1.0/plant/NCMD/kitchen"
        scada.publish(order, command("Node Control/Rebirth", value=True))
        birth = payload_of(scada, "spBv1.0/plant/NBIRTH/kitchen")
        assert birth["Status/Online"] is True
        assert birth["Node Control/Rebirth"] is False

        send(panel, "command", "turn on the bathroom light", "tag")
        assert told(panel, "tag")["state"] == "done"
        assert lamp.next().topic == f"{ROOT}/intent/Lamp"
        told_there: dict[str, Any] = {}
        while told_there.get("Result/Text") != "turn on the bathroom light":
            told_there = payload_of(scada, "spBv1.0/plant/NDATA/kitchen")
        assert told_there["Result/Intent"] == "Lamp"

        scada.publish(order, command("Result/Intent", value="Lamp"))
        scada.publish(order, command("Command/Listen", value=True))  # not in mqtt.operations
        scada.publish(order, command("Node Control/Rebirth", value=True))
        payload_of(scada, "spBv1.0/plant/NBIRTH/kitchen")
        assert lamp.heard.empty()


def payload_of(client: MqttClient, topic: str) -> dict[str, Any]:
    """The metrics of the next message on a topic."""
    read = SparkplugPayload.FromString(client.next(topic).payload)
    return {metric.name: value_of(metric) for metric in read.metrics}
