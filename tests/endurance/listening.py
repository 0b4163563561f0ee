"""A running appliance in a room where the sound comes and goes, and session after session.

    PYTHONPATH=.:tests python -m endurance.listening --minutes 30
    PYTHONPATH=.:tests python -m endurance.listening --sessions 1000

The first takes the sound server away and brings it back, with silence, clipping and other rates in
between, and asks for a sentence to be understood after every return. The second starts listening
again and again and compares threads, open files and memory with those after a warm-up.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import queue
import random
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from support.daemon_process import SAMPLES, DaemonProcess
from support.mosquitto import Mosquitto
from support.mqtt_client import MqttClient
from support.virtual_microphone import SINK, VirtualMicrophone, virtual_microphone

ROOT = "appliance/kitchen"
SENTENCE = SAMPLES / "kitchen_light.flac"
WARM_UP = 10
"""Sessions after which nothing may grow any more."""

MOST_GROWTH_MB = 20.0


@dataclass(frozen=True)
class ProcessUsage:
    """What a process holds."""

    threads: int
    files: int
    memory_mb: float

    @classmethod
    def of(cls, process: int) -> ProcessUsage:
        """Of a running process."""
        status = Path(f"/proc/{process}/status").read_text("ascii")
        fields = dict(line.split(":", 1) for line in status.splitlines() if ":" in line)
        return cls(
            threads=int(fields["Threads"]),
            files=len(list(Path(f"/proc/{process}/fd").iterdir())),
            memory_mb=int(fields["VmRSS"].split()[0]) / 1024,
        )


class PromiseBroken(Exception):
    """What was promised did not come."""


def told(client: MqttClient, topic: str, wanted: Any, seconds: float) -> dict[str, Any]:
    """The next message of a topic that is as wanted; the others are let go."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        with contextlib.suppress(queue.Empty):
            message = client.heard.get(timeout=0.2)
            payload = json.loads(message.payload) if message.topic.startswith(topic) else None
            if payload is not None and wanted(payload):
                return dict(payload)
    raise PromiseBroken(f"nothing as wanted on {topic} in {seconds:g} s")


def understood(microphone: VirtualMicrophone, home: MqttClient, recording: Path = SENTENCE) -> None:
    """Say a sentence; up to three times, since the first may fall into the microphone's return."""
    for _ in range(3):
        microphone.play(recording)
        with contextlib.suppress(PromiseBroken):
            told(home, f"{ROOT}/result", lambda one: one["outcome"] == "intent", 20)
            return
    raise PromiseBroken("the sentence was not understood")


def other_forms(folder: Path) -> dict[str, Path]:
    """The sentence at other rates, and far too loud."""
    made = {
        "8 kHz": ["-r", "8000"],
        "44.1 kHz": ["-r", "44100"],
        "clipped": ["-r", "48000"],
    }
    paths = {}
    for name, form in made.items():
        path = folder / f"{name.replace(' ', '_')}.wav"
        louder = ["gain", "30"] if name == "clipped" else []
        subprocess.run(["sox", "-G", str(SENTENCE), *form, str(path), *louder], check=False)
        if path.exists():
            paths[name] = path
    return paths


def interrupted(
    microphone: VirtualMicrophone, home: MqttClient, daemon: DaemonProcess, minutes: float
) -> None:
    """Trouble of every kind, in any order; the same order each time."""
    chance = random.Random(7)  # noqa: S311 (no secret)
    sounds = other_forms(microphone.folder)
    end, rounds, slowest = time.monotonic() + minutes * 60, 0, 0.0
    understood(microphone, home)
    while time.monotonic() < end or rounds < 2:
        rounds += 1
        microphone.stop()
        told(home, f"{ROOT}/health", lambda one: one["microphone"] == "lost", 10)
        time.sleep(chance.uniform(0.0, 8.0))
        began = time.monotonic()
        microphone.start()
        told(home, f"{ROOT}/health", lambda one: one["microphone"] in ("ok", "silent"), 60)
        slowest = max(slowest, time.monotonic() - began)
        understood(microphone, home)
        kind = chance.choice(["silence", "mute", *sounds])
        if kind == "silence":
            time.sleep(chance.uniform(3.0, 10.0))
        elif kind == "mute":
            muted(microphone, "1")
            told(home, f"{ROOT}/health", lambda one: one["microphone"] == "silent", 20)
            muted(microphone, "0")
        else:
            microphone.play(sounds[kind])
        understood(microphone, home)
        if daemon.ended():
            raise PromiseBroken("the appliance ended: " + daemon.said()[-2000:])
        print(f"round {rounds}: gone and back, {kind}: heard", flush=True)
    print(f"{rounds} interruptions, none missed; slowest return {slowest:.1f} s")


