"""Malformed and broken-off Wyoming connections: nothing of them is left, and memory does not grow.

    python -m endurance.wyoming_malformed [--connections 1000 | --minutes 60] [--seed 1]

They go to a real appliance with its models, on loopback: random bytes, valid streams with random
changes, and streams that break off in the middle. A ping is answered after every hundred. Exit
status 1 if a connection is not ended, or if a thread, a file or more than 10 MB are left.
"""

from __future__ import annotations

import argparse
import itertools
import json
import random
import socket
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import NamedTuple

import psutil
from support.daemon_process import SAMPLES, DaemonProcess
from support.free_port import free_port
from support.recordings import sound_of
from support.wyoming_client import WyomingClient
from wyoming.ping import Ping

from appliance.config import Config
from appliance.wyoming_server.pcm_frames import pcm_of

BATCH = 100
END_S = 30.0
"""Within which a connection must have been ended, or been answered."""

MOST_MB = 10.0

LEFT, HUNG = "left by the client at once", "hung"


class Left(NamedTuple):
    """What a process has."""

    threads: int
    files: int
    mb: float

    @classmethod
    def of(cls, process: psutil.Process) -> Left:
        return cls(process.num_threads(), process.num_fds(), process.memory_info().rss / 1e6)

    def __str__(self) -> str:
        return f"{self.threads} threads, {self.files} files, {self.mb:.1f} MB"


def frame(kind: str, data: dict[str, object], payload: bytes = b"") -> bytes:
    header = {"type": kind, "data": data, "payload_length": len(payload)}
    return json.dumps(header).encode() + b"\n" + payload


def stream(pcm: bytes, chance: random.Random) -> bytes:
    """A whole conversation, as a client should have it."""
    form: dict[str, object] = {"rate": 16_000, "width": 2, "channels": 1}
    sent = [frame("describe", {}), frame("ping", {"text": "x"})]
    asked: dict[str, object] = {"language": "en"}
    if chance.random() < 0.1:
        asked["transcript_names"] = [f"lamp {chance.randrange(1000)}" for _ in range(50)]
    sent.append(frame("transcribe", asked) + frame("audio-start", form))
    size = chance.randrange(200, 8_000)
    pieces = [pcm[start : start + size] for start in range(0, len(pcm), size)]
    sent += [frame("audio-chunk", form, piece) for piece in pieces]
    sent.append(frame("audio-stop", {}))
    sent += [frame(kind, {"text": "turn on the light"}) for kind in ("transcript", "recognize")]
    sent += [frame("synthesize", {"text": "Hello."}), frame("detect", {"names": ["okay_nabu"]})]
    if chance.random() < 0.2:
        chance.shuffle(sent)
    return b"".join(sent)


def spoiled(whole: bytes, chance: random.Random) -> bytes:
    """The stream with a few random changes, or cut, or in its place random bytes."""
    kind = chance.randrange(4)
    if kind == 0:
        return chance.randbytes(chance.randrange(1, 5_000))
    if kind == 1:
        return whole[: chance.randrange(len(whole))]
    changed = bytearray(whole)
    for _ in range(chance.randrange(1, 6)):
        if not changed:
            break
        place = chance.randrange(len(changed))
        if kind == 2:
            changed[place] = chance.randrange(256)
        else:
            del changed[place : place + chance.randrange(1, 50)]
    return bytes(changed)


def attack(port: int, sent: bytes, chance: random.Random) -> str:
    """One connection; what became of it: a key of the counts that are printed at the end."""
    answered = False
    with socket.create_connection(("127.0.0.1", port), timeout=END_S) as client:
        try:
            client.sendall(sent)
            if chance.random() < 0.5:
                return LEFT
            client.shutdown(socket.SHUT_WR)
            while client.recv(65_536):
                answered = True
        except TimeoutError:
            return HUNG
        except OSError:
            pass  # ended by the server
    return "answered and closed" if answered else "closed without an answer"


def report(outcomes: Counter[str], bugs: int, status: int) -> int:
    """Print what became of all connections; the exit status."""
    counts = ", ".join(f"{count} {kind}" for kind, count in sorted(outcomes.items()))
    print(f"{outcomes.total()} connections: {counts}")
    print(f"{outcomes[HUNG]} connections hung, {bugs} bugs in the log, exit status {status}")
    return int(bool(outcomes[HUNG] or bugs or status))


def main() -> int:
    """Run them; the exit status."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--connections", type=int, default=1_000)
    parser.add_argument("--minutes", type=float, default=0.0, help="in place of a number")
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    chance = random.Random(arguments.seed)  # noqa: S311
    pcm = pcm_of(sound_of(SAMPLES / "kitchen_light.flac"))
    models = Config().models_directory
    with tempfile.TemporaryDirectory() as folder:
        port = free_port()
        with DaemonProcess(
            Path(folder),
            models,
            wyoming={"listen": f"127.0.0.1:{port}"},
            mqtt={"embedded_port": free_port()},
        ) as daemon:
            daemon.start()
            assert daemon.process is not None
            process = psutil.Process(daemon.process.pid)
            outcomes = rounds(process, port, pcm, arguments, chance)
            status = daemon.stop()[0]
            bugs = daemon.said().count("because of a bug")
    return report(outcomes, bugs, status)


def rounds(
    process: psutil.Process,
    port: int,
    pcm: bytes,
    arguments: argparse.Namespace,
    chance: random.Random,
) -> Counter[str]:
    """All connections in batches, and their ends. AssertionError if something is left."""
    outcomes, before = Counter[str](), Left(0, 0, 0.0)
    until = time.monotonic() + 60 * arguments.minutes
    for number in itertools.count():
        if time.monotonic() > until if arguments.minutes else number >= arguments.connections:
            break
        outcomes[attack(port, spoiled(stream(pcm, chance), chance), chance)] += 1
        if number % BATCH != BATCH - 1:
            continue
        with WyomingClient(port) as client:
            assert client.ask(Ping(text="x")).type == "pong"
        now = settled(process, port)
        print(f"{number + 1}: {now}", flush=True)
        if number < 2 * BATCH:
            before = now  # the models and the buffers are warm after the first
        check(process, now, before)
    return outcomes


def settled(process: psutil.Process, port: int) -> Left:
    """What the appliance has, after its last connection was closed here, too."""
    end = time.monotonic() + END_S
    while time.monotonic() < end:
        left = [one for one in process.net_connections("tcp") if one.status != "LISTEN"]
        if not any(one.laddr.port == port for one in left):
            break
        time.sleep(0.1)
    time.sleep(0.5)
    return Left.of(process)


def check(process: psutil.Process, now: Left, before: Left) -> None:
    """AssertionError if more is left than before, and still after END_S: work may go on."""
    end = time.monotonic() + END_S
    while (now.threads > before.threads or now.files > before.files) and time.monotonic() < end:
        time.sleep(0.5)
        now = Left.of(process)
    files = [str(one.readlink()) for one in Path(f"/proc/{process.pid}/fd").iterdir()]
    assert now.threads <= before.threads, f"threads are left: {before} and {now}"
    assert now.files <= before.files, f"files are left: {before} and {now}: {sorted(files)}"
    assert now.mb < before.mb + MOST_MB, f"memory grows: {before} and {now}"


if __name__ == "__main__":
    sys.exit(main())
