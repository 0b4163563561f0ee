"""What the appliance writes to its card: on an idle day, and for 1,000 commands.

APPLIANCE_MODELS=… python tests/measure/wear.py [--seconds 300] [--commands 1000]

The kernel counts (/proc/PID/io, write_bytes); the state directory must lie on a disk.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from support.daemon_process import DaemonProcess
from support.mosquitto import Mosquitto
from support.mqtt_client import MqttClient

ROOT = "appliance/kitchen"
DAY = 86_400


def written(pid: int) -> int:
    """Bytes that a process and its children have sent towards the disk."""
    total = 0
    for each in (pid, *children(pid)):
        lines = Path(f"/proc/{each}/io").read_text(encoding="ascii").splitlines()
        total += next(int(line.split()[1]) for line in lines if line.startswith("write_bytes"))
    return total


def children(pid: int) -> list[int]:
    """The processes that a process has started."""
    tasks = Path(f"/proc/{pid}/task").glob("*/children")
    return [int(word) for task in tasks for word in task.read_text().split()]


def main() -> int:
    """Measure and print one JSON document."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=300.0, help="of idleness")
    parser.add_argument("--commands", type=int, default=1000)
    parser.add_argument("--folder", type=Path, default=Path("/var/tmp"), help="on a disk")  # noqa: S108
    arguments = parser.parse_args()
    models = Path(os.environ["APPLIANCE_MODELS"])
    with (
        tempfile.TemporaryDirectory(dir=arguments.folder) as place,
        Mosquitto(Path(place) / "broker") as broker,
        MqttClient(broker.port, f"{ROOT}/response/parse") as client,
        DaemonProcess(
            Path(place), models, mqtt={"host": "127.0.0.1", "port": broker.port}
        ) as daemon,
    ):
        daemon.start()
        assert daemon.process is not None
        pid = daemon.process.pid
        started = written(pid)
        time.sleep(arguments.seconds)
        idle = written(pid) - started
        for number in range(arguments.commands):
            order = {"text": "stop machine three", "transaction": str(number)}
            client.publish(f"{ROOT}/request/parse", json.dumps(order))
            client.next()
        work = written(pid) - started - idle
    found = {
        "start_bytes": started,
        "idle_seconds": arguments.seconds,
        "idle_bytes": idle,
        "bytes_per_idle_day": round(idle * DAY / arguments.seconds),
        "commands": arguments.commands,
        "bytes_per_1000_commands": round(work * 1000 / arguments.commands),
    }
    print(json.dumps(found, indent=2))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
