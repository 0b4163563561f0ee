"""Malformed payloads: each is answered with an error or counted, and memory does not grow.

    PYTHONPATH=.:tests python -m endurance.mqtt_malformed [--payloads 10000 | --minutes 60]
        [--seed 1]

They go through a real mosquitto to the MQTT stack: random bytes, valid requests with random
changes, and a corpus of known bad payloads. Exit status 1 if one is not accounted for.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil
from support.mosquitto import Mosquitto
from support.mqtt_client import MqttClient
from support.mqtt_stack import ROOT, MqttStack, settings
from support.waiting import until

if TYPE_CHECKING:
    from collections.abc import Iterator

OPERATIONS = (
    *("transcribe", "recognize", "parse", "command", "answer", "cancel", "confirm", "options"),
    *("check", "say", "x", "é" * 50),
)

BATCH = 100

CORPUS: tuple[bytes, ...] = (
    b"",
    b"{",
    b"{}",
    b"[]",
    b"null",
    b"\x00",
    b"\xff\xfe",
    b"{" * 5000,
    b'{"text":' + b"[" * 5000,
    b'{"text": "\\ud800"}',
    b'{"text": 1e999}',
    b'{"text": "a", "text": "b", "text": 7}',
    b'{"text": "a", "timeout_s": NaN}',
    b'{"text": "a", "timeout_s": -1}',
    b'{"text": "a", "timeout_s": 1e308}',
    b'{"text": "a", "priority": 1e2}',
    b'{"text": "a", "reply_to": "a/#"}',
    b'{"text": "a", "reply_to": "$SYS/x"}',
    b'{"text": "a", "reply_to": "appliance/kitchen/request/parse"}',
    b'{"text": "a", "reply_to": "\\u0000"}',
    b'{"text": "' + b"a" * 20_000 + b'"}',
    b'{"audio": "' + b"A" * 20_001 + b'"}',
    b'{"audio": "\xc3\x28"}',
    b'{"id": {}}',
    b'{"log_level": ["debug"]}',
    b"RIFF\xff\xff\xff\xffWAVEfmt ",
    b"fLaC\x00\x00\x00\x22",
    b"OggS" + b"\x00" * 100,
)

VALID: tuple[dict[str, Any], ...] = (
    {"text": "hello", "transaction": "t", "timeout_s": 5, "priority": 3},
    {"audio": "UklGRg==", "transaction": 7},
    {"id": "t"},
    {"log_level": "debug"},
)


def payloads(number: int, chance: random.Random) -> Iterator[bytes]:
    """Yield so many payloads, the same for the same random source."""
    for _ in range(number):
        kind = chance.randrange(4)
        if kind == 0:
            yield chance.choice(CORPUS)
        elif kind == 1:
            yield chance.randbytes(chance.randrange(200))
        else:
            yield _damaged(json.dumps(chance.choice(VALID)).encode(), chance)


def _damaged(payload: bytes, chance: random.Random) -> bytes:
    """Return a payload with some of its bytes changed, lost or doubled."""
    damaged = bytearray(payload)
    for _ in range(chance.randrange(1, 4)):
        place = chance.randrange(len(damaged))
        what = chance.randrange(3)
        if what == 0:
            damaged[place] = chance.randrange(256)
        elif what == 1 and len(damaged) > 1:
            del damaged[place]
        else:
            damaged[place:place] = damaged[place : place + 20]
    return bytes(damaged)


def live(
    directory: Path, number: int, seed: int = 1, minutes: float | None = None
) -> dict[str, Any]:
    """Send them; `unanswered` is 0 if each got an answer, on any topic."""
    chance = random.Random(seed)  # noqa: S311
    process = psutil.Process()
    states: dict[str, int] = {}
    memory: list[float] = []
    with (
        Mosquitto(directory / "broker", lines=("max_queued_messages 0",)) as broker,
        MqttClient(broker.port, "#") as asker,
        MqttStack(settings(directory, broker.port)) as stack,
    ):
        until(lambda: stack.mqtt.health().subscribed, "no subscription")
        sent = answered = 0
        if minutes is not None:
            number = sys.maxsize
        end = time.monotonic() + 60 * (minutes or 0.0)
        for payload in payloads(number, chance):
            asker.send(f"{ROOT}/request/{chance.choice(OPERATIONS)}", payload)
            sent += 1
            if sent % BATCH and sent != number:
                continue
            while answered < sent:
                heard = asker.next(seconds=30)
                state = _state_of(heard.topic, heard.payload)
                if state is not None:
                    states[state] = states.get(state, 0) + 1
                    answered += 1
            memory.append(process.memory_info().rss / 1e6)
            if minutes is not None and time.monotonic() > end:
                break
        health = stack.mqtt.health()
    return {
        "payloads": sent,
        "unanswered": sent - answered,
        "states": states,
        "left_in_inbox": health.inbox_rows,
        "overrun": health.overrun,
        "unsaid": health.unsaid,
        "memory_mb": [round(memory[len(memory) // 4], 1), round(memory[-1], 1)],
    }


def _state_of(topic: str, payload: bytes) -> str | None:
    """Return the state of an answer; None for every other message."""
    if topic.startswith(f"{ROOT}/") and not topic.startswith(f"{ROOT}/response/"):
        return None
    try:
        answer = json.loads(payload)
    except ValueError:
        return None
    if not isinstance(answer, dict) or answer.get("state") in (None, "queued"):
        return None
    return str(answer.get("reason") or answer["state"])


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--payloads", type=int, default=10_000)
    parser.add_argument("--minutes", type=float, help="so long, in place of --payloads")
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as directory:
        counts = live(Path(directory), arguments.payloads, arguments.seed, arguments.minutes)
    print(json.dumps(counts, indent=1))
    return 1 if counts["unanswered"] or counts["left_in_inbox"] else 0


if __name__ == "__main__":
    sys.exit(main())
