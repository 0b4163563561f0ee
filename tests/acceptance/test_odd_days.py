"""Odd days of a board: the process stands still, the state directory is taken away."""

from __future__ import annotations

import json
import signal
import time
from typing import TYPE_CHECKING

from support.daemon_process import DaemonProcess
from support.mosquitto import Mosquitto
from support.mqtt_client import MqttClient
from support.waiting import until

if TYPE_CHECKING:
    from pathlib import Path

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
