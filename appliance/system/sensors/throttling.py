"""Whether the processor is throttled, and whether the supply is too weak."""

from __future__ import annotations

from typing import TYPE_CHECKING

from appliance.system.sensors.firmware import SLOWED, UNDER_VOLTAGE
from appliance.system.sensors.sysfs import children, chips, number, text, word

if TYPE_CHECKING:
    from pathlib import Path

COOLING = ("cpufreq-", "thermal-cpufreq-", "cpu-")
"""Types of cooling device that slow the processor."""


def throttled(root: Path, bits: int | None) -> bool | None:
    """Whether the processor is slowed down now; None if unknown. `bits` are the firmware's."""
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
    """Whether the voltage is below the board's limit now; None if unknown."""
    known = [
        alarm
        for chip in chips(root)
        if chip.name == "rpi_volt" and (alarm := chip.number("in0_lcrit_alarm")) is not None
    ]
    if bits is not None:
        known.append(bits & UNDER_VOLTAGE)
    return any(known) if known else None


def usb_over_current(root: Path) -> bool:
    """Whether USB devices on a Pi 5 drew too much current at boot and were switched off."""
    return bool(word(root / "proc/device-tree/chosen/power/usb_over_current_detected"))


def usb_supply_ma(root: Path) -> int | None:
    """The current that the USB-C supply of a Pi 5 offers, in mA; None on other boards."""
    return word(root / "proc/device-tree/chosen/power/max_current")
