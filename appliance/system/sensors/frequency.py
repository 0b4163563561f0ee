"""Clock of the processor, and the highest clock that the kernel allows now."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from appliance.system.sensors import firmware
from appliance.system.sensors.sysfs import children, number

if TYPE_CHECKING:
    from pathlib import Path


COMMAND = "measure_clock arm"

REPLY = re.compile(r"frequency\(\d+\)=(\d+)")


def processor_mhz(root: Path) -> float | None:
    """The fastest core's clock in MHz, measured by the firmware, otherwise as set by the kernel.

    On a Raspberry Pi the kernel shows the clock that it requested, even if the firmware caps it.
    None without cpufreq: in a virtual machine /proc/cpuinfo has only a constant.
    """
    return _measured(root) or _fastest(root, "scaling_cur_freq")


def limit_mhz(root: Path) -> float | None:
    """The kernel's limit for the fastest core in MHz; the kernel lowers it against heat.

    A cap by a Raspberry Pi's firmware is not visible here, but in its bits and in the clock.
    """
    return _fastest(root, "scaling_max_freq")


def _measured(root: Path) -> float | None:
    reply = REPLY.fullmatch(firmware.query(root, COMMAND) or "")
    return round(int(reply[1]) / 1e6) if reply else None


def _fastest(root: Path, file: str) -> float | None:
    policies = children(root / "sys/devices/system/cpu/cpufreq", "policy")
    found = [number(policy / file, 0.001) for policy in policies]
    clock = max((mhz for mhz in found if mhz is not None), default=None)
    return None if clock is None else round(clock)
