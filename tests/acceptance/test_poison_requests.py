"""A request whose work ends the appliance again and again does not keep it from its other work."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from support.daemon_process import DaemonProcess
from support.mosquitto import Mosquitto
from support.mqtt_client import MqttClient

pytestmark = pytest.mark.long

ROOT = "appliance/kitchen"


def test_a_poison_request_fails_after_its_attempts_and_becomes_a_dead_letter(
    tmp_path: Path, models_directory: Path
) -> None:
    with (
        Mosquitto(tmp_path / "broker") as broker,
        MqttClient(broker.port, f"{ROOT}/response/#") as plant,
        DaemonProcess(
            tmp_path,
            models_directory,
            mqtt={"host": "127.0.0.1", "port": broker.port},
            requests={"maximum_attempts": 2},
            language_model={
                "enabled": True,
                "maximum_tokens": 1500,
                "temperature": 1.0,
                "system_prompt": "Write a very long story.",
            },
        ) as daemon,
    ):
        # Given a request that the appliance does not survive
        with MqttClient(broker.port, f"{ROOT}/state") as looker:
            for attempt in range(2):
                daemon.start()
                if attempt == 0:
                    plant.publish(
                        f"{ROOT}/request/answer", "Tell me a story.", CorrelationData=b"deadly"
                    )
                while json.loads(looker.next(seconds=30).payload)["activity"] != "thinking":
                    pass
                daemon.kill()
        # When it has been tried as often as the operator allows
        daemon.start()
        # Then it is answered, and the next one is done
        while (answer := json.loads(plant.next(seconds=30).payload))["state"] == "queued":
            pass
        assert (answer["state"], answer["transaction"]) == ("failed", "deadly")
        assert "the request is now a dead letter" in answer["message"]
        plant.publish(f"{ROOT}/request/parse", "stop machine three")
        assert json.loads(plant.next(f"{ROOT}/response/parse").payload)["state"] == "done"
        # And the operator sees it, studies it, and forgets it, while the appliance runs
        listed = daemon.command("requests", "list", "--json")
        (row,) = json.loads(listed.stdout)
        assert (row["transaction"], row["attempts"], row["operation"]) == ("deadly", 2, "answer")
        assert daemon.command("requests", "save", row["id"], str(tmp_path / "it")).returncode == 0
        assert (tmp_path / "it").read_bytes() == b"Tell me a story."
        assert daemon.command("requests", "forget", row["id"]).returncode == 0
        assert daemon.command("requests", "forget", row["id"]).returncode == 1
        assert "there are no dead letters" in daemon.command("requests", "list").stdout
