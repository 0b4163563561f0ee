"""Temperature of the processor, from the sensor that belongs to it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from appliance.system.sensors.sysfs import Chip, children, chips, number, text

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

PROCESSOR = re.compile(r"(cpu|soc|package|bigcore|littlecore)\w*_thermal|cpu\w*|coretemp|zenpower")
"""Names of the processor's sensors, as a hwmon chip or (with - for _) as a thermal zone.
Not `acpitz`: on many boards it is a constant or the air in the case."""

POSSIBLE = (-40.0, 150.0)
"""°C; another value means that the sensor failed."""


def processor_c(root: Path) -> float | None:
    """The hottest sensor of the processor in °C; None if it has none."""
    found = list(_from_chips(root)) or list(_from_zones(root))
    return max(found, default=None)


def _from_chips(root: Path) -> Iterator[float]:
    for chip in chips(root):
        if chip.name == "k10temp":
            yield from _possible(_k10temp(chip))
        elif PROCESSOR.fullmatch(chip.name):
            for channel in chip.channels("temp"):
                yield from _possible(chip.number(f"temp{channel}_input", 0.001))


def _k10temp(chip: Chip) -> float | None:
    """AMD's sensor: Tdie if there is one, because some add up to 27 °C to Tctl."""
    by_label = {text(chip.folder / f"temp{n}_label"): n for n in chip.channels("temp")}
    channel = by_label.get("Tdie", by_label.get("Tctl", 1))
    return chip.number(f"temp{channel}_input", 0.001)


def _from_zones(root: Path) -> Iterator[float]:
    for zone in children(root / "sys/class/thermal", "thermal_zone"):
        kind = (text(zone / "type") or "").replace("-", "_")
        if kind == "x86_pkg_temp" or PROCESSOR.fullmatch(kind):
            yield from _possible(number(zone / "temp", 0.001))


def _possible(celsius: float | None) -> Iterator[float]:
    low, high = POSSIBLE
    if celsius is not None and low < celsius < high:
        yield round(celsius, 1)
