"""How fast the processor runs just now."""

from __future__ import annotations

from typing import TYPE_CHECKING

from appliance.system.sensors.files import children, number

if TYPE_CHECKING:
    from pathlib import Path


def processor_mhz(root: Path) -> float | None:
    """The fastest core's clock in MHz.

    None without cpufreq: what /proc/cpuinfo says on a virtual machine is a constant.
    """
    policies = children(root / "sys/devices/system/cpu/cpufreq", "policy")
    found = [number(policy / "scaling_cur_freq", 0.001) for policy in policies]
    clock = max((mhz for mhz in found if mhz is not None), default=None)
    return None if clock is None else round(clock)
