"""How fast the processor runs just now, and how fast it may."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from appliance.system.sensors import firmware
from appliance.system.sensors.sysfs import children, number

if TYPE_CHECKING:
    from pathlib import Path


QUESTION = "measure_clock arm"

ANSWER = re.compile(r"frequency\(\d+\)=(\d+)")


def processor_mhz(root: Path) -> float | None:
    """The fastest core's clock in MHz: as the firmware measures it, else as the kernel set it.

    On a Raspberry Pi the kernel shows what it asked for, also where the firmware caps that.
    None without cpufreq: what /proc/cpuinfo says on a virtual machine is a constant.
    """
    return _measured(root) or _fastest(root, "scaling_cur_freq")


def limit_mhz(root: Path) -> float | None:
    """What the kernel lets the fastest core run at now, in MHz; it lowers that against heat.

    A cap by a Raspberry Pi's firmware does not show here, but in its bits and in the clock.
    """
    return _fastest(root, "scaling_max_freq")


def _measured(root: Path) -> float | None:
    answer = ANSWER.fullmatch(firmware.asked(root, QUESTION) or "")
    return round(int(answer[1]) / 1e6) if answer else None


def _fastest(root: Path, file: str) -> float | None:
    policies = children(root / "sys/devices/system/cpu/cpufreq", "policy")
    found = [number(policy / file, 0.001) for policy in policies]
    clock = max((mhz for mhz in found if mhz is not None), default=None)
    return None if clock is None else round(clock)
