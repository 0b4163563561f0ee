"""Home Assistant finds the appliance by itself, also after its own restart, until removed."""

from __future__ import annotations

import json
from pathlib import Path

from support.daemon_process import DaemonProcess
from support.mosquitto import Mosquitto
from support.mqtt_client import MqttClient
from support.waiting import until

ROOT = "appliance/kitchen"
FOUND = "homeassistant/device/appliance_kitchen/config"


def test_home_assistant_discovers_the_device_again_after_a_restart_and_removes_it(
    tmp_path: Path, models_directory: Path
) -> None:
    with (
        Mosquitto(tmp_path / "broker") as broker,
        MqttClient(broker.port, FOUND, f"{ROOT}/status") as home,
        DaemonProcess(
            tmp_path,
            models_directory,
            mqtt={"host": "127.0.0.1", "port": broker.port},
            home_assistant={"enabled": True},
        ) as daemon,
    ):
        # Given an appliance that is to be found
        daemon.start()
        first = home.next(FOUND)
        components = json.loads(first.payload)["components"]
        assert components["result"]["state_topic"] == f"{ROOT}/result"
        # When Home Assistant starts, it gets the message again, with the values after it
        while not home.heard.empty():
            home.heard.get()
        home.publish("homeassistant/status", "online")
        assert home.next(FOUND).payload == first.payload
        # When the broker has forgotten everything, too
        broker.kill()
        broker.start()
        assert home.next(FOUND).payload == first.payload
        # And what its select sends changes the log level
        with MqttClient(broker.port, f"{ROOT}/info") as looker:
            until(lambda: not looker.heard.empty(), "info did not come back")
            looker.next()
            looker.publish(components["log_level"]["command_topic"], '{"log_level": "error"}')
            assert json.loads(looker.next().payload)["options"]["log_level"] == "error"
        # Then one command takes it out of Home Assistant
        daemon.stop()
        daemon.write(home_assistant={"enabled": False})
        assert daemon.command("home-assistant", "remove").returncode == 0
        with MqttClient(broker.port, FOUND) as newcomer:
            assert newcomer.silent()


def test_a_broker_that_is_not_there_is_named_by_the_command(tmp_path: Path, free_port: int) -> None:
    daemon = DaemonProcess(tmp_path, tmp_path, mqtt={"host": "127.0.0.1", "port": free_port})
    done = daemon.command("home-assistant", "remove")
    assert done.returncode == 69
    assert f"the broker at 127.0.0.1:{free_port} does not accept the connection" in done.stderr
