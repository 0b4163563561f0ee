"""From the last sound of a sentence to the message, through a virtual microphone.

    PYTHONPATH=.:tests APPLIANCE_MODELS=... python -m measure.latency [--rounds 3] [--threads 1]
    PYTHONPATH=.:tests APPLIANCE_MODELS=... python -m measure.latency --home [or --spoken]
    PYTHONPATH=.:tests APPLIANCE_MODELS=... python -m measure.latency --orders 60 [--first 0]

The shipped samples, commands recorded at home, commands of two to four seconds by synthetic voices,
or recorded orders of coffee, of which it is counted
how many were cut off. The same sentences twice: ended by their meaning, and by the pause alone. The
clock is a second listener's, who has nothing to do with the appliance and hears the room in pieces
of ten milliseconds: it starts when the last loud sample came, and stops at the subscriber.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import queue
import shutil
import statistics
import subprocess
import tempfile
import threading
import time
import wave
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from support.daemon_process import SAMPLES, DaemonProcess
from support.mosquitto import Mosquitto
from support.mqtt_client import MqttClient
from support.virtual_microphone import SINK, VirtualMicrophone, virtual_microphone

from appliance.evaluation import manifest
from appliance.sentences.sentence_set import load
from appliance.values import SAMPLE_RATE
from measure.recordings import Sound, coffee_orders
from measure.recordings import folder as recordings_folder
from measure.voices import pico

ROOT = "appliance/kitchen"

LOUD = 0.03
"""Share of an order's peak; what comes after the last sound so loud is left out, but a second."""

PIECE, QUIETER = SAMPLE_RATE // 100, 25.0
"""Speech is over behind the last ten milliseconds that are at most so many decibels below the
loudest ones: room and recorder may be heard before and behind it."""

SHORT, LONG = 2.0, 4.0
"""Seconds from the first loud sample to the last of the commands that the aim is about."""


HOME = {
    "set_timer": "HassStartTimer",
    "what_time_is_it": "HassGetCurrentTime",
    "whats_the_date_today": "HassGetCurrentDate",
}
"""Those of the commands recorded at home that are sentences of the starter set."""


@dataclass(frozen=True)
class SpokenClip:
    """A sentence as it is said, and what is to come of it."""

    path: Path
    intent: str
    slots: dict[str, Any] | None

    def is_met_by(self, result: dict[str, Any]) -> bool:
        """Whether a result is what was said."""
        found = result["intent"] or {"name": None, "slots": None}
        same = self.slots is None or found["slots"] == self.slots
        return bool(found["name"] == self.intent and same)


