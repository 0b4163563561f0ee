"""Broker, MQTT client, virtual microphone and daemon, together in one folder."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from appliance.messages.request_payloads import Control
from appliance.values import Operation
from support.daemon_process import DaemonProcess
from support.mosquitto import Mosquitto
from support.mqtt_client import MqttClient
from support.virtual_microphone import VirtualMicrophone, virtual_microphone

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

OPERATIONS = [*Operation, *Control]
"""All of them: those that control the microphone are closed by default."""


@contextmanager
def daemon_with_microphone(
    folder: Path, models: Path, *topics: str, **sections: dict[str, Any]
) -> Iterator[tuple[VirtualMicrophone, MqttClient, DaemonProcess]]:
    """All of it in one folder; the daemon is configured by `sections`, and not started yet."""
    with (
        Mosquitto(folder / "broker") as broker,
        virtual_microphone(folder) as microphone,
        MqttClient(broker.port, *topics) as home,
        DaemonProcess(
            folder,
            models,
            mqtt={"host": "127.0.0.1", "port": broker.port, "operations": OPERATIONS},
            **sections,
        ) as daemon,
    ):
        daemon.environment = dict(microphone.environment)
        yield microphone, home, daemon
