"""The voltage of the processor's core, which a Raspberry Pi lowers together with its clock."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from appliance.system.sensors import firmware
from appliance.system.sensors.sysfs import chips, text

if TYPE_CHECKING:
    from pathlib import Path

QUESTION = "measure_volts core"

ANSWER = re.compile(r"volt=(\d+\.\d+)V")

LABEL = "core"
"""Of the channel of the kernel's rpi_volt that has it; older kernels show none."""


def volts(root: Path) -> float | None:
    """From the kernel where it shows it, else from the firmware; None on another board."""
    for chip in chips(root):
        for n in chip.channels("in") if chip.name == "rpi_volt" else ():
            if text(chip.folder / f"in{n}_label") == LABEL:
                shown = chip.number(f"in{n}_input", 0.001)
                if shown is not None and shown > 0:
                    return round(shown, 3)
    answer = ANSWER.fullmatch(firmware.asked(root, QUESTION) or "")
    return round(float(answer[1]), 3) if answer else None
