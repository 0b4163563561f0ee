"""Speed of the fan."""

from __future__ import annotations

from typing import TYPE_CHECKING

from appliance.system.sensors.sysfs import chips

if TYPE_CHECKING:
    from pathlib import Path


def rpm(root: Path) -> float | None:
    """Speed of the fastest fan in rpm; 0.0 if all stand still, None if there is none."""
    found = (chip.number(f"fan{n}_input") for chip in chips(root) for n in chip.channels("fan"))
    return max((speed for speed in found if speed is not None and speed >= 0), default=None)
