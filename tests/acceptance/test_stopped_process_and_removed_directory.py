"""The process is stopped for a time, or its state directory is removed while it runs."""

from __future__ import annotations

import json
import shutil
import signal
import time
from typing import TYPE_CHECKING

import pytest
from support.daemon_process import DaemonProcess
from support.mosquitto import Mosquitto
from support.mqtt_client import MqttClient
from support.waiting import until

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.long

ROOT = "appliance/kitchen"
ANSWERS = f"{ROOT}/response/#"
STANDS_STILL_S = 35.0
"""Longer than a turn of any thread may take."""


def test_a_process_that_stood_still_goes_on(tmp_path: Path, models_directory: Path) -> None:
    with (
        Mosquitto(tmp_path / "broker") as broker,
        MqttClient(broker.port, ANSWERS) as plant,
        DaemonProcess(
            tmp_path, models_directory, mqtt={"host": "127.0.0.1", "port": broker.port}
        ) as daemon,
    ):
        daemon.start()
        daemon.signal(signal.SIGSTOP)
        plant.publish(f"{ROOT}/request/parse", "stop machine three")
        time.sleep(STANDS_STILL_S)
        daemon.signal(signal.SIGCONT)
        until(lambda: "the process stood still for" in daemon.said(), daemon.said(), 20.0)
        while json.loads(plant.next(f"{ROOT}/response/parse", 60).payload)["state"] != "done":
            pass
        assert not daemon.ended()


@pytest.mark.parametrize("how", ["removed", "replaced"])
def test_a_state_directory_that_is_taken_away_loses_no_accepted_request(
    tmp_path: Path, models_directory: Path, how: str
) -> None:
    question = {"text": "unlock", "timeout_s": 600}
    (tmp_path / "intents").mkdir()
    (tmp_path / "intents" / "door.yaml").write_text(
        "language: en\nintents:\n  Door:\n    confirm: true\n    data:\n"
        "      - sentences: [unlock]\n"
    )
    with (
        Mosquitto(tmp_path / "broker") as broker,
        MqttClient(broker.port, ANSWERS) as plant,
        DaemonProcess(
            tmp_path,
            models_directory,
            mqtt={"host": "127.0.0.1", "port": broker.port},
            sentences={"folder": str(tmp_path / "intents")},
        ) as daemon,
    ):
        daemon.start()
        # A request that was accepted and waits
        plant.publish(f"{ROOT}/request/command", json.dumps(question), CorrelationData=b"waits")
        assert json.loads(plant.next().payload)["state"] == "confirm"
        # When the directory is taken away, the next request is told so,
        shutil.rmtree(daemon.state)
        if how == "replaced":
            daemon.state.mkdir()
        plant.publish(f"{ROOT}/request/parse", "unlock", CorrelationData=b"next")
        told = json.loads(plant.next(f"{ROOT}/response/parse").payload)
        assert (told["state"], told["reason"]) == ("rejected", "busy")
        # the appliance ends so that systemd starts it again, and then it has what it had accepted.
        assert daemon.status() == 1
        assert "the state directory was removed or replaced" in daemon.said()
        daemon.start()
        asked = json.loads(plant.next(f"{ROOT}/response/command", 60).payload)
        assert (asked["state"], asked["transaction"]) == ("confirm", "waits")