def muted(microphone: VirtualMicrophone, on: str) -> None:
    """At the sound server."""
    words = ["pactl", "set-source-mute", f"{SINK}.monitor", on]
    subprocess.run(words, env=microphone.environment, check=True)


def opening(home: MqttClient) -> tuple[dict[str, Any], int]:
    """Ask to listen; the answer, and how often it was a refusal before.

    On a machine that stood still, the microphone is lost for a moment.
    """
    for refused in range(6):
        home.publish(f"{ROOT}/request/listen", b"")
        answer = told(home, f"{ROOT}/response/listen", lambda _: True, 20)
        if answer["state"] == "done":
            return answer, refused
        time.sleep(3.0)
    raise PromiseBroken(f"listening does not start: {answer}")


def sessions(
    microphone: VirtualMicrophone, home: MqttClient, daemon: DaemonProcess, number: int
) -> None:
    """Start listening again and again; every tenth time somebody says something."""
    assert daemon.process is not None
    told(home, f"{ROOT}/health", lambda one: (one["sound"] or {}).get("level"), 30)
    first: ProcessUsage | None = None
    refused = 0
    for index in range(number):
        if index == WARM_UP:
            first = ProcessUsage.of(daemon.process.pid)
        opened, again = opening(home)
        refused += again
        if index % 10 == 0:
            microphone.play(SENTENCE)
        wanted = opened["data"]["id"]
        told(home, f"{ROOT}/result", lambda one, id_=wanted: one["id"] == id_, 30)
        if index % 50 == 0:
            print(f"session {index}: {ProcessUsage.of(daemon.process.pid)}", flush=True)
    last = ProcessUsage.of(daemon.process.pid)
    print(f"after {WARM_UP} sessions {first}, after {number} {last}; refused {refused} times")
    if first is None:
        return
    grown = last.memory_mb - first.memory_mb
    if last.threads > first.threads or last.files > first.files or grown > MOST_GROWTH_MB:
        raise PromiseBroken("something leaks")


def live(minutes: float | None, number: int | None) -> None:
    """Start a broker, a room and the appliance, and do what was asked."""
    models = Path(os.environ["APPLIANCE_MODELS"])
    with (
        tempfile.TemporaryDirectory() as name,
        Mosquitto(Path(name) / "broker") as broker,
        virtual_microphone(Path(name)) as microphone,
        MqttClient(broker.port, f"{ROOT}/result", f"{ROOT}/health", f"{ROOT}/response/#") as home,
        DaemonProcess(
            Path(name),
            models,
            mqtt={"host": "127.0.0.1", "port": broker.port},
            listening={"trigger": "request" if number else "always", "wait_s": 1.0},
        ) as daemon,
    ):
        daemon.environment = microphone.environment
        daemon.start()
        if number:
            sessions(microphone, home, daemon, number)
        else:
            interrupted(microphone, home, daemon, minutes or 1.0)
        if daemon.stop()[0] != 0:
            raise PromiseBroken("it did not stop well")


def main() -> int:
    """1 where something was missed or leaks."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--minutes", type=float)
    parser.add_argument("--sessions", type=int)
    arguments = parser.parse_args()
    try:
        live(arguments.minutes, arguments.sessions)
    except PromiseBroken as trouble:
        print(trouble, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
