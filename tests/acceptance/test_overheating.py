"""The board heats and cools while it is spoken to and asked; nothing is lost."""

from __future__ import annotations

import json
import shutil
import time
from pathlib import Path
from typing import Any

import pytest
from support.daemon_process import DaemonProcess
from support.mosquitto import Mosquitto
from support.mqtt_client import MqttClient
from support.waiting import until

ROOT = "appliance/kitchen"
BOARDS = Path(__file__).parent.parent / "fixtures/boards"


class AdjustableBoard:
    """A Raspberry Pi 5 whose temperature and supply the test sets."""

    def __init__(self, folder: Path) -> None:
        self.root = folder / "board"
        shutil.copytree(BOARDS / "pi5", self.root)

    def heat_to(self, celsius: float) -> None:
        for sensor in self._chip("cpu_thermal"):
            (sensor / "temp1_input").write_text(f"{int(celsius * 1000)}\n")

    def weaken(self, *, low: bool) -> None:
        for sensor in self._chip("rpi_volt"):
            (sensor / "in0_lcrit_alarm").write_text(f"{int(low)}\n")

    def _chip(self, name: str) -> list[Path]:
        chips = [
            path.parent
            for path in self.root.glob("sys/class/hwmon/*/name")
            if path.read_text().strip() == name
        ]
        assert chips, f"the tree has no {name}"
        return chips


class SteadyRequester:
    """Asks without pause, and counts what it asked and what it was told."""

    def __init__(self, client: MqttClient) -> None:
        self._client = client
        self.asked = 0
        self.answers: dict[str, dict[str, Any]] = {}
        self.spoken: list[dict[str, Any]] = []
        self.paces: list[str] = []
        self.telemetry: dict[str, Any] = {}

    def ask(self, operation: str, text: str) -> str:
        self.asked += 1
        name = f"job-{self.asked}"
        self._client.publish(
            f"{ROOT}/request/{operation}", json.dumps({"text": text, "transaction": name})
        )
        return name

    def listen(self) -> bool:
        """Take in what has come; True, so that a condition may begin with it."""
        while not self._client.heard.empty():
            heard = self._client.heard.get()
            topic = heard.topic.removeprefix(ROOT)
            told: Any = None if topic == "/status" else json.loads(heard.payload)
            if topic.startswith("/response/") and told["state"] != "queued":
                assert told["transaction"] not in self.answers
                self.answers[told["transaction"]] = told["result"]
            elif topic == "/result" and told["source"] == "speech":
                self.spoken.append(told)
            elif topic == "/state" and self.paces[-1:] != [told["pace"]]:
                self.paces.append(told["pace"])
            elif topic == "/telemetry":
                self.telemetry = told
        return True

    def answer(self, name: str, seconds: float = 60.0) -> dict[str, Any]:
        def told() -> dict[str, Any] | None:
            self.listen()
            return self.answers.get(name)

        found: dict[str, Any] = until(told, f"no answer to {name}", seconds)
        return found

    def ask_until(self, pace: str, seconds: float = 30.0) -> None:
        """Keep on asking for declared sentences until the pace is this one."""
        end = time.monotonic() + seconds
        while self.paces[-1:] != [pace]:
            assert time.monotonic() < end, f"never {pace}, but {self.paces}"
            self.answer(self.ask("parse", "stop machine three"))


@pytest.mark.long
def test_heat_takes_the_model_first_and_never_a_command(
    tmp_path: Path, models_directory: Path
) -> None:
    board = AdjustableBoard(tmp_path)
    with (
        Mosquitto(tmp_path / "broker") as broker,
        MqttClient(broker.port, f"{ROOT}/#") as client,
        DaemonProcess(
            tmp_path,
            models_directory,
            mqtt={"host": "127.0.0.1", "port": broker.port},
            listening={"trigger": "always"},
            language_model={"enabled": True, "maximum_tokens": 8},
        ) as daemon,
    ):
        # Given a cool board, on which somebody speaks (the samples, one after another)
        daemon.environment |= {"APPLIANCE_BOARD": str(board.root), "PULSE_SERVER": "unix:/nowhere"}
        board.heat_to(50)
        daemon.start("--trial")
        plant = SteadyRequester(client)
        cool = plant.answer(plant.ask("answer", "What is a lamp?"))
        assert (cool["outcome"], cool["pace"]) == ("answer", "full")
        assert plant.answer(plant.ask("parse", "stop machine three"))["pace"] == "full"

        # When it heats: first it eases off, then the model rests, and commands go on
        board.heat_to(79)
        plant.ask_until("eased")
        board.heat_to(83)
        plant.ask_until("resting")
        hot = plant.answer(plant.ask("answer", "What is a lamp?"))
        assert (hot["outcome"], hot["pace"]) == ("refused", "resting")
        assert "resting" in hot["reason"]
        assert hot["temperature_c"] == 83.0

        # Then with the cold everything comes back, step by step
        board.heat_to(60)
        plant.ask_until("full")
        assert plant.paces == ["full", "eased", "resting", "eased", "full"]
        again = plant.answer(plant.ask("answer", "What is a lamp?"))
        assert again["outcome"] == "answer"

        # And every request and every sentence has got its answer, with the pace it was done at
        until(lambda: plant.listen() and len(plant.spoken) >= 5, "not all that was said came", 60)
        assert len(plant.answers) == plant.asked
        commands = [told for told in plant.answers.values() if told["text"] == "stop machine three"]
        assert {told["outcome"] for told in commands} == {"intent"}
        assert {told["pace"] for told in commands} >= {"eased", "resting", "full"}
        assert [told["outcome"] for told in plant.spoken[:6]] == ["intent"] * 6
        assert "pace resting at 83 °C" in daemon.said()
        assert "pace full again at 60 °C" in daemon.said()


def test_on_a_weak_supply_the_model_s_requests_wait_and_commands_are_done(
    tmp_path: Path, models_directory: Path
) -> None:
    board = AdjustableBoard(tmp_path)
    with (
        Mosquitto(tmp_path / "broker") as broker,
        MqttClient(broker.port, f"{ROOT}/#") as client,
        DaemonProcess(
            tmp_path,
            models_directory,
            mqtt={"host": "127.0.0.1", "port": broker.port},
            language_model={"enabled": True, "maximum_tokens": 8},
        ) as daemon,
    ):
        daemon.environment["APPLIANCE_BOARD"] = str(board.root)
        board.weaken(low=True)
        daemon.start()
        plant = SteadyRequester(client)
        plant.ask_until("eased")
        asked = plant.ask("answer", "What is a lamp?")
        for _ in range(3):
            assert plant.answer(plant.ask("parse", "stop machine three"))["outcome"] == "intent"
        assert asked not in plant.answers
        until(lambda: plant.listen() and plant.telemetry.get("under_voltages") == 1)
        assert plant.telemetry["under_voltage"] is True
        assert "the supply's voltage is too low" in daemon.said()
        # A stop does not lose it either: it is done when the supply is right again.
        assert daemon.stop()[0] == 0
        board.weaken(low=False)
        daemon.start()
        assert plant.answer(asked)["outcome"] == "answer"
