"""The process is killed and the power is cut, again and again, while it works; nothing is lost."""

from __future__ import annotations

import contextlib
import functools
import json
import os
import random
import re
import shutil
import signal
import sqlite3
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.daemon_process import DaemonProcess
from support.mosquitto import Mosquitto
from support.mqtt_client import MqttClient
from support.waiting import until

pytestmark = pytest.mark.long

ROOT = "appliance/kitchen"

KILLS = int(os.environ.get("APPLIANCE_KILLS", "3"))
"""More of them: docs/contributing.md."""

LONGEST_S = 60 + 40 * KILLS

SEED = int(os.environ.get("APPLIANCE_SEED", "7"))


class NumberedRequester:
    """Sends requests that no two have in common, and knows which the appliance accepted."""

    def __init__(self, client: MqttClient) -> None:
        self._client = client
        self._sent = 0
        self.accepted: set[str] = set()
        self.done: set[str] = set()

    def send(self, *, wait: bool = True) -> None:
        self._sent += 1
        self._ask(self._sent, wait=wait)

    def _ask(self, number: int, *, wait: bool) -> None:
        request = {"text": f"stop machine {1 + number % 9}", "transaction": f"job-{number}"}
        send = self._client.publish if wait else self._client.send
        send(f"{ROOT}/request/parse", json.dumps(request))

    def burst(self, number: int) -> None:
        """Send many at once, and wait for the first to be accepted."""
        before = len(self.accepted)
        for _ in range(number):
            self.send(wait=False)

        def begun() -> bool:
            self.listen()
            return len(self.accepted) > before

        until(begun, "no request was accepted")

    def listen(self) -> None:
        while not self._client.heard.empty():
            answer = json.loads(self._client.heard.get().payload)
            if answer["state"] == "queued":
                self.accepted.add(answer["transaction"])
            elif answer.get("reason") == "busy":  # not accepted
                assert answer["transaction"] not in self.accepted
            else:
                assert answer["state"] == "done", answer
                assert answer["result"]["outcome"] == "intent"
                self.done.add(answer["transaction"])

    def all_accepted_done(self) -> bool:
        """Whether everything has been answered that was said to be accepted."""
        self.listen()
        return self.accepted <= self.done

    def ask_again(self) -> None:
        """What was told `busy`, or whose `busy` died with the appliance before it was sent."""
        for number in range(1, self._sent + 1):
            if not self._is_done(number):
                self._ask(number, wait=True)
                until(functools.partial(self._is_done, number), f"job-{number} was not answered")

    def _is_done(self, number: int) -> bool:
        self.listen()
        return f"job-{number}" in self.done

    def all_done(self) -> bool:
        """Whether everything has been answered that the broker took from us."""
        self.listen()
        return len(self.done) == self._sent


def is_sound(journal: Path) -> bool:
    with contextlib.closing(sqlite3.connect(journal)) as database:
        return bool(database.execute("PRAGMA integrity_check").fetchone() == ("ok",))


@pytest.mark.timeout(LONGEST_S)
def test_kills_at_any_moment_lose_no_request(tmp_path: Path, models_directory: Path) -> None:
    chance = random.Random(SEED)  # noqa: S311 - of moments, not of secrets
    with (
        Mosquitto(tmp_path / "broker", persistent=True) as broker,
        MqttClient(broker.port, f"{ROOT}/response/#") as client,
        DaemonProcess(
            tmp_path, models_directory, mqtt={"host": "127.0.0.1", "port": broker.port}
        ) as daemon,
    ):
        requester = NumberedRequester(client)
        daemon.start()
        for _ in range(KILLS):
            until_killed = time.monotonic() + chance.uniform(0.0, 1.0)
            while time.monotonic() < until_killed:
                requester.send()
            daemon.kill()
            requester.send()  # and one that the broker keeps while nobody is there
            # It opens at once, says what happened, and no file is half written.
            daemon.start()
            assert not list(daemon.state.rglob("*.new"))
        until(requester.all_accepted_done, "not every request was answered", 60)
        requester.ask_again()
        assert requester.all_done()
        assert daemon.said().count("the previous run did not stop cleanly: it was killed") == KILLS
        assert daemon.stop()[0] == 0
    assert is_sound(daemon.state / "journal.db")


