"""The command: boots the image and asks, part by part; a line for each answer."""

from __future__ import annotations

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

from builder import proof
from builder.stages import DONE

from emulation import cuts, fresh_hosts, questions, service, updates
from emulation.device import Device, Died
from emulation.processors import right_variant_is_opened

if TYPE_CHECKING:
    from collections.abc import Callable

KEY = "update-signing.key"
EMULATOR = Path("usr", "bin", "qemu-system-aarch64")
CARD = 6 << 30
"""Bytes of the emulated card: larger than the image, as a real one is."""

ABOUT = """\
Boots the image that image-build/build made under qemu-system-aarch64 -M virt, without a network
device, and asks inside. Speed in emulation says nothing about a board. As root; no package is
installed: QEMU is in the build's own tree of tools. Parts:
"""

PARTS = {
    "boot": "the first boot, slot A: two slots, the owner's settings, the broker, limits",
    "service": "READY, check, a spoken command, the button and the light, heat",
    "cuts": "power cuts while requests are accepted: nothing that was accepted is lost",
    "update": "an update that is kept, one that fails and is left again, one that is cut off",
    "processors": "qemu-user as a Cortex-A72 and a Cortex-A76: the right variant of llama.cpp",
}
QUICK = ("boot", "processors")
"""What an emulated processor does in minutes on a machine that has other work, too."""


def main(arguments: list[str]) -> int:
    """The exit status: 0 all answers were right, 1 not, 2 wrong use, 69 something is missing."""
    asked = _parse(arguments)
    if os.geteuid() != 0:
        print(
            "Mounts inside the tree of tools need root.\nRun: sudo image-build/test",
            file=sys.stderr,
        )
        return 69
    if asked.from_nothing is not None:
        releases = asked.from_nothing or list(fresh_hosts.RELEASES)
        return fresh_hosts.make_all(
            releases, asked.cache, asked.work or asked.cache, record=asked.record
        )
    trees = asked.cache.glob("10-tools-*/root")
    tools = sorted((tree for tree in trees if (tree / EMULATOR).exists()), key=_made)
    if not tools or not (asked.image / "appliance.img").exists():
        print(
            "There is no image, or no tree of tools.\nRun: sudo image-build/build", file=sys.stderr
        )
        return 69
    run = Run(asked.image, tools[-1], asked)
    chosen = asked.part or (QUICK if asked.quick else PARTS)
    with tempfile.TemporaryDirectory(prefix="appliance-card.", dir=asked.work) as folder:
        device = Device(Path(folder), run.tools)
        with device:
            for part, about in PARTS.items():
                if part in chosen:
                    print(f"== {part}: {about}", flush=True)
                    run.do(part, device)
        if run.failed:
            kept = Path(tempfile.gettempdir()) / "appliance-console.log"
            if (Path(folder) / "console.log").exists():
                shutil.copy(Path(folder) / "console.log", kept)
                print(f"What the console said: {kept}")
    print(f"{run.right} right, {len(run.failed)} wrong: {', '.join(run.failed) or 'none'}")
    return 1 if run.failed else 0


