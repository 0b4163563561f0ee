"""A Raspberry Pi 5's power controller, asked through the firmware's mailbox, as `vcgencmd` does."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from appliance.system.sensors import firmware

if TYPE_CHECKING:
    from pathlib import Path

QUESTION = "pmic_read_adc"

LINE = re.compile(r"^\s*(\w+?)_([AV]) (?:current|volt)\(\d+\)=(\d+\.\d+)[AV]$", re.MULTILINE)


def watts(root: Path) -> float | None:
    """What the board's own rails draw; None where there is no such controller, or no right to ask.

    Without what USB devices and boards on the pins draw from 5 V, and the controller's own loss.
    """
    answer = firmware.asked(root, QUESTION)
    return None if answer is None else rails_watts(answer)


def rails_watts(answer: str) -> float | None:
    """The sum of volts times amperes over every rail that has both."""
    found = {(rail, unit): float(value) for rail, unit, value in LINE.findall(answer)}
    known = [
        amperes * found[rail, "V"]
        for (rail, unit), amperes in found.items()
        if unit == "A" and (rail, "V") in found
    ]
    return round(sum(known), 3) if known else None