@pytest.fixture
def card(tmp_path: Path) -> Iterator[Path]:
    """An ext4 file system in a file: what is in the file is what a power cut would leave."""
    if os.geteuid() != 0 or shutil.which("mkfs.ext4") is None:
        pytest.skip("only root, with e2fsprogs, can make a file system in a file")
    image, mount = tmp_path / "card.img", tmp_path / "card"
    image.write_bytes(b"")
    os.truncate(image, 24 << 20)
    subprocess.run(["mkfs.ext4", "-q", "-F", str(image)], check=True)
    mount.mkdir()
    # Nothing reaches the card by itself in the time of a test: only what was told to.
    words = ["mount", "-o", "loop,commit=300", str(image), str(mount)]
    if subprocess.run(words, check=False, capture_output=True).returncode != 0:
        pytest.skip("this machine does not let root mount a loop device")
    try:
        yield mount
    finally:
        subprocess.run(["umount", "--lazy", str(mount)], check=True)


@pytest.mark.timeout(LONGEST_S)
def test_a_power_cut_loses_nothing_that_was_accepted(
    tmp_path: Path, models_directory: Path, card: Path
) -> None:
    chance = random.Random(SEED)  # noqa: S311 - of moments, not of secrets
    with contextlib.ExitStack() as house:
        broker = house.enter_context(Mosquitto(tmp_path / "broker"))
        client = house.enter_context(MqttClient(broker.port, f"{ROOT}/response/#"))
        daemon = house.enter_context(
            DaemonProcess(
                tmp_path, models_directory, mqtt={"host": "127.0.0.1", "port": broker.port}
            )
        )
        # Half of the queue is the share of one requester, and none of a burst must be refused here.
        daemon.write(
            device={"state_directory": str(card / "state")}, requests={"maximum_waiting": 200}
        )
        daemon.start()
        requester = NumberedRequester(client)
        waited = 0
        for number in range(KILLS):
            # Given requests of which some are accepted (the requester was told), some answered
            requester.burst(60)
            time.sleep(chance.uniform(0.0, 0.05))
            # When the power is cut: the card holds what it held at that moment, and no more
            daemon.signal(signal.SIGSTOP)
            time.sleep(0.5)  # what it has published is with the requester by now
            requester.listen()
            cut = tmp_path / f"cut-{number}.img"
            shutil.copyfile(tmp_path / "card.img", cut)
            daemon.signal(signal.SIGCONT)
            # Then it opens elsewhere, and holds each that was accepted and is not answered yet
            place = tmp_path / f"cut-{number}"
            place.mkdir()
            subprocess.run(["mount", "-o", "loop", str(cut), str(place)], check=True)
            try:
                held = remembered(place / "state" / "journal.db")
            finally:
                subprocess.run(["umount", str(place)], check=True)
            assert requester.accepted - requester.done <= held
            waited += len(requester.accepted - requester.done)
            until(requester.all_done, "not every request was answered", 60)
        assert waited, "nothing waited at any cut: the test has shown nothing"


def remembered(journal: Path) -> set[str]:
    """The transactions that a journal holds: as work, or as an answer that waits for the broker."""
    assert is_sound(journal)
    with contextlib.closing(sqlite3.connect(journal)) as database:
        waiting = {name for (name,) in database.execute("SELECT transaction_id FROM inbox")}
        answers = b"".join(
            bytes(sent) for (sent,) in database.execute("SELECT payload FROM outbox")
        )
    return waiting | {found.decode() for found in re.findall(rb"job-\d+", answers)}
