"""The two slots of a card, which of them runs, and where things lie."""

from __future__ import annotations

import enum
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from appliance_image.errors import Refused

LAYOUT = 1
"""Counts up when the partitions, or what is expected of them, change: such an update is flashed."""


class Slot(enum.StrEnum):
    """One of two systems on the card."""

    A = "a"
    B = "b"

    @property
    def other(self) -> Slot:
        return Slot.B if self is Slot.A else Slot.A

    @property
    def boot_partition(self) -> int:
        """The number that autoboot.txt knows the slot by."""
        return 2 if self is Slot.A else 3


@dataclass(frozen=True)
class Places:
    """Where things are on a board; tests have them in a folder."""

    bootcfg: Path = Path("/boot/config")
    partitions: Path = Path("/dev/disk/by-partlabel")
    records: Path = Path("/persistent/slots")
    run: Path = Path("/run/appliance-image")
    cmdline: Path = Path("/proc/cmdline")
    compatible: Path = Path("/proc/device-tree/compatible")
    image: Path = Path("/usr/share/appliance/image.json")
    key: Path = Path("/usr/share/appliance/update.pem")
    tryboot_module: Path = Path("/sys/module/appliance_tryboot")

    @property
    def autoboot(self) -> Path:
        return self.bootcfg / "autoboot.txt"

    def boot(self, slot: Slot) -> Path:
        return self.partitions / f"boot_{slot}"

    def system(self, slot: Slot) -> Path:
        return self.partitions / f"system_{slot}"

    def running(self) -> Slot:
        """The slot that the kernel was told of.

        Raises:
            Refused: this is no system of two slots.

        """
        for word in self.cmdline.read_text().split():
            name, _, value = word.partition("=")
            if name == "appliance.slot" and value in list(Slot):
                return Slot(value)
        raise Refused("This system was not started from a slot: appliance.slot= is not there.")

    def board(self) -> str:
        """What `boards` of an image calls the board at hand; empty where it has no name."""
        try:
            names = self.compatible.read_bytes().decode("ascii", "replace").split("\0")
        except OSError:
            return ""
        known = {"brcm,bcm2711": "pi4", "brcm,bcm2712": "pi5", "linux,dummy-virt": "virt"}
        return next((known[name] for name in names if name in known), "")

    def image_facts(self) -> dict[str, Any]:
        """What the running image says of itself; empty where nothing is written down."""
        try:
            facts = json.loads(self.image.read_bytes())
        except (OSError, ValueError):
            return {}
        return facts if isinstance(facts, dict) else {}
