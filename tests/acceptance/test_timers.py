"""Timers of the running appliance, over MQTT, through crashes."""

from __future__ import annotations

import contextlib
import json
import queue
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from support.daemon_process import DaemonProcess
from support.mosquitto import Mosquitto
from support.mqtt_client import MqttClient

ROOT = "appliance/kitchen"

pytestmark = pytest.mark.timeout(600)
"""Each test starts the appliance up to three times."""

TOPICS = ("response/#", "timer/#", "timers")


def command(client: MqttClient, text: str) -> dict[str, Any]:
    """Send a text that acts; the result."""
    client.publish(f"{ROOT}/request/command", json.dumps({"text": text}))
    while True:
        answer = json.loads(client.next(f"{ROOT}/response/command").payload)
        if answer["state"] != "queued":
            assert answer["state"] == "done", answer
            return dict(answer["result"])


def finished(client: MqttClient, seconds: float) -> list[dict[str, Any]]:
    """The events `finished` that come within some seconds, each id once."""
    found, end = {}, time.monotonic() + seconds
    while time.monotonic() < end:
        with contextlib.suppress(queue.Empty):
            message = client.heard.get(timeout=0.2)
            if message.topic == f"{ROOT}/timer/finished":
                event = json.loads(message.payload)
                found[event["id"]] = event
    return list(found.values())


@pytest.fixture
def appliance(tmp_path: Path, models_directory: Path) -> Iterator[tuple[DaemonProcess, MqttClient]]:
    with (
        Mosquitto(tmp_path / "broker", persistent=True) as broker,
        MqttClient(
            broker.port, f"{ROOT}/response/#", f"{ROOT}/timer/#", f"{ROOT}/timers"
        ) as client,
        DaemonProcess(
            tmp_path, models_directory, mqtt={"host": "127.0.0.1", "port": broker.port}
        ) as daemon,
    ):
        yield daemon.start(), client


@pytest.mark.long
def test_a_timer_rings_once_though_the_appliance_is_killed_in_between(
    appliance: tuple[DaemonProcess, MqttClient],
) -> None:
    daemon, client = appliance
    result = command(client, "set a timer for 2 seconds")
    assert result["answer"] == "Timer set for 2 seconds"
    daemon.kill()
    daemon.start()
    (event,) = finished(client, 8.0)
    assert event["timer"]["duration_s"] == 2.0
    daemon.kill()
    daemon.start()
    assert finished(client, 4.0) == []


def test_the_list_is_retained_and_a_cancelled_timer_is_silent(
    appliance: tuple[DaemonProcess, MqttClient],
) -> None:
    _, client = appliance
    command(client, "set a timer for 3 seconds")
    shown = json.loads(client.next(f"{ROOT}/timers").payload)
    while not shown["timers"]:
        shown = json.loads(client.next(f"{ROOT}/timers").payload)
    assert shown["timers"][0]["duration_s"] == 3.0
    assert command(client, "cancel the timer")["answer"] == "Timer cancelled"
    assert finished(client, 4.0) == []


def test_a_timer_rings_without_a_broker(
    appliance: tuple[DaemonProcess, MqttClient], tmp_path: Path
) -> None:
    daemon, client = appliance
    command(client, "set a timer for 4 seconds")
    daemon.write(mqtt={"host": "127.0.0.1", "port": 1})
    daemon.kill()
    daemon.start()
    time.sleep(5.0)
    assert "rings" in daemon.said()
