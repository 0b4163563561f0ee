"""Memory with every door for other systems open, against none.

    PYTHONPATH=.:tests python -m measure.doors [--rounds 3] [--each] [--by-pause]

Starts the appliance with its models on a real broker, without Wyoming, HTTP, page, Sparkplug and
satellites, and with all of them, or with each of them alone. The same requests go over MQTT, and a
client uses each server that is open. Prints the resident memory of all processes, in MB.

A Wyoming client's speech is recognised while it is spoken, as speech at the device is, and as
recordings over MQTT are not. That takes about 19 MB once. With --by-pause nothing is, so what is
left is the doors' own.
"""

from __future__ import annotations

import argparse
import http.client
import json
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

import psutil
from support.daemon_process import SAMPLES, DaemonProcess
from support.free_port import free_port
from support.mosquitto import Mosquitto
from support.mqtt_client import MqttClient
from support.recordings import sound_of
from support.wyoming_client import WyomingClient
from wyoming.info import Describe

from appliance.config import Config
from appliance.wyoming_server.pcm_frames import pcm_of

ROOT = "appliance/kitchen"
CLIPS = ("kitchen_light", "machine_fast", "timer_slow", "living_room_noise")
SETTLE_S = 3.0


def used_mb(process: psutil.Process) -> float:
    """Resident memory of a process and its children."""
    family = [process, *process.children(recursive=True)]
    return sum(one.memory_info().rss for one in family) / 1e6


def measured(folder: Path, doors: dict[str, dict[str, Any]]) -> tuple[float, float]:
    """MB after the work, and after use of the doors, which are sections of config.toml."""
    with (
        Mosquitto(folder / "broker") as broker,
        MqttClient(broker.port, f"{ROOT}/response/#") as asker,
        DaemonProcess(
            folder,
            Config().models_directory,
            mqtt={"host": "127.0.0.1", "port": broker.port},
            **doors,
        ) as daemon,
    ):
        daemon.start()
        assert daemon.process is not None
        process = psutil.Process(daemon.process.pid)
        for clip in CLIPS:
            asker.publish(f"{ROOT}/request/recognize", (SAMPLES / f"{clip}.flac").read_bytes())
            while json.loads(asker.next(seconds=60).payload)["state"] == "queued":
                pass
        time.sleep(SETTLE_S)
        unused = used_mb(process)
        use(doors, daemon)
        time.sleep(SETTLE_S)
        return unused, used_mb(process)


def use(doors: dict[str, dict[str, Any]], daemon: DaemonProcess) -> None:
    """A client at each door that is a server."""
    if "listen" in doors.get("wyoming", {}):
        with WyomingClient(_port(doors, "wyoming")) as client:
            client.ask(Describe())
            for clip in CLIPS:
                client.text_of(pcm_of(sound_of(SAMPLES / f"{clip}.flac")))
    token = daemon.command("token", "add", "measure").stdout.strip()
    for door, headers in (("http", {"authorization": f"Bearer {token}"}), ("page", {})):
        if door not in doors:
            continue
        connection = http.client.HTTPConnection("127.0.0.1", _port(doors, door), timeout=60)
        connection.request("GET", "/v1/models" if door == "http" else "/", headers=headers)
        connection.getresponse().read()
        connection.close()


def _port(doors: dict[str, dict[str, Any]], door: str) -> int:
    return int(doors[door]["listen"].rpartition(":")[2])


def all_doors() -> dict[str, dict[str, Any]]:
    """Every door open on loopback; the satellite is not there."""
    listen = [f"127.0.0.1:{free_port()}" for _ in range(4)]
    return {
        "wyoming": {"listen": listen[0], "satellites": [listen[3]]},
        "http": {"listen": listen[1]},
        "page": {"listen": listen[2]},
        "sparkplug": {"group_id": "plant"},
    }


def main() -> None:
    """Print both, in turn."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--each", action="store_true", help="also each door alone")
    parser.add_argument("--by-pause", action="store_true", help="listening.by_meaning = false")
    arguments = parser.parse_args()
    by_pause = {"listening": {"trigger": "off", "by_meaning": False}}
    common: dict[str, dict[str, Any]] = by_pause if arguments.by_pause else {}
    kinds: dict[str, dict[str, dict[str, Any]]] = {"none": {}, "all": all_doors()}
    if arguments.each:
        kinds |= {name: {name: keys} for name, keys in all_doors().items()}
    found: dict[str, list[tuple[float, float]]] = {name: [] for name in kinds}
    for number in range(arguments.rounds):
        for name, doors in kinds.items():
            with tempfile.TemporaryDirectory() as folder:
                (Path(folder) / "owner").mkdir()
                found[name].append(measured(Path(folder) / "owner", {**common, **doors}))
            unused, used = found[name][-1]
            print(f"round {number + 1}, {name}: {unused:.1f} MB, used {used:.1f} MB", flush=True)
    none = statistics.median(unused for unused, _ in found.pop("none"))
    for name, figures in found.items():
        unused, used = (statistics.median(column) - none for column in zip(*figures, strict=True))
        print(f"{name}: {unused:.1f} MB more, {used:.1f} MB more after use (medians)")


if __name__ == "__main__":
    main()
