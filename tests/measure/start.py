"""From the start to READY, and the memory of all the appliance's processes after it has worked.

PYTHONPATH=.:tests APPLIANCE_MODELS=... python -m measure.start [--starts 5]

With speech alone and with the language model. The first start compiles the sentences and reads
the prompt; the others find both on disk. The samples are spoken into a microphone, and where there
is a language model it answers a question. What processes share is charged to each in part (PSS).
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import tempfile
import time
from pathlib import Path

import psutil
from support.daemon_process import DaemonProcess
from support.mosquitto import Mosquitto
from support.mqtt_client import MqttClient
from support.virtual_microphone import SINK, virtual_microphone
from support.waiting import until

HERE = Path(__file__).parents[2] / "appliance/samples"

SAMPLES = sorted(path for path in HERE.glob("*.flac") if path.stem != "silence")

ROOT = "appliance/kitchen"


def megabytes(daemon: DaemonProcess) -> dict[str, float]:
    """The daemon and its children: what is theirs alone counts whole."""
    assert daemon.process is not None
    process = psutil.Process(daemon.process.pid)
    children = process.children(recursive=True)
    return {
        "daemon": round(process.memory_full_info().pss / 2**20),
        "children": round(sum(child.memory_full_info().pss for child in children) / 2**20),
        "resident": round(sum(one.memory_info().rss for one in (process, *children)) / 2**20),
    }


def speak(place: dict[str, str], client: MqttClient) -> None:
    for sample in SAMPLES:
        while not client.heard.empty():
            client.heard.get()
        subprocess.run(["paplay", f"--device={SINK}", sample], env=place, check=True)
        until(lambda: not client.heard.empty(), f"nothing came of {sample.name}", 60)


def measured(folder: Path, models: Path, starts: int, *, writes: bool) -> dict[str, object]:
    folder.mkdir()
    with (
        Mosquitto(folder / "broker") as broker,
        MqttClient(broker.port, f"{ROOT}/result", f"{ROOT}/response/#") as client,
        virtual_microphone(folder) as place,
        DaemonProcess(
            folder,
            models,
            mqtt={"host": "127.0.0.1", "port": broker.port},
            listening={"trigger": "always"},
            language_model={"enabled": writes},
        ) as daemon,
    ):
        daemon.environment = place.environment
        seconds = []
        for number in range(starts + 1):
            began = time.monotonic()
            daemon.start()
            seconds.append(time.monotonic() - began)
            if number < starts:
                daemon.stop()
        idle = megabytes(daemon)
        speak(place.environment, client)
        if writes:
            client.publish(f"{ROOT}/request/answer", json.dumps({"text": "Tell me of the sea."}))
            until(lambda: not client.heard.empty(), "no answer came", 60)
        return {
            "first_start_s": round(seconds[0], 2),
            "start_s": round(statistics.median(seconds[1:]), 2),
            "mb_at_ready": idle,
            "mb_after_work": megabytes(daemon),
        }


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--starts", type=int, default=5)
    starts = parser.parse_args().starts
    models = Path(os.environ["APPLIANCE_MODELS"])
    with tempfile.TemporaryDirectory() as name:
        for what, writes in (("speech", False), ("speech and language model", True)):
            figures = measured(Path(name) / f"{writes}", models, starts, writes=writes)
            print(json.dumps({what: figures}), flush=True)


if __name__ == "__main__":
    main()
