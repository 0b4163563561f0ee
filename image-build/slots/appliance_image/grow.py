"""The last partition grows to the end of the card, with its file system."""

from __future__ import annotations

import subprocess
from pathlib import Path

from appliance_image.errors import Failed

SECTOR = 512
WORTH_IT = 64 << 20
"""Bytes: less than this at the end is left as it is."""


def grow(partition: Path) -> str:
    """Do what is left to do, and say it. A power cut in between is made good the next time.

    Raises:
        Failed: a tool says no; the partition is as large as it was.

    """
    device = partition.resolve()
    facts = Path("/sys/class/block") / device.name
    disk = Path("/dev") / facts.resolve().parent.name
    number = (facts / "partition").read_text().strip()
    end = _number(facts / "start") + _number(facts / "size")
    room = (_number(facts.resolve().parent / "size") - end) * SECTOR
    if room > WORTH_IT:
        _run("sfdisk", "--relocate", "gpt-bak-std", disk)
        _run("sfdisk", "--no-reread", "--no-tell-kernel", "-N", number, disk, given=", +\n")
        _run("partx", "--update", "--nr", number, disk)
    _run("resize2fs", device)
    return f"{disk}: {room >> 20} MB were free behind partition {number}"


def _number(path: Path) -> int:
    return int(path.read_text())


def _run(*command: str | Path, given: str | None = None) -> None:
    done = subprocess.run(command, input=given, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise Failed(f"{command[0]}: {(done.stderr or done.stdout).strip()[-300:]}")
