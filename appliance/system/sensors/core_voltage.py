"""The voltage of the processor's core, which a Raspberry Pi lowers together with its clock."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from appliance.system.sensors import firmware
from appliance.system.sensors.sysfs import chips, text

if TYPE_CHECKING:
    from pathlib import Path

COMMAND = "measure_volts core"

REPLY = re.compile(r"volt=(\d+\.\d+)V")

LABEL = "core"
"""Label of the channel in the kernel's rpi_volt; older kernels do not have it."""


def volts(root: Path) -> float | None:
    """The voltage from the kernel, otherwise from the firmware; None on another board."""
    for chip in chips(root):
        for n in chip.channels("in") if chip.name == "rpi_volt" else ():
            if text(chip.folder / f"in{n}_label") == LABEL:
                shown = chip.number(f"in{n}_input", 0.001)
                if shown is not None and shown > 0:
                    return round(shown, 3)
    reply = REPLY.fullmatch(firmware.query(root, COMMAND) or "")
    return round(float(reply[1]), 3) if reply else None
