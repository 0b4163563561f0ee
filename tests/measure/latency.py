"""From the last sound of a sentence to the message, through a virtual microphone.

    PYTHONPATH=.:tests APPLIANCE_MODELS=... python -m measure.latency [--rounds 3] [--threads 1]
    PYTHONPATH=.:tests APPLIANCE_MODELS=... python -m measure.latency --orders 60

The shipped samples, or recorded orders of coffee, of which it is counted how many were cut off. The
same sentences twice: ended by their meaning, and by the pause alone. The clock starts when the
microphone has brought the last sound with speech in it, and stops at the subscriber.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import queue
import shutil
import statistics
import tempfile
import time
import wave
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
from brokers import Client, Mosquitto
from owner import SAMPLES, Owner
from sound import Room, room

from appliance import manifest
from appliance.values import SAMPLE_RATE
from measure.recordings import coffee_orders
from measure.recordings import folder as recordings_folder

ROOT = "appliance/kitchen"

LOUD = 0.03
"""Share of a recording's peak; what comes after the last sound so loud is silence."""


def result_of(client: Client, seconds: float) -> tuple[float, dict[str, Any]] | None:
    """The next result, and when it came, in Unix seconds."""
    with contextlib.suppress(queue.Empty):
        message = client.heard.get(timeout=seconds)
        age = time.monotonic() - message.at  # it may have come while the clip still played
        return time.time() - age, dict(json.loads(message.payload))
    return None


def orders(folder: Path, number: int) -> dict[Path, dict[str, Any]]:
    """Recorded orders, without the silence behind them, and the slots that each asks for."""
    made = {}
    for index, (spoken, slots) in enumerate(coffee_orders(recordings_folder())[:number]):
        loud = np.flatnonzero(np.abs(spoken) > LOUD * np.abs(spoken).max())
        path = folder / f"order{index}.wav"
        with wave.open(str(path), "wb") as file:
            file.setnchannels(1)
            file.setsampwidth(2)
            file.setframerate(SAMPLE_RATE)
            file.writeframes((spoken[: loud[-1] + SAMPLE_RATE] * 32767).astype("<i2").tobytes())
        made[path] = slots
    return made


def delays(
    place: Room, home: Client, clips: dict[Path, dict[str, Any]], rounds: int
) -> tuple[list[float], int]:
    """Milliseconds of each sentence that was understood, and how many were not what was said."""
    found: list[float] = []
    missed = 0
    for _ in range(rounds):
        for clip, slots in clips.items():
            while result_of(home, 0.1):
                pass  # of the sound before
            place.play(clip)
            heard = result_of(home, 20.0)
            if heard is None or (heard[1]["intent"] or {}).get("slots") != slots:
                missed += 1
                print(f"{clip.stem}: {heard and heard[1]['text']!r}", flush=True)
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
    parser.add_argument("--orders", type=int, default=0)
    arguments = parser.parse_args()
    models = Path(os.environ["APPLIANCE_MODELS"])
    lines = manifest.read(SAMPLES / "manifest.jsonl")
    clips = {SAMPLES / one.audio: dict(one.slots) for one in lines if one.audio and one.intent}
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
            if arguments.orders:
                clips = orders(Path(name), arguments.orders)
                (Path(name) / "intents").mkdir()
                shutil.copy(Path(__file__).parent / "coffee.yaml", Path(name) / "intents")
                owner.write(sentences={"folder": f"{name}/intents"})
            owner.environment = place.environment
            owner.start()
            time.sleep(4.0)  # a null sink takes two to bring its first sound
            rounds = 1 if arguments.orders else arguments.rounds
            found, missed = delays(place, home, clips, rounds)
            ordered = sorted(found)
            if not ordered:
                print("nothing was understood")
                continue
            print(
                f"{'by meaning' if by_meaning else 'by the pause alone':18} {len(found)} heard, "
                f"median {statistics.median(ordered):.0f} ms, "
                f"95 % within {ordered[int(0.95 * (len(ordered) - 1))]:.0f} ms, "
                f"{missed} not what was said",
                flush=True,
            )


if __name__ == "__main__":
    main()
