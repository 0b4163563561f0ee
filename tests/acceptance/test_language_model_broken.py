"""A language model that cannot be opened: all else goes on, and the fault is reported."""

from __future__ import annotations

import contextlib
import json
import shutil
import sysconfig
import threading
import venv
from pathlib import Path
from typing import Any

import psutil
import pytest
from support.daemon_process import DaemonProcess
from support.mosquitto import Mosquitto
from support.mqtt_client import MqttClient
from support.waiting import until

from appliance.system import kept_faults

ROOT = "appliance/kitchen"
MODEL = "smollm2-135m-instruct"


@pytest.fixture
def gguf(models_directory: Path) -> Path:
    return next((models_directory / MODEL).glob("SmolLM2*.gguf"))


@pytest.fixture
def broker(tmp_path: Path) -> Any:
    with Mosquitto(tmp_path) as running:
        yield running


def ask(broker: Mosquitto, operation: str, text: str) -> dict[str, Any]:
    with MqttClient(broker.port, f"{ROOT}/response/#") as plant:
        plant.publish(f"{ROOT}/request/{operation}", json.dumps({"text": text}))
        while True:
            answer: dict[str, Any] = json.loads(plant.next(seconds=60).payload)
            if answer.get("state") != "queued":
                return answer


def told_by_health(broker: Mosquitto, *, broken: bool) -> str | None:
    """What `health` says of the language model, as soon as that is what is expected."""
    with MqttClient(broker.port, f"{ROOT}/health") as watching:
        while True:
            error: str | None = json.loads(watching.next(seconds=40).payload)[
                "language_model_error"
            ]
            if (error is not None) is broken:
                return error


def checked_model(daemon: DaemonProcess) -> str:
    """The line of `appliance check` about the language model."""
    lines = daemon.command("check").stdout.splitlines()
    return next(line for line in lines if "language model" in line)


def test_a_model_that_cannot_be_opened_takes_nothing_else_with_it_and_is_used_once_it_can(
    tmp_path: Path, models_directory: Path, broker: Mosquitto, gguf: Path
) -> None:
    own = tmp_path / "own.gguf"
    with gguf.open("rb") as file:
        own.write_bytes(file.read(20_000_000))
    with DaemonProcess(
        tmp_path,
        models_directory,
        mqtt={"host": "127.0.0.1", "port": broker.port},
        language_model={"enabled": True, "model": str(own), "maximum_tokens": 8},
    ) as daemon:
        daemon.start()
        understood = ask(broker, "parse", "turn on the kitchen light")["result"]
        assert (understood["outcome"], understood["intent"]["name"]) == ("intent", "HassTurnOn")
        assert ask(broker, "parse", "enable the bathroom lights please")["state"] == "done"
        failed = ask(broker, "answer", "What is the capital of France?")
        assert failed["state"] == "failed"
        assert "not within the file bounds" in failed["message"]
        assert "own.gguf" in str(told_by_health(broker, broken=True))
        kept = [fault.message for fault in kept_faults.read(daemon.state)]
        assert any("own.gguf" in message for message in kept), kept
        # While an attempt to open it is being made, the process is there and the line a warning.
        until(lambda: "[FAIL]" in checked_model(daemon), "check does not say it", 60)
        assert "own.gguf" in checked_model(daemon)
        # Its owner copies the whole file: nothing is restarted, and it answers.
        shutil.copy(gguf, tmp_path / "whole.gguf")
        (tmp_path / "whole.gguf").replace(own)
        told_by_health(broker, broken=False)
        assert ask(broker, "answer", "What is the capital of France?")["state"] == "done"
        assert not daemon.ended()


def without_llama(folder: Path) -> tuple[Path, Path]:
    """An environment with every installed package except llama.cpp, and its folder of packages."""
    venv.create(folder, with_pip=False)
    (packages,) = folder.glob("lib/python3*/site-packages")
    for entry in Path(sysconfig.get_path("purelib")).iterdir():
        if not entry.name.startswith("llama_cpp"):
            (packages / entry.name).symlink_to(entry)
    return folder / "bin" / "python", packages


def test_an_engine_that_is_installed_while_the_appliance_runs_joins_it_and_nothing_waits_for_it(
    tmp_path: Path, models_directory: Path, broker: Mosquitto
) -> None:
    with DaemonProcess(
        tmp_path,
        models_directory,
        mqtt={"host": "127.0.0.1", "port": broker.port},
        language_model={"enabled": True, "maximum_tokens": 8},
    ) as daemon:
        python, packages = without_llama(tmp_path / "environment")
        daemon.python = str(python)
        daemon.start()
        understood = ask(broker, "parse", "turn on the kitchen light")["result"]
        assert (understood["outcome"], understood["intent"]["name"]) == ("intent", "HassTurnOn")
        failed = ask(broker, "answer", "What is the capital of France?")
        assert (failed["state"], "not installed yet" in failed["message"]) == ("failed", True)
        assert "not installed yet" in str(told_by_health(broker, broken=True))
        for entry in Path(sysconfig.get_path("purelib")).glob("llama_cpp*"):
            (packages / entry.name).symlink_to(entry)
        told_by_health(broker, broken=False)
        assert ask(broker, "answer", "What is the capital of France?")["state"] == "done"
        assert daemon.said().count("no language model, everything else works") == 1


class ModelProcessKiller(threading.Thread):
    """Kills the first process of the model that it sees, while it opens."""

    def __init__(self, daemon: DaemonProcess) -> None:
        super().__init__(daemon=True)
        self._owner = daemon
        self.killed = 0

    def run(self) -> None:
        until(self._strikes, "no process of the model was seen", 60)

    def _strikes(self) -> bool:
        if self._owner.process is None:
            return False
        with contextlib.suppress(psutil.Error):
            for child in psutil.Process(self._owner.process.pid).children():
                if any("llama.server_main" in word for word in child.cmdline()):
                    child.kill()
                    self.killed += 1
        return self.killed > 0


def test_a_model_whose_process_is_killed_while_it_opens_is_opened_again(
    tmp_path: Path, models_directory: Path, broker: Mosquitto
) -> None:
    with DaemonProcess(
        tmp_path,
        models_directory,
        mqtt={"host": "127.0.0.1", "port": broker.port},
        language_model={"enabled": True, "maximum_tokens": 8},
    ) as daemon:
        killer = ModelProcessKiller(daemon)
        killer.start()
        daemon.start()
        killer.join()
        assert killer.killed == 1
        understood = ask(broker, "parse", "turn on the kitchen light")["result"]
        assert understood["outcome"] == "intent"
        assert ask(broker, "answer", "What is the capital of France?")["state"] == "done"
        assert any("while opening" in fault.message for fault in kept_faults.read(daemon.state))
        assert not daemon.ended()
