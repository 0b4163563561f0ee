"""A real Home Assistant with the appliance on its broker: triggers, mute, options, a new name."""

from __future__ import annotations

import json
import re
import time
from pathlib import Path
from typing import Any

import pytest
import yaml
from support.daemon_process import REPOSITORY, DaemonProcess
from support.free_port import free_port
from support.home_assistant import HomeAssistant, tree
from support.mosquitto import Mosquitto
from support.mqtt_client import MqttClient
from support.waiting import until

pytestmark = pytest.mark.long

SENTENCES = """\
language: en
intents:
  MakeCoffee:
    data:
      - sentences: ["make a {size} coffee"]
lists:
  size:
    values: [small, large]
"""

SETTLED_S = 5.0
"""For Home Assistant to subscribe, or for a trigger that fires wrongly to have fired."""


class OwnersView:
    """Home Assistant as its owner sees it."""

    def __init__(self, home: HomeAssistant, port: int) -> None:
        self._home = home
        made = home.drive("mqtt", str(port))
        assert made["type"] == "create_entry"
        self.token: str = made["token"]

    def look(self) -> dict[str, Any]:
        seen: dict[str, Any] = self._home.drive("look", self.token)
        return seen

    def state(self, entity: str) -> str | None:
        found: str | None = self.look()["states"].get(entity)
        return found

    def coffees(self) -> int:
        return int(self.state("counter.large_coffees") or 0)

    def call(self, service: str, entity: str) -> None:
        self._home.drive("call", self.token, service, entity)

    def automate(self, device: str) -> None:
        """The automation of the documentation, with the device that the editor fills in."""
        page = (REPOSITORY / "docs/connect/home-assistant-mqtt.md").read_text("utf-8")
        example = re.search(r"```yaml\n(triggers:.*?)```", page, re.DOTALL)
        assert example is not None
        automation = yaml.safe_load(example[1].replace("DEVICE", device))
        whole = json.dumps({"alias": "Large coffee", "mode": "queued", **automation})
        self._home.drive("automate", self.token, whole)


def say(client: MqttClient, root: str, text: str) -> None:
    time.sleep(SETTLED_S)
    client.publish(f"{root}/request/command", json.dumps({"text": text}))


@pytest.mark.timeout(900)
def test_home_assistant_acts_once_for_each_command_and_on_nothing_else(  # noqa: PLR0915  (one home)
    tmp_path: Path, models_directory: Path
) -> None:
    debian = tree()
    (tmp_path / "coffee.yaml").write_text(SENTENCES, "utf-8")
    with (
        Mosquitto(tmp_path / "broker") as broker,
        MqttClient(broker.port, "appliance/+/result") as client,
        DaemonProcess(
            tmp_path,
            models_directory,
            mqtt={
                "host": "127.0.0.1",
                "port": broker.port,
                "operations": ["command", "microphone", "listen", "options"],
            },
            home_assistant={"enabled": True},
            sentences={"folder": str(tmp_path)},
        ) as daemon,
        HomeAssistant(debian, f"home-{tmp_path.name}", free_port()) as hass,
    ):
        daemon.start()
        hass.start()
        home = OwnersView(hass, broker.port)
        device = until(lambda: kitchen(home), "the device was not found", 60)
        assert device["name"] == "kitchen"
        home.automate(device["id"])

        # Given a command that was said twice, and others
        for text in ("make a large coffee", "make a small coffee", "make a large coffee"):
            say(client, "appliance/kitchen", text)
        until(lambda: home.coffees() == 2, "the trigger did not fire twice", 30)

        # When the broker, the appliance and Home Assistant start again, nothing is made
        home.call("switch/turn_on", "switch.kitchen_muted")
        until(lambda: home.state("switch.kitchen_muted") == "on", "it is not muted", 30)
        broker.kill()
        broker.start()
        until(lambda: home.state("sensor.kitchen_state") == "muted", "it did not come back", 60)
        daemon.kill()
        daemon.start()
        until(lambda: home.state("switch.kitchen_muted") == "on", "the mute is gone", 60)
        hass.stop()
        hass.start()
        until(lambda: home.state("switch.kitchen_muted") == "on", "the mute is gone", 60)
        time.sleep(SETTLED_S)
        assert home.coffees() == 2

        # When an option is switched off, its entity goes away; its intent's trigger works still
        assert "button.kitchen_listen" in home.look()["states"]
        assert daemon.stop()[0] == 0
        daemon.write(mqtt={"operations": ["command", "microphone", "options"]})
        daemon.start()
        until(lambda: home.state("button.kitchen_listen") is None, "the button is still there", 60)
        say(client, "appliance/kitchen", "make a large coffee")
        until(lambda: home.coffees() == 3, "the trigger did not fire", 30)

        # When it is renamed, it is the same device, and nothing is kept under the old name
        assert daemon.stop()[0] == 0
        daemon.write(device={"name": "galley"})
        daemon.start()
        until(lambda: kitchen(home)["name"] == "galley", "the name did not change", 60)
        until(
            lambda: home.state("sensor.kitchen_state") == "muted",
            "the entity did not follow",
            60,
        )
        say(client, "appliance/galley", "make a large coffee")
        until(lambda: home.coffees() == 4, "the automation is lost", 30)
        assert [one["id"] for one in home.look()["devices"]] == [device["id"]]
        with MqttClient(broker.port, "appliance/kitchen/#") as newcomer:
            assert newcomer.silent()

        # When a sentence is taken away, its trigger is
        assert any(
            one["subtype"] == "MakeCoffee" for one in kitchen(home)["triggers"] if "subtype" in one
        )
        (tmp_path / "coffee.yaml").write_text(SENTENCES.replace("MakeCoffee", "MakeTea"), "utf-8")
        until(lambda: subtypes(home) & {"MakeCoffee", "MakeTea"} == {"MakeTea"}, "it stays", 60)


def kitchen(home: OwnersView) -> Any:
    return next(iter(home.look()["devices"]), None)


def subtypes(home: OwnersView) -> set[str]:
    return {one.get("subtype", "") for one in kitchen(home)["triggers"]}
