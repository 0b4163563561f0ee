"""Commands and recordings while everything fails: each is answered, once, and with what was asked.

    APPLIANCE_MODELS=... PYTHONPATH=.:tests python -m endurance.independent_load
        [--commands 10000] [--recordings 200] [--fault-every-s 6] [--seed 1] [--limit-min 60]

It shares no code with the appliance or its tests: paho, a mosquitto, a relay for the network, and
`python -m appliance run`. Root is needed, for a small disk (tmpfs) as state directory. Faults come
at random, also two at once: kill -9 of daemon, of its child processes and of the broker; the
network cut or silent; the disk full; the daemon stopped as a sleeping board is (SIGSTOP). The
requester sends again what has no answer, with the same id, as the documentation asks it to. Exit
status 1 if one is lost, done twice, or answered with something else than was asked.
"""

from __future__ import annotations

import argparse
import collections
import contextlib
import json
import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil
from paho.mqtt import client as paho
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

REPOSITORY = Path(__file__).parents[2]
RECORDINGS = ("kitchen_light", "machine_fast", "timer_slow", "time_other_voice")
ROOT, OWN = "appliance/load", "appliance-clients/load"
SENTENCES = """\
language: en
intents:
  PressButton:
    data:
      - sentences: ["press button {number} [now]"]
lists:
  number: {range: {from: 0, to: 999}}
"""
OUTSTANDING = 40
RESEND_S, BUSY_S = 12.0, 1.0
DISK_MB = 12
FINAL = ("done", "failed", "expired", "cancelled")


