"""A Raspberry Pi 5's power controller, asked through the firmware's mailbox, as `vcgencmd` does."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from appliance.system.sensors import firmware

if TYPE_CHECKING:
    from pathlib import Path

QUESTION = "pmic_read_adc"

LINE = re.compile(r"^\s*(\w+?)_([AV]) (?:current|volt)\(\d+\)=(\d+\.\d+)[AV]$", re.MULTILINE)


INPUT = "EXT5V"
"""The 5 V that the supply feeds; its current is not measured."""


def supply(root: Path) -> tuple[float | None, float] | None:
    """The voltage at the board's input, and what its own rails draw in watts.

    Without what USB devices and boards on the pins draw from 5 V, and the controller's own loss.
    None where there is no such controller, or no right to ask.
    """
    answer = firmware.asked(root, QUESTION) or ""
    watts = rails_watts(answer)
    if watts is None:
        return None
    volts = _values(answer).get((INPUT, "V"))
    return volts and round(volts, 3), watts


def rails_watts(answer: str) -> float | None:
    """The sum of volts times amperes over every rail that has both."""
    found = _values(answer)
    known = [
        amperes * found[rail, "V"]
        for (rail, unit), amperes in found.items()
        if unit == "A" and (rail, "V") in found
    ]
    return round(sum(known), 3) if known else None


def _values(answer: str) -> dict[tuple[str, str], float]:
    return {(rail, unit): float(value) for rail, unit, value in LINE.findall(answer)}