def _parse(arguments: list[str]) -> argparse.Namespace:
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "appliance/image"
    parser = argparse.ArgumentParser(
        prog="image-build/test",
        description=ABOUT + "\n".join(f"  {name:<12}{text}" for name, text in PARTS.items()),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add(
        "--image", type=Path, default=Path("image"), metavar="DIR", help="the build's output folder"
    )
    add(
        "--cache", type=Path, default=cache, metavar="DIR", help="the build's; default: %(default)s"
    )
    add(
        "--work",
        type=Path,
        default=None,
        metavar="DIR",
        help="where the card lies (2 GB), or with --from-nothing the machines (5 GB)",
    )
    add("--part", action="append", choices=PARTS, help="this part alone; may be given again")
    add("--quick", action="store_true", help=f"only {' and '.join(QUICK)}")
    add("--cuts", type=int, default=20, metavar="N", help="power cuts; default: %(default)s")
    add(
        "--from-nothing",
        nargs="*",
        choices=fresh_hosts.RELEASES,
        metavar="RELEASE",
        help="boot nothing: make the build's first stages in an empty cache on fresh machines, "
        f"one of each release ({', '.join(fresh_hosts.RELEASES)}); wants the network, and some "
        "10 minutes for each",
    )
    add(
        "--record",
        action="store_true",
        help="write into proof.json what was right (with --from-nothing: from-nothing.json)",
    )
    return parser.parse_args(arguments)


def _made(path: Path) -> float:
    """When the stage of the cache that this file is of was made or wanted last."""
    stage = next(folder for folder in (path, *path.parents) if re.match(r"\d\d-", folder.name))
    return (stage / DONE).stat().st_mtime


class Run:
    """The parts, and how they went."""

    def __init__(self, image: Path, tools: Path, asked: argparse.Namespace) -> None:
        self.image, self.tools, self.asked = image.resolve(), tools, asked
        self.right = 0
        self.failed: list[str] = []
        self._told: dict[str, object] = {}

    def do(self, part: str, device: Device) -> None:
        """One part; with --record it is written down at once if all of it was right."""
        self._told, began, wrong = {}, time.monotonic(), len(self.failed)
        getattr(self, part)(device)
        if self.asked.record and len(self.failed) == wrong:
            spent = round(time.monotonic() - began)
            proof.IMAGE.record({part: {"seconds": spent, "told": self._told}})

    def ask(self, name: str, question: Callable[[], object]) -> None:
        """One question, and a line with its answer."""
        began = time.monotonic()
        try:
            told = question()
        except (
            AssertionError,
            Died,
            LookupError,
            ValueError,
            subprocess.SubprocessError,
        ) as error:
            self.failed.append(name)
            print(f"  WRONG {name} ({time.monotonic() - began:.0f} s): {error}", flush=True)
            return
        self.right += 1
        self._told[name] = told
        print(f"  right {name} ({time.monotonic() - began:.0f} s): {told}", flush=True)

    def _flash(self, device: Device) -> None:
        if device.running:
            device.cut()
        card = device.folder / "card.img"
        command = ["cp", "--sparse=always", "--reflink=auto", self.image / "appliance.img", card]
        subprocess.run(command, check=True)
        device.card.grow(CARD)
        device.card.write("bootcfg", "appliance/config.toml", questions.OWNERS_CONFIG.encode())

    def _switch_on(self, device: Device) -> None:
        """Flash the card if there is none, and wait for the hand inside."""
        if not (device.folder / "card.img").exists():
            self._flash(device)
        if not device.running:
            self.ask("the device starts", lambda: f"{device.slot_after_start()}")

    def _wait_until_ready(self, device: Device) -> None:
        self._switch_on(device)
        self.ask("READY", lambda: f"{questions.wait_until_ready(device):.0f} s after power-on")

    def boot(self, device: Device) -> None:
        """What the image has to do from the first boot on, before the models are loaded."""
        self._switch_on(device)
        for question in questions.BOOT:
            self.ask(question.__name__, lambda question=question: question(device))

    def service(self, device: Device) -> None:
        """What the service does in it."""
        self._wait_until_ready(device)
        for question in service.ALL:
            self.ask(question.__name__, lambda question=question: question(device))

    def cuts(self, device: Device) -> None:
        """Power cuts in the middle of requests."""
        self._wait_until_ready(device)
        self.ask("power cuts", lambda: cuts.power_cuts(device, self.asked.cuts))

    def update(self, device: Device) -> None:
        """Kept, failed, cut off."""
        self._wait_until_ready(device)
        files = updates.Files(self.image, self.asked.cache / KEY)
        for question in updates.ALL:
            self.ask(question.__name__, lambda question=question: question(device, files))

    def processors(self, device: Device) -> None:
        """Without a device: programs of the image, under an emulated processor."""
        root = max(self.tools.parents[1].glob("55-system-*/root"), key=_made)
        del device
        for cpu, variant in (("cortex-a72", "armv8.0_1"), ("cortex-a76", "armv8.2_2")):
            self.ask(
                cpu, lambda cpu=cpu, variant=variant: right_variant_is_opened(root, cpu, variant)
            )
