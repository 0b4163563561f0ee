"""Whether the board is held back: throttled by heat, or fed with too little voltage."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

from appliance.system.sensors.files import children, chips, number, text, word

if TYPE_CHECKING:
    from pathlib import Path

UNDER_VOLTAGE = 0x1
SLOWED = 0x2 | 0x4 | 0x8
"""Of the firmware's bits: clock capped, throttled, soft temperature limit; all of them now.
The bits from 0x10000 on mean "since boot" and may be cleared by the kernel's own driver."""

COOLING = ("cpufreq-", "thermal-cpufreq-", "cpu-")
"""Types of cooling device that slow the processor."""


def throttled(root: Path) -> bool | None:
    """Whether the processor is slower now than it would like; None where nobody says."""
    flags = _firmware_flags(root)
    if flags is not None:
        return bool(flags & SLOWED)
    found = [
        number(device / "cur_state")
        for device in children(root / "sys/class/thermal", "cooling_device")
        if (text(device / "type") or "").startswith(COOLING)
    ]
    states = [state for state in found if state is not None]
    return any(states) if states else None


def under_voltage(root: Path) -> bool | None:
    """Whether the supply is below the board's limit now; None where nobody says."""
    known = [
        alarm
        for chip in chips(root)
        if chip.name == "rpi_volt" and (alarm := chip.number("in0_lcrit_alarm")) is not None
    ]
    flags = _firmware_flags(root)
    if flags is not None:
        known.append(flags & UNDER_VOLTAGE)
    return any(known) if known else None


def usb_supply_ma(root: Path) -> int | None:
    """What the USB-C supply of a Pi 5 agreed to deliver, in mA; None elsewhere."""
    return word(root / "proc/device-tree/chosen/power/max_current")


def _firmware_flags(root: Path) -> int | None:
    file = _firmware_file(root)
    held = text(file) if file else None
    try:
        return None if held is None else int(held, 16)
    except ValueError:
        return None


@functools.lru_cache(maxsize=16)
def _firmware_file(root: Path) -> Path | None:
    """Where the firmware shows its bits: the folder differs from board to board.

    Looked for once: /sys/devices/platform is large, and the file does not move.
    """
    platform = root / "sys/devices/platform"
    for pattern in ("*/get_throttled", "*/*/get_throttled", "*/*/*/get_throttled"):
        for path in sorted(platform.glob(pattern)):
            return path
    return None
