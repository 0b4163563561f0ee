"""What is said is done at devices that announce themselves on the broker."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from support.daemon_process import DaemonProcess
from support.mosquitto import Mosquitto
from support.mqtt_client import MqttClient
from support.waiting import until

from appliance.messages.sparkplug_payload import DataType, Metric, Payload, decode, encode

ROOT = "appliance/kitchen"
ANSWERS = f"{ROOT}/response/#"

LAMP = {
    "name": "Kitchen lamp",
    "uniq_id": "lamp-1",
    "cmd_t": "lamp/kitchen/set",
    "stat_t": "lamp/kitchen",
    "qos": 0,
}
DOOR = {
    "name": "Front door",
    "uniq_id": "lock-1",
    "cmd_t": "lock/front/set",
    "stat_t": "lock/front",
}


OWNER_FILE = """
areas: [Kitchen]
devices:
  - {device: switch machine three pump, expose: true}
"""


@pytest.fixture(scope="module")
def daemon(
    tmp_path_factory: pytest.TempPathFactory, models_directory: Path, broker: Mosquitto
) -> Iterator[DaemonProcess]:
    """An appliance that may act, with a lamp and a lock on the broker."""
    folder = tmp_path_factory.mktemp("owner")
    (folder / "devices.yaml").write_text(OWNER_FILE, encoding="utf-8")
    with MqttClient(broker.port, "nothing") as publisher:
        announce(publisher, "light/lamp", LAMP)
        announce(publisher, "lock/door", DOOR)
    with DaemonProcess(
        folder,
        models_directory,
        mqtt={"host": "127.0.0.1", "port": broker.port},
        sentences={"builtin": True},
        devices={
            "discovery": "act",
            "file": str(folder / "devices.yaml"),
            "confirm_s": 1.5,
            "sparkplug_groups": ["Plant"],
        },
    ) as running:
        yield running.start()


def announce(client: MqttClient, place: str, config: Any) -> None:
    """Publish a retained discovery message."""
    payload = json.dumps(config) if config else ""
    client.publish(f"homeassistant/{place}/config", payload, retain=True)


def ask(client: MqttClient, operation: str, text: str, root: str = ROOT) -> dict[str, Any]:
    """Send a request; its last answer."""
    client.publish(f"{root}/request/{operation}", text)
    while True:
        answer: dict[str, Any] = json.loads(client.next(seconds=60).payload)
        if answer["state"] != "queued":
            return answer


def understood(client: MqttClient, text: str, root: str = ROOT) -> bool:
    """Whether a sentence can be said now."""
    return bool(ask(client, "parse", text, root)["result"]["outcome"] == "intent")


def test_turn_on_the_kitchen_lamp_reaches_the_lamp_and_its_state_confirms(
    daemon: DaemonProcess, broker: Mosquitto
) -> None:
    with (
        MqttClient(broker.port, ANSWERS) as plant,
        MqttClient(broker.port, "lamp/#") as lamp,
        MqttClient(broker.port, f"{ROOT}/action/#") as actions,
    ):
        until(lambda: understood(plant, "turn on the kitchen lamp"), seconds=30)
        answer = ask(plant, "command", "turn on the kitchen lamp")
        assert answer["result"]["outcome"] == "intent"
        assert answer["result"]["acted"] is True
        assert answer["result"]["answer"] == "Turned on the light"
        message = lamp.next("lamp/kitchen/set", 10)
        assert message.payload == b"ON"
        sent = json.loads(actions.next(seconds=10).payload)
        assert (sent["id"], sent["state"]) == (answer["result"]["id"], "sent")
        assert sent["targets"] == [{"name": "Kitchen lamp", "area": "Kitchen", "state": "sent"}]
        lamp.publish("lamp/kitchen", "ON")
        confirmed = json.loads(actions.next(seconds=10).payload)
        assert (confirmed["id"], confirmed["state"]) == (sent["id"], "confirmed")


def test_a_device_that_does_not_answer_is_unconfirmed(
    daemon: DaemonProcess, broker: Mosquitto
) -> None:
    with (
        MqttClient(broker.port, ANSWERS) as plant,
        MqttClient(broker.port, f"{ROOT}/action/#") as actions,
    ):
        until(lambda: understood(plant, "turn off the kitchen lamp"), seconds=30)
        ask(plant, "command", "turn off the kitchen lamp")
        assert json.loads(actions.next(seconds=10).payload)["state"] == "sent"
        assert json.loads(actions.next(seconds=10).payload)["state"] == "unconfirmed"


def test_a_state_is_told_and_one_that_nobody_knows_is_not_guessed(
    daemon: DaemonProcess, broker: Mosquitto
) -> None:
    sensor = {
        "name": "Kitchen thermometer",
        "uniq_id": "t1",
        "stat_t": "thermo",
        "dev_cla": "temperature",
        "unit_of_meas": "°C",
    }
    with MqttClient(broker.port, ANSWERS) as plant:
        announce(plant, "sensor/t", sensor)
        question = "what is the temperature in the kitchen"
        until(lambda: understood(plant, question), seconds=30)
        until(
            lambda: "not know" in str(ask(plant, "command", question)["result"]["answer"]),
            seconds=15,
        )
        plant.publish("thermo", "21.46")
        until(
            lambda: "21.5" in str(ask(plant, "command", question)["result"]["answer"]), seconds=15
        )


def test_parse_only_says_what_is_meant_and_moves_nothing(
    daemon: DaemonProcess, broker: Mosquitto
) -> None:
    with (
        MqttClient(broker.port, ANSWERS) as plant,
        MqttClient(broker.port, "lamp/kitchen/set") as lamp,
    ):
        until(lambda: understood(plant, "turn on the kitchen lamp"), seconds=30)
        assert understood(plant, "turn on the kitchen lamp")
        lamp.publish("lamp/kitchen/set", "end")
        assert lamp.next(seconds=10).payload == b"end"


def test_a_lock_cannot_be_said_until_the_owner_allows_it(
    daemon: DaemonProcess, broker: Mosquitto
) -> None:
    with MqttClient(broker.port, ANSWERS) as plant:
        until(lambda: understood(plant, "turn on the kitchen lamp"), seconds=30)
        assert not understood(plant, "unlock the front door")


def test_the_owners_file_is_followed_while_it_runs_and_a_lock_waits_for_a_yes(
    daemon: DaemonProcess, broker: Mosquitto
) -> None:
    file = daemon.config.parent / "devices.yaml"
    before = file.read_text("utf-8")
    with MqttClient(broker.port, ANSWERS) as plant, MqttClient(broker.port, "lock/#") as lock:
        until(lambda: understood(plant, "turn on the kitchen lamp"), seconds=30)
        file.write_text(
            "areas: [Kitchen]\n"
            "devices:\n"
            "  - {device: Kitchen lamp, name: Reading light}\n"
            "  - {device: lock Front door, expose: true}\n",
            "utf-8",
        )
        until(lambda: understood(plant, "turn on the reading light"), seconds=30)
        request = {"text": "unlock the front door", "transaction": "door"}
        plant.publish(f"{ROOT}/request/command", json.dumps(request))
        assert answered(plant, "confirm")["message"] == "unlock the front door?"
        plant.publish(f"{ROOT}/request/confirm", json.dumps({"transaction": "door"}))
        assert answered(plant, "done")["result"]["acted"] is True
        assert lock.next(seconds=10).payload == b"UNLOCK"
        file.write_text("devices: [{device: x, nmae: y}]\n", "utf-8")
        until(lambda: "nmae" in daemon.log.read_text("utf-8"), seconds=30)
        assert understood(plant, "turn on the reading light")
        file.write_text(before, "utf-8")
        until(lambda: understood(plant, "turn on the kitchen lamp"), seconds=30)


def test_the_command_shows_what_was_found_and_what_a_sentence_would_publish(
    daemon: DaemonProcess, broker: Mosquitto
) -> None:
    with MqttClient(broker.port, ANSWERS) as plant:
        until(lambda: understood(plant, "turn on the kitchen lamp"), seconds=30)
    daemon.stop()
    words = [sys.executable, "-m", "appliance", "devices"]
    config = ["--config", str(daemon.config)]
    listed = subprocess.run(
        [*words, "list", *config], capture_output=True, text=True, check=True
    ).stdout
    assert "Kitchen lamp (light, Kitchen (guess))" in listed
    assert "Front door (lock" in listed
    assert "expose: true" in listed
    tested = subprocess.run(
        [*words, "test", *config, "turn on the kitchen lamp"],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert tested == "Kitchen lamp: lamp/kitchen/set ON (QoS 0)\n"
    daemon.start()


SCENES = """
language: en
intents:
  MachineStop:
    confirm: true
    data:
      - sentences: ["stop machine {machine}"]
    actions:
      - topic: "plant/machine-{{ slots.machine }}/command"
        payload: '{"stop": true}'
        qos: 2
      - service: light.turn_on
        device: Kitchen lamp
