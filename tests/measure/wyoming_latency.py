"""From the last sound of a sentence to the transcript, by the Wyoming protocol.

    PYTHONPATH=.:tests APPLIANCE_MODELS=... python -m measure.wyoming_latency [--spoken]
    PYTHONPATH=.:tests APPLIANCE_MODELS=... python -m measure.wyoming_latency --orders 60

The shipped samples, commands by synthetic voices, or recorded orders of coffee. A client sends each
as it is spoken, with two seconds of silence behind it, until the transcript comes. The text is then
sent back for its intent, which is compared with what was said. It also prints the memory of the
appliance without and with the server.
"""

from __future__ import annotations

import argparse
import os
import shutil
import statistics
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import psutil
from support.daemon_process import DaemonProcess
from support.free_port import free_port
from support.recordings import sound_of
from support.wyoming_client import WyomingClient
from wyoming.intent import Intent, Recognize

from appliance.values import SAMPLE_RATE
from appliance.wyoming_server.pcm_frames import pcm_of
from measure.latency import PIECE, QUIETER, by_voices, orders, samples_of_ours

if TYPE_CHECKING:
    from appliance.values import Samples
    from measure.latency import SpokenClip

SILENCE = bytes(2 * 2 * SAMPLE_RATE)


def last_sound_s(samples: Samples) -> float:
    """When the last loud sound of a recording ends; loud as in measure.latency."""
    whole = len(samples) // PIECE * PIECE
    power = np.square(samples[:whole]).reshape(-1, PIECE).mean(axis=1)
    loud = np.flatnonzero(power > power.max() * 10 ** (-QUIETER / 10))
    return float((loud[-1] + 1) * PIECE / SAMPLE_RATE)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--spoken", action="store_true", help="commands of two to four seconds")
    parser.add_argument("--orders", type=int, default=0, help="so many orders of coffee")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder, port = Path(name), free_port()
        with DaemonProcess(
            folder, Path(os.environ["APPLIANCE_MODELS"]), mqtt={"embedded_port": free_port()}
        ) as daemon:
            daemon.write(device={"threads": 1})
            if arguments.orders:
                clips = orders(folder, 0, arguments.orders)
                (folder / "intents").mkdir()
                shutil.copy(Path(__file__).parent / "coffee.yaml", folder / "intents")
                daemon.write(sentences={"folder": f"{name}/intents"})
            else:
                clips = by_voices(folder) if arguments.spoken else samples_of_ours()
            daemon.start()
            print(f"without the server: {memory_of(daemon):.1f} MB")
            daemon.stop()
            daemon.write(wyoming={"listen": f"127.0.0.1:{port}"})
            daemon.start()
            print(f"with the server, before any client: {memory_of(daemon):.1f} MB", flush=True)
            say_all(port, clips)
            print(f"with the server, after these: {memory_of(daemon):.1f} MB")


def memory_of(daemon: DaemonProcess) -> float:
    """Resident MB of the appliance."""
    assert daemon.process is not None
    return float(psutil.Process(daemon.process.pid).memory_info().rss / 1e6)


def say_all(port: int, clips: list[SpokenClip]) -> None:
    """Say each, and print how long it took."""
    delays, missed = [], 0
    for clip in clips:
        samples = sound_of(clip.path)
        with WyomingClient(port) as client:
            text, sent_s = client.speak(pcm_of(samples) + SILENCE)
            event = client.ask(Recognize(text=text))
        found: dict[str, object] = {"intent": None}
        if Intent.is_type(event.type):
            intent = Intent.from_event(event)
            slots = {one.name: one.value for one in intent.entities}
            found = {"intent": {"name": intent.name, "slots": slots}}
        if clip.is_met_by(found):
            delays.append(1000 * (sent_s - last_sound_s(samples)))
        else:
            missed += 1
            print(f"{clip.path.stem}: {text!r} is {found['intent']}", flush=True)
    late = sorted(delays)[int(0.95 * (len(delays) - 1))]
    median = statistics.median(delays)
    told = f"median {median:.0f} ms, 95 % within {late:.0f} ms"
    print(f"{len(delays)} heard: {told}, {missed} not what was said", flush=True)


if __name__ == "__main__":
    main()
