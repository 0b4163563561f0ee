"""Whether the board is held back: throttled by heat, or fed with too little voltage."""

from __future__ import annotations

from typing import TYPE_CHECKING

from appliance.system.sensors.firmware import SLOWED, UNDER_VOLTAGE
from appliance.system.sensors.sysfs import children, chips, number, text, word

if TYPE_CHECKING:
    from pathlib import Path

COOLING = ("cpufreq-", "thermal-cpufreq-", "cpu-")
"""Types of cooling device that slow the processor."""


def throttled(root: Path, bits: int | None) -> bool | None:
    """Whether the processor is slower now than it would like; None where nobody says.

    `bits` are the firmware's.
    """
    if bits is not None:
        return bool(bits & SLOWED)
    found = [
        number(device / "cur_state")
        for device in children(root / "sys/class/thermal", "cooling_device")
        if (text(device / "type") or "").startswith(COOLING)
    ]
    states = [state for state in found if state is not None]
    return any(states) if states else None


def under_voltage(root: Path, bits: int | None) -> bool | None:
    """Whether the supply is below the board's limit now; None where nobody says."""
    known = [
        alarm
        for chip in chips(root)
        if chip.name == "rpi_volt" and (alarm := chip.number("in0_lcrit_alarm")) is not None
    ]
    if bits is not None:
        known.append(bits & UNDER_VOLTAGE)
    return any(known) if known else None


def usb_over_current(root: Path) -> bool:
    """Whether what hangs on a Pi 5's USB ports drew too much at the start, and was switched off."""
    return bool(word(root / "proc/device-tree/chosen/power/usb_over_current_detected"))


def usb_supply_ma(root: Path) -> int | None:
    """What the USB-C supply of a Pi 5 agreed to deliver, in mA; None elsewhere."""
    return word(root / "proc/device-tree/chosen/power/max_current")
