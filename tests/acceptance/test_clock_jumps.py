"""A board without a clock battery: it wakes in 1970, and jumps when it learns the time."""

from __future__ import annotations

import contextlib
import json
import shutil
import sqlite3
from pathlib import Path
from typing import Any

import pytest
from support.daemon_process import DaemonProcess
from support.mosquitto import Mosquitto
from support.mqtt_client import MqttClient
from support.requirements import skip_unless_ci
from support.waiting import until

ROOT = "appliance/kitchen"
BOARDS = Path(__file__).parent.parent / "fixtures/boards"
LIBRARIES = ("/usr/lib/*/faketime/libfaketime.so.1", "/usr/lib64/faketime/libfaketime.so.1")


class WallClock:
    """The clock on the wall, as the appliance sees it; its own timers are left alone."""

    def __init__(self, folder: Path) -> None:
        library = next((path for each in LIBRARIES for path in Path("/").glob(each[1:])), None)
        if library is None:
            skip_unless_ci("libfaketime is not installed")
        self._file = folder / "wall"
        self.environment = {
            "LD_PRELOAD": str(library),
            "FAKETIME_TIMESTAMP_FILE": str(self._file),
            "FAKETIME_NO_CACHE": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
            "DONT_FAKE_MONOTONIC": "1",
            "TZ": "UTC",
        }

    def jump(self, moment: str) -> None:
        """To `YYYY-MM-DD hh:mm:ss`, and go on from there."""
        fresh = self._file.with_suffix(".new")
        fresh.write_text(f"@{moment}\n")
        fresh.replace(self._file)


def ask(client: MqttClient, operation: str, text: str, **more: Any) -> dict[str, Any]:
    client.publish(f"{ROOT}/request/{operation}", json.dumps({"text": text, **more}))
    while True:
        answer: dict[str, Any] = json.loads(client.next(f"{ROOT}/response/{operation}").payload)
        if answer["state"] != "queued":
            return answer


def waiting(state: Path) -> int:
    with contextlib.closing(sqlite3.connect(state / "journal.db")) as database:
        return int(database.execute("SELECT count(*) FROM inbox").fetchone()[0])


def cold_board(root: Path) -> Path:
    """A Raspberry Pi 5 without the time; the file that says whether its supply is too weak."""
    shutil.copytree(BOARDS / "pi5", root)
    (root / "run/systemd/timesync").mkdir(parents=True)
    names = root.glob("sys/class/hwmon/*/name")
    return next(path.parent for path in names if "rpi_volt" in path.read_text()) / "in0_lcrit_alarm"


@pytest.mark.long
def test_results_deadlines_and_timers_survive_a_clock_that_jumps(
    tmp_path: Path, models_directory: Path
) -> None:
    wall, board = WallClock(tmp_path), tmp_path / "board"
    alarm = cold_board(board)
    with (
        Mosquitto(tmp_path / "broker", persistent=True) as broker,
        MqttClient(broker.port, f"{ROOT}/response/#", f"{ROOT}/telemetry") as client,
        DaemonProcess(
            tmp_path,
            models_directory,
            mqtt={"host": "127.0.0.1", "port": broker.port},
            language_model={"enabled": True, "maximum_tokens": 8},
            telemetry={"every_s": 1.0},
        ) as daemon,
    ):
        # Given a board that wakes in 1970, on a supply so weak that the model must wait
        daemon.environment |= {**wall.environment, "APPLIANCE_BOARD": str(board)}
        wall.jump("1970-01-01 00:01:00")
        alarm.write_text("1\n")
        daemon.start()
        early = ask(client, "parse", "stop machine three")["result"]
        assert early["at"].startswith("1970-01-01T00:")
        assert early["clock_synced"] is False
        # And a request that has a minute, accepted then
        client.publish(
            f"{ROOT}/request/answer",
            json.dumps({"text": "What is a lamp?", "timeout_s": 100, "transaction": "lamp"}),
        )
        until(lambda: waiting(daemon.state) == 1, "the request was not accepted")

        # When the time comes from the network, and with it fifty years
        wall.jump("2026-06-01 12:00:00")
        (board / "run/systemd/timesync/synchronized").touch()

        # Then results say so, their order holds, and telemetry comes as before
        late = ask(client, "parse", "stop machine three")["result"]
        assert late["at"].startswith("2026-06-01T12:")
        assert late["clock_synced"] is True
        assert (late["id"] > early["id"], late["seq"]) == (True, early["seq"] + 1)
        assert late["boot_id"] == early["boot_id"]
        client.next(f"{ROOT}/telemetry", 5)
        client.next(f"{ROOT}/telemetry", 5)

        # And back again: ids still grow
        wall.jump("2001-01-01 00:00:00")
        back = ask(client, "parse", "stop machine three")["result"]
        assert (back["id"] > late["id"], back["seq"]) == (True, late["seq"] + 1)

        # And the request of 1970 has not expired, not even over a restart
        assert daemon.stop()[0] == 0
        alarm.write_text("0\n")
        wall.jump("2026-06-01 12:00:10")
        daemon.start()
        told = json.loads(client.next(f"{ROOT}/response/answer", 60).payload)
        assert (told["state"], told["transaction"]) == ("done", "lamp")


def test_check_says_of_1970_that_certificates_are_not_valid_yet(
    tmp_path: Path, models_directory: Path
) -> None:
    wall = WallClock(tmp_path)
    wall.jump("1970-01-01 00:01:00")
    with DaemonProcess(
        tmp_path, models_directory, mqtt={"host": "127.0.0.1", "tls": True}
    ) as daemon:
        daemon.environment |= wall.environment
        checked = daemon.command("check", "--json")
    (clock,) = (a for a in json.loads(checked.stdout)["answers"] if a["question"] == "clock")
    assert clock["verdict"] == "error"
    assert "it was never set" in clock["found"]
    assert "TLS certificates are not valid yet" in clock["found"]