def free_port() -> int:
    """A port of loopback that is free now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Relay(threading.Thread):
    """The network between daemon and broker: passes bytes, or cuts, or is silent."""

    def __init__(self, to_port: int) -> None:
        super().__init__(daemon=True)
        self.port = free_port()
        self._to_port = to_port
        self._listening = socket.create_server(("127.0.0.1", self.port))
        self._open: list[socket.socket] = []
        self.closed = False
        """No new connection."""
        self.silent = threading.Event()

    def run(self) -> None:
        while True:
            mine, _ = self._listening.accept()
            if self.closed:
                mine.close()
                continue
            try:
                theirs = socket.create_connection(("127.0.0.1", self._to_port), 2)
            except OSError:
                mine.close()
                continue
            theirs.settimeout(None)
            self._open = [mine, theirs]
            for one, other in ((mine, theirs), (theirs, mine)):
                threading.Thread(target=self._pass, args=(one, other), daemon=True).start()

    def cut(self) -> None:
        """Close what is open."""
        for one in self._open:
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)

    def _pass(self, source: socket.socket, target: socket.socket) -> None:
        with contextlib.suppress(OSError), source, target:
            while data := source.recv(65_536):
                while self.silent.is_set():
                    time.sleep(0.05)
                target.sendall(data)


class Machines:
    """The broker and the daemon, each started again after it was killed."""

    def __init__(self, folder: Path, models: str) -> None:
        self._folder = folder
        self.broker_port = free_port()
        self.relay = Relay(self.broker_port)
        self.relay.start()
        self.state = folder / "state"
        self.state.mkdir()
        subprocess.run(
            ["mount", "-t", "tmpfs", "-o", f"size={DISK_MB}m", "tmpfs", self.state], check=True
        )
        (folder / "sentences").mkdir()
        (folder / "sentences" / "load.yaml").write_text(SENTENCES)
        (folder / "config.toml").write_text(
            f'[device]\nname = "load"\nstate_directory = "{self.state}"\n'
            f'models_directory = "{models}"\n[listening]\ntrigger = "off"\n'
            f'[sentences]\nfolder = "{folder / "sentences"}"\n[language_model]\nenabled = false\n'
            f'[mqtt]\nhost = "127.0.0.1"\nport = {self.relay.port}\nkeepalive_s = 5\n'
        )
        (folder / "mosquitto.conf").write_text(
            f"listener {self.broker_port} 127.0.0.1\nallow_anonymous true\nuser root\n"
            f"persistence true\npersistence_location {folder}/\nautosave_interval 1\n"
            "autosave_on_changes true\nmax_queued_messages 0\n"
        )
        self._over = threading.Event()
        self.starts: collections.Counter[str] = collections.Counter()
        self._running: dict[str, subprocess.Popen[bytes]] = {}
        mosquitto = shutil.which("mosquitto", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
        self._commands = {
            "broker": [mosquitto or "mosquitto", "-c", str(folder / "mosquitto.conf")],
            "daemon": [
                *(sys.executable, "-m", "appliance", "run"),
                *("--config", str(folder / "config.toml")),
            ],
        }
        for name in self._commands:
            threading.Thread(target=self._keep, args=(name,), daemon=True).start()

    def _keep(self, name: str) -> None:
        while not self._over.is_set():
            with (self._folder / f"{name}.log").open("ab") as log:
                running = subprocess.Popen(
                    self._commands[name], stdout=log, stderr=log, cwd=REPOSITORY
                )
            self._running[name] = running
            self.starts[name] += 1
            running.wait()
            time.sleep(0.5)

    def process(self, name: str) -> psutil.Process | None:
        """A running one."""
        with contextlib.suppress(psutil.Error, KeyError):
            return psutil.Process(self._running[name].pid)
        return None

    def log(self) -> str:
        """What the daemon said."""
        return (self._folder / "daemon.log").read_text(errors="replace")

    def end(self) -> None:
        """End both, and remove the disk."""
        self._over.set()
        for running in self._running.values():
            running.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                running.wait(15)
            running.kill()
        subprocess.run(["umount", "-l", self.state], check=False)


class Faults:
    """One fault after another; the next may begin while one lasts."""

    def __init__(self, machines: Machines, seed: int, every_s: float) -> None:
        self._machines, self._every_s = machines, every_s
        self._chance = random.Random(seed)  # noqa: S311  (no secret)
        self._over = threading.Event()
        self.done: collections.Counter[str] = collections.Counter()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """No more; what lasts is put right."""
        self._over.set()
        self._thread.join()
        time.sleep(0.1)

    def _run(self) -> None:
        kinds = (
            *(self._kill_daemon, self._kill_children, self._kill_broker, self._cut),
            *(self._silence, self._fill_disk, self._stop_clock),
        )
        while not self._over.wait(self._chance.expovariate(1 / self._every_s)):
            for kind in self._chance.sample(kinds, self._chance.choice((1, 1, 2, 3))):
                self.done[kind.__name__.strip("_")] += 1
                threading.Thread(target=self._guarded, args=(kind,), daemon=True).start()

    def _guarded(self, kind: Any) -> None:
        with contextlib.suppress(psutil.Error):
            kind()

    def _lasts(self, longest_s: float) -> None:
        self._over.wait(self._chance.uniform(0.3, longest_s))

    def _kill_daemon(self) -> None:
        if daemon := self._machines.process("daemon"):
            children = daemon.children(recursive=True)
            daemon.kill()
            for child in children:  # as a power cut does
                with contextlib.suppress(psutil.Error):
                    child.kill()

    def _kill_children(self) -> None:
        if daemon := self._machines.process("daemon"):
            for child in daemon.children(recursive=True):
                child.kill()

    def _kill_broker(self) -> None:
        if broker := self._machines.process("broker"):
            broker.kill()

    def _cut(self) -> None:
        relay = self._machines.relay
        relay.closed = True
        relay.cut()
        self._lasts(5)
        relay.closed = False

    def _silence(self) -> None:
        self._machines.relay.silent.set()
        self._lasts(10)
        self._machines.relay.silent.clear()

    def _fill_disk(self) -> None:
        filler = self._machines.state / "filler"
        with contextlib.suppress(OSError), filler.open("wb") as file:
            while True:
                file.write(bytes(65_536))
                file.flush()
        self._lasts(6)
        filler.unlink(missing_ok=True)

    def _stop_clock(self) -> None:
        if daemon := self._machines.process("daemon"):
            daemon.suspend()
            self._lasts(12)
            daemon.resume()


@dataclass
class SentRequest:
    """One request, and all that came back for it."""

    operation: str
    payload: bytes
    number: int | None
    sent_at: float = 0.0
    sendings: int = 0
    states: list[str] = field(default_factory=list)
    results: set[str] = field(default_factory=set)
    wrong: str = ""

    @property
    def answered(self) -> bool:
        """Whether a last answer has come."""
        return any(state in FINAL for state in self.states)


class Requester:
    """Sends requests, again if there is no answer, and notes every answer and every intent."""

    def __init__(self, port: int, asked: dict[str, SentRequest]) -> None:
        self._asked = asked
        self._lock = threading.Lock()
        self.intents: collections.Counter[str] = collections.Counter()
        self.unknown = 0
        self._paho = paho.Client(
            CallbackAPIVersion.VERSION2, client_id="load", protocol=paho.MQTTv5
        )
        self._paho.reconnect_delay_set(1, 1)
        self._paho.on_connect = lambda client, *_: client.subscribe(
            [(OWN, 1), (f"{ROOT}/intent/+", 1)]
        )
        self._paho.on_message = self._note
        session = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]
        session.SessionExpiryInterval = 3600
        self._paho.connect_async(
            "127.0.0.1", port, keepalive=10, clean_start=False, properties=session
        )
        self._paho.loop_start()

    def run(self, limit_s: float) -> None:
        """Until each is answered, or the time is over."""
        end = time.monotonic() + limit_s
        waiting = collections.deque(self._asked)
        out: set[str] = set()
        while (waiting or out) and time.monotonic() < end:
            with self._lock:
                out = {name for name in out if not self._asked[name].answered}
            while waiting and len(out) < OUTSTANDING and self._paho.is_connected():
                name = waiting.popleft()
                out.add(name)
                self._send(name)
            now = time.monotonic()
            for name in out:
                one = self._asked[name]
                busy = bool(one.states) and one.states[-1] == "rejected"
                if now - one.sent_at > (BUSY_S if busy else RESEND_S):
                    self._send(name)
            time.sleep(0.01)

    def end(self) -> None:
        """Disconnect."""
        self._paho.disconnect()
        self._paho.loop_stop()

    def _send(self, name: str) -> None:
        one = self._asked[name]
        one.sent_at, one.sendings = time.monotonic(), one.sendings + 1
        if not self._paho.is_connected():
            return
        properties = Properties(PacketTypes.PUBLISH)  # type: ignore[no-untyped-call]
        properties.ResponseTopic = OWN
        properties.CorrelationData = name.encode()
        topic = f"{ROOT}/request/{one.operation}"
        self._paho.publish(topic, one.payload, 1, properties=properties)

    def _note(self, _client: Any, _userdata: Any, message: paho.MQTTMessage) -> None:
        told = json.loads(message.payload)
        if message.topic != OWN:
            self.intents[told["id"]] += 1
            return
        with self._lock:
            one = self._asked.get(told["transaction"])
            if one is None:
                self.unknown += 1
                return
            one.states.append(told["state"])
            result = told.get("result")
            if result is not None:
                one.results.add(result["id"])
                intent = result.get("intent") or {}
                if one.number is not None and intent.get("slots") != {"number": one.number}:
                    one.wrong = f"{told['state']} {result.get('reason')} {intent}"


def requests(commands: int, recordings: int, seed: int) -> dict[str, SentRequest]:
    """Commands and recordings, mixed."""
    folder = REPOSITORY / "appliance" / "samples"
    sound = [(folder / f"{name}.flac").read_bytes() for name in RECORDINGS]
    made = [
        SentRequest("command", f"press button {n % 1000}".encode(), n % 1000)
        for n in range(commands)
    ]
    made += [SentRequest("transcribe", sound[n % len(sound)], None) for n in range(recordings)]
    random.Random(seed).shuffle(made)  # noqa: S311  (no secret)
    return {f"request-{number}": one for number, one in enumerate(made)}


def summary(asked: dict[str, SentRequest], requester: Requester) -> dict[str, Any]:
    """What became of all."""
    done_commands = {
        identity
        for one in asked.values()
        if one.operation == "command"
        for identity in one.results
        if "done" in one.states
    }
    last = collections.Counter(
        next((state for state in one.states if state in FINAL), "none") for one in asked.values()
    )
    return {
        "sent": len(asked),
        "sendings": sum(one.sendings for one in asked.values()),
        "told busy": sum(one.states.count("rejected") for one in asked.values()),
        "first last answers": dict(last),
        "lost": sum(not one.answered for one in asked.values()),
        "done twice (two results for one request)": sum(
            len(one.results) > 1 for one in asked.values()
        ),
        "wrong": [one.wrong for one in asked.values() if one.wrong][:20],
        "answers of nobody": requester.unknown,
        "intents": len(requester.intents),
        "intents of no answer": len(set(requester.intents) - done_commands),
        "intents that the broker lost": len(done_commands - set(requester.intents)),
    }


def run(arguments: argparse.Namespace) -> dict[str, Any]:
    """All of it; what became of the requests."""
    asked = requests(arguments.commands, arguments.recordings, arguments.seed)
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as directory:
        machines = Machines(Path(directory), os.environ["APPLIANCE_MODELS"])
        try:
            requester = Requester(machines.broker_port, asked)
            faults = Faults(machines, arguments.seed, arguments.fault_every_s)
            threading.Thread(target=_end_faults, args=(asked, faults), daemon=True).start()
            requester.run(arguments.limit_min * 60)
            time.sleep(5)  # a second answer would come now
            requester.end()
            told = summary(asked, requester)
            told |= {"faults": dict(faults.done), "starts": dict(machines.starts)}
            told["minutes"] = round((time.monotonic() - began) / 60, 1)
            lines = machines.log().splitlines()
            told["tracebacks"] = sum(line.startswith("Traceback") for line in lines)
            if told["lost"] or told["tracebacks"]:
                told["log"] = lines[-40:]
        finally:
            machines.end()
    return told


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--commands", type=int, default=10_000)
    parser.add_argument("--recordings", type=int, default=200)
    parser.add_argument("--fault-every-s", type=float, default=6.0)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--limit-min", type=float, default=60.0)
    arguments = parser.parse_args()
    if "APPLIANCE_MODELS" not in os.environ:
        parser.error("APPLIANCE_MODELS is not set; it is the folder of the models")
    told = run(arguments)
    print(json.dumps(told, indent=1))
    bad = ("lost", "done twice (two results for one request)", "wrong", "intents of no answer")
    return 1 if any(told[key] for key in bad) else 0


def _end_faults(asked: dict[str, SentRequest], faults: Faults) -> None:
    """Faults until all but the last are answered, so that the last ones can be."""
    few = max(5, len(asked) // 50)
    while sum(not one.answered for one in asked.values()) > few:
        time.sleep(1)
    faults.stop()


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    sys.exit(main())