class RoomRecorder:
    """Hears the room, too, and notes when each sample came."""

    def __init__(self, microphone: VirtualMicrophone) -> None:
        self._heard: list[tuple[float, Sound]] = []
        self._recorder = subprocess.Popen(
            [
                *("parec", f"--device={SINK}.monitor", "--latency-msec=10", "--raw"),
                *("--format=s16le", f"--rate={SAMPLE_RATE}", "--channels=1"),
            ],
            env=microphone.environment,
            stdout=subprocess.PIPE,
        )
        threading.Thread(target=self._hear, daemon=True).start()

    def _hear(self) -> None:
        pipe: Any = self._recorder.stdout
        while piece := pipe.read1(1 << 16):
            samples = np.frombuffer(piece[: len(piece) // 2 * 2], "<i2")
            self._heard.append((time.monotonic(), samples.astype(np.float32)))

    def loud(self, since: float, until: float) -> tuple[float, float]:
        """When the first and the last loud sound came between two moments."""
        heard = [(at, one) for at, one in self._heard if since <= at <= until and len(one)]
        samples = np.concatenate([one for _, one in heard])
        times = np.concatenate(
            [at - np.arange(len(one) - 1, -1, -1) / SAMPLE_RATE for at, one in heard]
        )
        whole = len(samples) // PIECE * PIECE
        power = np.square(samples[:whole]).reshape(-1, PIECE).mean(axis=1)
        loud = np.flatnonzero(power > power.max() * 10 ** (-QUIETER / 10))
        return float(times[loud[0] * PIECE]), float(times[loud[-1] * PIECE + PIECE - 1])

    def close(self) -> None:
        """Hear no more."""
        self._recorder.kill()
        self._recorder.wait()


SPOKEN = (
    "set the brightness of the bedroom light to fifty percent",
    "dim the lights in the living room to thirty percent",
    "change the color of the bedroom light to blue",
    "set the living room lights to forty percent",
    "set a timer for one hour and thirty minutes",
    "cancel the timer for fifteen minutes",
    "how much time is left on the timer",
    "what is the temperature in the living room",
)
"""Sentences of the starter set that take two to four seconds to say."""


def result_of(client: MqttClient, seconds: float) -> tuple[float, dict[str, Any]] | None:
    """The next result, and when it came by time.monotonic()."""
    with contextlib.suppress(queue.Empty):
        message = client.heard.get(timeout=seconds)
        return message.at, dict(json.loads(message.payload))
    return None


def orders(folder: Path, first: int, number: int) -> list[SpokenClip]:
    """Recorded orders, without the silence behind them."""
    made = []
    spoken = coffee_orders(recordings_folder())[first : first + number]
    for index, (samples, slots) in enumerate(spoken, first):
        path = kept(samples, folder / f"order{index}.wav")
        made.append(SpokenClip(path, "OrderDrink", slots))
    return made


def by_voices(folder: Path) -> list[SpokenClip]:
    """Commands of two to four seconds, each by two synthetic voices."""
    sentences = load(None, "en")
    made = []
    for voice in ("en-US", "en-GB"):
        for number, text in enumerate(SPOKEN):
            intent = sentences.parse(text)
            if intent is None:
                raise SystemExit(f"this is no sentence of the starter set any more: {text}")
            path = kept(pico(text, voice, speed=0.9), folder / f"spoken_{voice}_{number}.wav")
            made.append(SpokenClip(path, intent.name, dict(intent.slots)))
    return made


def kept(samples: Sound, path: Path) -> Path:
    """A file of the sound to one second behind the last loud sample."""
    loud = np.flatnonzero(np.abs(samples) > LOUD * np.abs(samples).max())
    until = loud[-1] + SAMPLE_RATE
    whole = np.pad(samples[:until], (0, max(0, until - len(samples))))
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(SAMPLE_RATE)
        file.writeframes((whole * 32767).astype("<i2").tobytes())
    return path


def at_home() -> list[SpokenClip]:
    """Commands that people said at home."""
    return [SpokenClip(recordings_folder() / "home" / f"{k}.wav", v, None) for k, v in HOME.items()]


def samples_of_ours() -> list[SpokenClip]:
    """The shipped samples that are sentences."""
    lines = manifest.read(SAMPLES / "manifest.jsonl")
    return [
        SpokenClip(SAMPLES / one.audio, one.intent, dict(one.slots))
        for one in lines
        if one.audio and one.intent
    ]


@dataclass
class LatencyTally:
    """What came of some sentences."""

    all_ms: list[float] = field(default_factory=list)
    of_two_to_four_seconds_ms: list[float] = field(default_factory=list)
    missed: int = 0

    def __str__(self) -> str:
        told = ", ".join(
            f"{len(some)} {name}: median {statistics.median(some):.0f} ms, "
            f"95 % within {sorted(some)[int(0.95 * (len(some) - 1))]:.0f} ms"
            for name, some in (
                ("heard", self.all_ms),
                ("of 2 to 4 s", self.of_two_to_four_seconds_ms),
            )
            if some
        )
        return f"{told}, {self.missed} not what was said"


def say_all(
    microphone: VirtualMicrophone, home: MqttClient, clips: list[SpokenClip], *, told: bool
) -> LatencyTally:
    """Say each; the milliseconds of those that were understood."""
    tally = LatencyTally()
    witness = RoomRecorder(microphone)
    time.sleep(4.0)  # a null sink takes two to bring its first sound
    for clip in clips:
        while result_of(home, 0.1):
            pass  # of the sound before
        began = time.monotonic()
        microphone.play(clip.path)
        heard = result_of(home, 20.0)
        if heard is None or not clip.is_met_by(heard[1]):
            tally.missed += 1
            print(f"{clip.path.stem}: {heard and heard[1]['text']!r}", flush=True)
            continue
        came, result = heard
        first, last = witness.loud(began, came)
        delay = (came - last) * 1000
        tally.all_ms.append(delay)
        if SHORT <= last - first <= LONG:
            tally.of_two_to_four_seconds_ms.append(delay)
        if told:
            print(f"{clip.path.stem} {last - first:.1f} s {delay:.0f} ms {result['text']}")
        time.sleep(0.5)
    witness.close()
    return tally


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--home", action="store_true", help="commands recorded at home")
    parser.add_argument("--spoken", action="store_true", help="commands of two to four seconds")
    parser.add_argument("--orders", type=int, default=0, help="so many orders of coffee")
    parser.add_argument("--first", type=int, default=0, help="from this order on")
    parser.add_argument("--way", choices=("meaning", "pause"), help="one of the two ways only")
    parser.add_argument("--each", action="store_true", help="tell each of them")
    arguments = parser.parse_args()
    for way in ("meaning", "pause"):
        if arguments.way not in (None, way):
            continue
        with (
            tempfile.TemporaryDirectory() as name,
            Mosquitto(Path(name) / "broker") as broker,
            virtual_microphone(Path(name)) as microphone,
            MqttClient(broker.port, f"{ROOT}/result") as home,
            DaemonProcess(
                Path(name),
                Path(os.environ["APPLIANCE_MODELS"]),
                mqtt={"host": "127.0.0.1", "port": broker.port},
                listening={"trigger": "always", "by_meaning": way == "meaning"},
            ) as daemon,
        ):
            daemon.write(device={"threads": arguments.threads})
            if arguments.orders:
                clips = orders(Path(name), arguments.first, arguments.orders)
                (Path(name) / "intents").mkdir()
                shutil.copy(Path(__file__).parent / "coffee.yaml", Path(name) / "intents")
                daemon.write(sentences={"folder": f"{name}/intents"})
            elif arguments.spoken:
                clips = by_voices(Path(name))
            else:
                clips = (at_home() if arguments.home else samples_of_ours()) * arguments.rounds
            daemon.environment = microphone.environment
            daemon.start()
            tally = say_all(microphone, home, clips, told=arguments.each)
            print(f"{'by ' + way:11} {tally}", flush=True)


if __name__ == "__main__":
    main()
