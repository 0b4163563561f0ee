"""1, 2 and 4 boards on one queue: requests a second, the share of each, and one killed meanwhile.

    APPLIANCE_MODELS=... PYTHONPATH=.:tests python -m endurance.boards
        [--boards 1 2 4] [--requests 2000] [--clients 16] [--session-expiry 86400]

All are processes on this machine, so more boards are faster only while it has idle cores. With
more than one, the first is killed (SIGKILL) after a third of the requests. The broker keeps giving
it its share until its session ends; what it would have had is asked again, with the same id. Exit
status 1 if a request has no answer or a wrong one.
"""

from __future__ import annotations

import argparse
import collections
import contextlib
import json
import os
import sys
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from support.daemon_process import DaemonProcess
from support.mosquitto import Mosquitto
from support.mqtt_client import MqttClient

from appliance.client import Client

QUEUE = "plant/voice"


def live(directory: Path, models: Path, boards: int, asked: argparse.Namespace) -> dict[str, Any]:
    """One run with so many boards; rates and shares before and after the kill."""
    requests: int = asked.requests
    with contextlib.ExitStack() as plant:
        broker = plant.enter_context(Mosquitto(directory / "broker", persistent=True))
        daemons = []
        for number in range(boards):
            folder = directory / f"board{number}"
            folder.mkdir()
            mqtt = {"host": "127.0.0.1", "port": broker.port, "group": "g", "group_root": QUEUE}
            mqtt["session_expiry_s"] = asked.session_expiry
            daemon = DaemonProcess(folder, models, device={"name": f"board{number}"}, mqtt=mqtt)
            daemons.append(plant.enter_context(daemon).start())
        results = plant.enter_context(MqttClient(broker.port, "appliance/+/result"))
        client = plant.enter_context(
            Client("127.0.0.1", broker.port, root=QUEUE, resend_after_s=2.0)
        )
        killed = threading.Event()
        began = time.monotonic()
        with ThreadPoolExecutor(asked.clients) as askers:
            work = [
                askers.submit(client.parse, "stop machine three", 120.0) for _ in range(requests)
            ]
            while boards > 1 and not killed.is_set():
                if sum(one.done() for one in work) >= requests // 3:
                    killed_at = time.monotonic()
                    before = _shares(results)
                    daemons[0].kill()
                    killed.set()
                time.sleep(0.02)
            answers = [_slots(one) for one in work]
        ended = time.monotonic()
        after = _shares(results)
    told: dict[str, Any] = {
        "boards": boards,
        "answered": sum(slots is not None for slots in answers),
        "wrong": sum(slots not in (None, {"machine": 3}) for slots in answers),
    }
    if boards == 1:
        return told | {"requests a second": round(requests / (ended - began), 1)}
    rest = requests - requests // 3
    return told | {
        "requests a second with all": round(requests // 3 / (killed_at - began), 1),
        "requests a second with one less": round(rest / (ended - killed_at), 1),
        "shares with all": before,
        "shares after the kill": after,
    }


def _slots(asked: Any) -> dict[str, Any] | None:
    try:
        slots: dict[str, Any] = asked.result()["intent"]["slots"]
    except Exception:  # noqa: BLE001  (no answer)
        return None
    return slots


def _shares(results: MqttClient) -> dict[str, int]:
    counted: collections.Counter[str] = collections.Counter()
    while not results.heard.empty():
        counted[results.heard.get().topic.split("/")[1]] += 1
    return dict(sorted(counted.items()))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--boards", type=int, nargs="+", default=[1, 2, 4])
    parser.add_argument("--requests", type=int, default=2000)
    parser.add_argument("--clients", type=int, default=16)
    parser.add_argument("--session-expiry", type=int, default=86400, metavar="SECONDS")
    arguments = parser.parse_args()
    if "APPLIANCE_MODELS" not in os.environ:
        parser.error("APPLIANCE_MODELS is not set; it is the folder of the models")
    models, bad = Path(os.environ["APPLIANCE_MODELS"]), 0
    for boards in arguments.boards:
        with tempfile.TemporaryDirectory() as directory:
            told = live(Path(directory), models, boards, arguments)
        print(json.dumps(told), flush=True)
        bad += told["answered"] != arguments.requests or told["wrong"] > 0
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
