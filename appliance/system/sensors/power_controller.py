"""Input voltage and power of a Raspberry Pi 5, from its power controller (PMIC)."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from appliance.system.sensors import firmware

if TYPE_CHECKING:
    from pathlib import Path

COMMAND = "pmic_read_adc"

LINE = re.compile(r"^\s*(\w+?)_([AV]) (?:current|volt)\(\d+\)=(\d+\.\d+)[AV]$", re.MULTILINE)


INPUT = "EXT5V"
"""The 5 V input; its current is not measured."""


def supply(root: Path) -> tuple[float | None, float] | None:
    """The voltage at the board's input, and the power of its own rails in watts.

    Not included: USB devices, add-on boards on the 5 V pins, and the controller's own loss.
    None without such a controller or without permission.
    """
    reply = firmware.query(root, COMMAND) or ""
    watts = rails_watts(reply)
    if watts is None:
        return None
    volts = _values(reply).get((INPUT, "V"))
    return volts and round(volts, 3), watts


def rails_watts(reply: str) -> float | None:
    """The sum of volts times amperes of every rail that has both."""
    found = _values(reply)
    known = [
        amperes * found[rail, "V"]
        for (rail, unit), amperes in found.items()
        if unit == "A" and (rail, "V") in found
    ]
    return round(sum(known), 3) if known else None


def _values(reply: str) -> dict[tuple[str, str], float]:
    return {(rail, unit): float(value) for rail, unit, value in LINE.findall(reply)}
