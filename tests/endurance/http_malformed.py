"""Malformed and broken-off HTTP connections: nothing of them is left, and memory does not grow.

    PYTHONPATH=.:tests python -m endurance.http_malformed [--connections 1000] [--minutes 60]

They go to a real appliance with its models, on loopback, with a valid token: random bytes, valid
requests with random changes, and requests that break off in the middle. `/v1/models` is answered
after every hundred. Exit status 1 if a connection hangs, or if a thread, a file or more than 10 MB
are left. With --minutes it goes on for so long, whatever the number.
"""

from __future__ import annotations

import argparse
import http.client
import json
import random
import sys
import tempfile
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psutil
from support.daemon_process import SAMPLES, DaemonProcess
from support.free_port import free_port

from appliance.config import Config
from appliance.http_server.server import THREADS
from endurance.wyoming_malformed import BATCH, Left, attack, check, report, settled, spoiled

WARM = 3
"""Batches after which models, buffers and threads of the server are warm."""


def request(path: str, token: str, body: bytes, *headers: str) -> bytes:
    lines = [f"POST {path} HTTP/1.1", "Host: x", f"Authorization: Bearer {token}"]
    lines += [f"Content-Length: {len(body)}", *headers, "", ""]
    return "\r\n".join(lines).encode() + body


def form(recording: bytes) -> bytes:
    part = b'--b\r\nContent-Disposition: form-data; name="%s"%s\r\n\r\n%s\r\n'
    fields = part % (b"model", b"", b"whisper-1")
    return fields + part % (b"file", b'; filename="a.flac"', recording) + b"--b--\r\n"


def conversation(recording: bytes, token: str, chance: random.Random) -> bytes:
    """Some requests on one connection, as a client should send them."""
    chat = {"messages": [{"role": "user", "content": "Hello."}], "stream": chance.random() < 0.5}
    kind = "Content-Type: multipart/form-data; boundary=b"
    sent = [
        f"GET /v1/models HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\n\r\n".encode(),
        request("/v1/chat/completions", token, json.dumps(chat).encode()),
        request("/v1/audio/speech", token, b'{"input": "Hello."}'),
        request("/v1/audio/transcriptions", token, form(recording), kind),
    ]
    chance.shuffle(sent)
    return b"".join(sent[: chance.randrange(1, len(sent) + 1)])


def is_served(port: int, token: str) -> bool:
    """Whether a client that does nothing wrong gets its answer."""
    client = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    client.request("GET", "/v1/models", headers={"authorization": f"Bearer {token}"})
    served = client.getresponse().status == http.client.OK
    client.close()
    return served


def main() -> int:
    """Run them; the exit status."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--connections", type=int, default=1_000)
    parser.add_argument("--minutes", type=float, default=0.0)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    chance = random.Random(arguments.seed)  # noqa: S311
    with tempfile.TemporaryDirectory() as folder:
        port = free_port()
        with DaemonProcess(
            Path(folder),
            Config().models_directory,
            http={"listen": f"127.0.0.1:{port}"},
            mqtt={"embedded_port": free_port()},
        ) as daemon:
            daemon.start()
            assert daemon.process is not None
            token = daemon.command("token", "add", "endurance").stdout.strip()
            process = psutil.Process(daemon.process.pid)
            outcomes = rounds(process, port, token, chance, arguments)
            status = daemon.stop()[0]
            bugs = daemon.said().count("because of a bug")
    return report(outcomes, bugs, status)


def rounds(
    process: psutil.Process,
    port: int,
    token: str,
    chance: random.Random,
    arguments: argparse.Namespace,
) -> Counter[str]:
    """All connections in batches, and their ends. AssertionError if something is left."""
    recording = (SAMPLES / "kitchen_light.flac").read_bytes()
    # The server starts its threads on demand, each with a file of its own: all of them now.
    with ThreadPoolExecutor(4 * THREADS) as clients:
        assert all(clients.map(lambda _: is_served(port, token), range(40 * THREADS)))
    end = time.monotonic() + 60 * arguments.minutes
    outcomes, number, before = Counter[str](), 0, Left(0, 0, 0.0)
    while number < arguments.connections or time.monotonic() < end:
        sent = spoiled(conversation(recording, token, chance), chance)
        outcomes[attack(port, sent, chance)] += 1
        number += 1
        if number % BATCH:
            continue
        assert is_served(port, token)
        now = settled(process, port)
        print(f"{number}: {now}", flush=True)
        if number <= WARM * BATCH:
            before = now
        check(process, now, before)
    return outcomes


if __name__ == "__main__":
    sys.exit(main())