lists:
  machine:
    range: {from: 1, to: 20}
"""


def test_a_sentence_does_what_its_owner_wrote_after_a_yes(
    tmp_path: Path, models_directory: Path, broker: Mosquitto
) -> None:
    (tmp_path / "sentences").mkdir()
    (tmp_path / "sentences" / "scenes.yaml").write_text(SCENES, encoding="utf-8")
    with (
        MqttClient(broker.port, "appliance/scenes/response/#") as plant,
        MqttClient(broker.port, "plant/#", "lamp/kitchen/set") as machines,
        MqttClient(broker.port, "appliance/scenes/action/#") as actions,
        DaemonProcess(
            tmp_path,
            models_directory,
            device={"name": "scenes"},
            mqtt={"host": "127.0.0.1", "port": broker.port},
            sentences={"folder": str(tmp_path / "sentences"), "builtin": True},
            devices={"discovery": "act", "confirm_s": 30},
        ) as running,
    ):
        announce(plant, "light/lamp", LAMP)
        running.start()
        known = "turn on the kitchen lamp"
        until(lambda: understood(plant, known, "appliance/scenes"), seconds=30)
        request = {"text": "stop machine three", "transaction": "t1"}
        plant.publish("appliance/scenes/request/command", json.dumps(request))
        assert answered(plant, "confirm")["result"]["intent"]["slots"] == {"machine": 3}
        plant.publish("appliance/scenes/request/confirm", json.dumps({"transaction": "t1"}))
        done = answered(plant, "done")
        assert done["result"]["acted"] is True
        received = [machines.next(seconds=10) for _ in range(2)]
        # A broker hands on QoS 2 after a second exchange, so QoS 0 may overtake it.
        assert sorted((one.topic, one.payload) for one in received) == [
            ("lamp/kitchen/set", b"ON"),
            ("plant/machine-3/command", b'{"stop": true}'),
        ]
        sent = json.loads(actions.next(seconds=10).payload)
        assert (sent["id"], sent["state"]) == (done["result"]["id"], "sent")
        machines.publish("lamp/kitchen", "ON")
        assert json.loads(actions.next(seconds=10).payload)["state"] == "confirmed"


def answered(client: MqttClient, state: str) -> dict[str, Any]:
    """The next answer to a command that has this state."""
    while True:
        answer: dict[str, Any] = json.loads(client.next(seconds=60).payload)
        if (answer["state"], answer["operation"]) == (state, "command"):
            return answer


def test_metrics_of_a_sparkplug_node_are_asked_for_and_written_after_a_yes(
    daemon: DaemonProcess, broker: Mosquitto
) -> None:
    seq = iter(range(256))

    def tell(kind: str, *metrics: Metric) -> None:
        topic = f"spBv1.0/Plant/{kind}/edge" + ("" if kind[0] == "N" else "/machine three")
        plant.publish(topic, encode(Payload(metrics, 1, next(seq))), qos=0)

    with (
        MqttClient(broker.port, ANSWERS) as plant,
        MqttClient(broker.port, "spBv1.0/Plant/NCMD/#", "spBv1.0/Plant/DCMD/#") as machine,
        MqttClient(broker.port, f"{ROOT}/action/#") as actions,
    ):
        # Data without a birth: it asks for one.
        tell("NDATA", Metric(None, DataType.FLOAT, 20.0, alias=3))
        (asked,) = decode(machine.next("spBv1.0/Plant/NCMD/edge", 10).payload).metrics
        assert (asked.name, asked.value) == ("Node Control/Rebirth", True)
        seq = iter(range(256))
        tell("NBIRTH", Metric("bdSeq", DataType.INT64, 0))
        warm = Metric("Temperature", DataType.FLOAT, 61.5, alias=3, properties={"engUnit": "degC"})
        tell("DBIRTH", warm, Metric("Pump", DataType.BOOLEAN, value=False, alias=4))
        question = "what is the temperature of machine three"
        until(lambda: understood(plant, question), seconds=30)
        assert "61.5 °C" in ask(plant, "command", question)["result"]["answer"]
        request = {"text": "turn on machine three pump", "transaction": "pump"}
        plant.publish(f"{ROOT}/request/command", json.dumps(request))
        assert answered(plant, "confirm")["result"]["intent"]["name"] == "HassTurnOn"
        assert machine.silent()
        plant.publish(f"{ROOT}/request/confirm", json.dumps({"transaction": "pump"}))
        assert answered(plant, "done")["result"]["acted"] is True
        (written,) = decode(machine.next("spBv1.0/Plant/DCMD/edge/machine three").payload).metrics
        assert (written.name, written.alias, written.value) == (None, 4, True)
        assert json.loads(actions.next(seconds=10).payload)["state"] == "sent"
        tell("DDATA", Metric(None, DataType.BOOLEAN, value=True, alias=4))
        assert json.loads(actions.next(seconds=10).payload)["state"] == "confirmed"


def test_a_first_try_has_a_simulated_home_that_does_what_it_is_told(
    tmp_path: Path, models_directory: Path, free_port: int
) -> None:
    lamp = "simulated-home/kitchen_light/state"
    with DaemonProcess(tmp_path, models_directory, mqtt={"embedded_port": free_port}) as trial:
        trial.start("--trial")
        with MqttClient(free_port, ANSWERS) as plant, MqttClient(free_port, lamp) as state:

            def is_done() -> bool:
                answer = ask(plant, "command", "turn on the kitchen light")
                return bool(answer["result"]["answer"] == "Turned on the lights")

            until(is_done, "the simulated home is not known", seconds=30)
            until(lambda: state.next(lamp, 15).payload == b"ON", seconds=30)
        until(lambda: "● Kitchen light: state ON" in trial.log.read_text("utf-8"), seconds=15)


def test_over_kills_no_command_is_sent_twice_and_the_outcome_of_each_is_told(
    daemon: DaemonProcess, broker: Mosquitto
) -> None:
    asked = 0
    told: dict[str, set[str]] = {"sent": set(), "confirmed": set(), "unconfirmed": set()}
    with (
        MqttClient(broker.port, f"{ROOT}/action/#") as actions,
        MqttClient(broker.port, "lamp/kitchen/set") as lamp,
        MqttClient(broker.port, ANSWERS) as plant,
    ):
        for number in range(int(os.environ.get("APPLIANCE_KILLS", "3"))):
            until(lambda: understood(plant, "turn on the kitchen lamp"), seconds=30)
            for _ in range(5):
                plant.publish(f"{ROOT}/request/command", "turn on the kitchen lamp")
                asked += 1
            time.sleep(0.05 * (number % 5))
            daemon.kill()
            daemon.start()
        until(lambda: understood(plant, "turn on the kitchen lamp"), seconds=30)
        lamp.publish("lamp/kitchen/set", "end")
        sent = 0
        while lamp.next(seconds=10).payload == b"ON":
            sent += 1
        # The lamp says nothing: a command ends unconfirmed, or confirmed if the lamp was on.
        while len(told["sent"]) < sent or told["sent"] - told["confirmed"] - told["unconfirmed"]:
            report = json.loads(actions.next(seconds=30).payload)
            told.setdefault(report["state"], set()).add(report["id"])
    assert 0 < sent <= asked
