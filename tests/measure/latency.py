"""From the last sound of a sentence to the message, through a virtual microphone.

    PYTHONPATH=.:tests APPLIANCE_MODELS=... python -m measure.latency [--rounds 3] [--threads 1]

The same sentences twice: ended by their meaning, and by the pause alone. The clock starts when the
microphone has brought the last sound with speech in it, and stops at the subscriber.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import queue
import statistics
import tempfile
import time
from datetime import datetime
from pathlib import Path
from typing import Any

from brokers import Client, Mosquitto
from owner import SAMPLES, Owner
from sound import Room, room

from appliance import manifest

ROOT = "appliance/kitchen"


def result_of(client: Client, seconds: float) -> tuple[float, dict[str, Any]] | None:
    """The next result, and when it came, in Unix seconds."""
    with contextlib.suppress(queue.Empty):
        message = client.heard.get(timeout=seconds)
        return time.time(), dict(json.loads(message.payload))
    return None


def delays(place: Room, home: Client, clips: list[Path], rounds: int) -> tuple[list[float], int]:
    """Milliseconds of each sentence that was understood, and how many were not."""
    found: list[float] = []
    missed = 0
    for _ in range(rounds):
        for clip in clips:
            place.play(clip)
            heard = result_of(home, 20.0)
            if heard is None or heard[1]["outcome"] != "intent":
                missed += 1
                continue
            came, result = heard
            at = datetime.fromisoformat(result["at"]).timestamp()
            way = max(0.0, came - at) * 1000
            found.append(result["timings_ms"]["total_after_speech"] + way)
            time.sleep(0.5)
    return found, missed


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=1)
    arguments = parser.parse_args()
    models = Path(os.environ["APPLIANCE_MODELS"])
    lines = manifest.read(SAMPLES / "manifest.jsonl")
    clips = [SAMPLES / line.audio for line in lines if line.audio and line.intent]
    for by_meaning in (True, False):
        with (
            tempfile.TemporaryDirectory() as name,
            Mosquitto(Path(name) / "broker") as broker,
            room(Path(name)) as place,
            Client(broker.port, f"{ROOT}/result") as home,
            Owner(
                Path(name),
                models,
                mqtt={"host": "127.0.0.1", "port": broker.port},
                listening={"trigger": "always", "by_meaning": by_meaning},
            ) as owner,
        ):
            owner.write(device={"threads": arguments.threads})
            owner.environment = place.environment
            owner.start()
            time.sleep(4.0)  # a null sink takes two to bring its first sound
            found, missed = delays(place, home, clips, arguments.rounds)
            ordered = sorted(found)
            if not ordered:
                print("nothing was understood")
                continue
            print(
                f"{'by meaning' if by_meaning else 'by the pause alone':18} {len(found)} heard, "
                f"median {statistics.median(ordered):.0f} ms, "
                f"95 % within {ordered[int(0.95 * (len(ordered) - 1))]:.0f} ms, "
                f"{missed} not understood",
                flush=True,
            )


if __name__ == "__main__":
    main()
