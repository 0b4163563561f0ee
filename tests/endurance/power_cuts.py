"""Timers and alarms while the power is cut again and again: all are kept, and each rings once.

    APPLIANCE_MODELS=... PYTHONPATH=.:tests python -m endurance.power_cuts
        [--cuts 100] [--timers 20] [--alarms 5] [--seed 1] [--limit-s 7200]

As root, with e2fsprogs: the state directory is on an ext4 file system in a file, to which nothing
is written by itself. A cut keeps what the file has at a random moment: writes that were not synced
are lost. The process ends, a copy of the file takes the place of the card, and the appliance starts
again under another boot id, as after a reboot; one start in five is cut, too. 20 timers and 5
alarms are set at any time, and are due at every moment of the run. At the end each that was
confirmed to its requester must have rung once. Exit status 1 if not.
"""

from __future__ import annotations

import argparse
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import uuid
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Self

from support import daemon_process
from support.daemon_process import DaemonProcess
from support.mosquitto import Mosquitto
from support.mqtt_client import MqttClient

from endurance.timers import ROOT, TimerOrders

CARD_BYTES = 24 << 20
LONGEST_ALARM_MINUTES = 4
"""The appliance must not be off when an alarm is 5 minutes late: it would be missed."""

BOOT_ID = "/proc/sys/kernel/random/boot_id"


@dataclass
class Card:
    """An ext4 file system in a file; what is in the file is what a power cut leaves."""

    folder: Path
    image: Path = field(init=False)
    mount: Path = field(init=False)

    def __post_init__(self) -> None:
        self.image, self.mount = self.folder / "card.img", self.folder / "card"

    def __enter__(self) -> Self:
        self.image.touch()
        os.truncate(self.image, CARD_BYTES)
        _run("mkfs.ext4", "-q", "-F", str(self.image))
        self.mount.mkdir()
        self.insert()
        return self

    def __exit__(self, *_: object) -> None:
        _run("umount", "--lazy", str(self.mount))

    def insert(self) -> None:
        """Mount it; the kernel writes nothing by itself for longer than the time between cuts."""
        _run("mount", "-o", "loop,commit=300", str(self.image), str(self.mount))

    def cut(self, daemon: DaemonProcess) -> None:
        """Cut the power of a board: keep what the card holds now, end the process, insert it."""
        daemon.signal(signal.SIGSTOP)
        kept = self.image.with_suffix(".kept")
        _run("cp", "--sparse=always", str(self.image), str(kept))
        daemon.kill()
        _run("umount", str(self.mount))
        kept.replace(self.image)
        self.insert()


@dataclass
class Boots:
    """Starts the appliance in a mount namespace in which the boot has an id of its own."""

    folder: Path

    def into(self, daemon: DaemonProcess) -> None:
        """Let `daemon` start so."""
        script = self.folder / "python"
        bind = f"mount --bind {self.folder / 'boot_id'} {BOOT_ID}"
        lines = ["#!/bin/sh", "set -e", bind, f'exec {sys.executable} "$@"']
        inside = self.folder / "inside"
        inside.write_text("\n".join(lines) + "\n", "utf-8")
        script.write_text(
            f'#!/bin/sh\nexec unshare --mount --propagation private {inside} "$@"\n', "utf-8"
        )
        for one in (script, inside):
            one.chmod(0o755)
        daemon.python = str(script)
        self.again()

    def again(self) -> None:
        """Another boot."""
        (self.folder / "boot_id").write_text(f"{uuid.uuid4()}\n", "utf-8")


@dataclass
class TimerAndAlarmOrders(TimerOrders):
    """Timers, and alarms at a time of day."""

    alarms: set[str] = field(default_factory=set)
    """TimerAndAlarmOrders that are alarms."""

    def order_alarm(self) -> None:
        """Ask for one more alarm, at the beginning of a minute."""
        minutes = self.chance.randint(1, LONGEST_ALARM_MINUTES)
        at = datetime.now() + timedelta(minutes=minutes)  # noqa: DTZ005 (a time of day is local)
        self.alarms.add(self.next_number())
        self.order(f"set an alarm for {at.hour}:{at.minute:02d}")

    def running_alarms(self) -> int:
        """How many alarms run, or were asked for."""
        return sum(
            number in self.waiting or self.started[number] not in self.rung
            for number in self.alarms
        )


@dataclass
class PowerCuts:
    """The run."""

    daemon: DaemonProcess
    card: Card
    boots: Boots
    orders: TimerAndAlarmOrders
    timers: int
    alarms: int
    end: float

    def run(self, cuts: int) -> None:
        """Cut the power so often, then wait until all have rung."""
        done = 0
        while done < cuts:
            starting = self.orders.chance.random() < 0.2
            self.daemon.start(ready=not starting)
            self._fill()
            self.orders.listen(self.orders.chance.uniform(0.2, 8.0))
            if self.daemon.ended():
                raise SystemExit("the appliance ended by itself: " + self.daemon.said()[-2000:])
            self.card.cut(self.daemon)
            self.boots.again()
            done += 1
            alarms = self.orders.running_alarms()
            rung = len(self.orders.rung)
            print(
                f"cut {done}: {self.orders.running() - alarms} timers and {alarms} alarms are set, "
                f"{rung} have rung",
                flush=True,
            )
            if time.monotonic() > self.end:
                raise SystemExit("the time is over")
        self.daemon.start()
        while self.orders.running() and time.monotonic() < self.end:
            self.orders.listen(1.0)
        if self.orders.running():
            raise SystemExit("the time is over before all were due")
        self.orders.listen(5.0)  # a second ring would come now

    def _fill(self) -> None:
        while self.orders.running_alarms() < self.alarms:
            self.orders.order_alarm()
        while self.orders.running() < self.timers + self.alarms:
            self.orders.order()


def _run(*words: str) -> None:
    subprocess.run(words, check=True)


def main() -> int:
    """1 if a timer or an alarm was lost, or rang twice."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--cuts", type=int, default=100)
    parser.add_argument("--timers", type=int, default=20)
    parser.add_argument("--alarms", type=int, default=5)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--limit-s", type=float, default=7200.0)
    asked = parser.parse_args()
    if os.geteuid() != 0 or shutil.which("mkfs.ext4") is None:
        raise SystemExit("only root, with e2fsprogs, can make a file system in a file")
    daemon_process.START_SECONDS = 300.0  # nothing here is about speed, and the machine may be busy
    topics = (f"{ROOT}/response/command", f"{ROOT}/timer/#")
    with (
        tempfile.TemporaryDirectory() as name,
        Card(Path(name)) as card,
        Mosquitto(Path(name) / "broker", persistent=True) as broker,
        MqttClient(broker.port, *topics) as client,
        DaemonProcess(
            Path(name),
            Path(os.environ["APPLIANCE_MODELS"]),
            mqtt={"host": "127.0.0.1", "port": broker.port},
            timers={"ring_s": 5},
        ) as daemon,
    ):
        daemon.write(device={"state_directory": str(card.mount / "state")})
        boots = Boots(Path(name))
        boots.into(daemon)
        orders = TimerAndAlarmOrders(client, random.Random(asked.seed))  # noqa: S311  (no secret)
        end = time.monotonic() + asked.limit_s
        PowerCuts(daemon, card, boots, orders, asked.timers, asked.alarms, end).run(asked.cuts)
        daemon.stop()
        print(f"{len(orders.alarms)} of them were alarms")
        return 0 if orders.report(asked.cuts, "power cuts") else 1


if __name__ == "__main__":
    sys.exit(main())
