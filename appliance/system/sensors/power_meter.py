"""Voltage, power and energy of the board, if something measures them."""

from __future__ import annotations

import re
import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from appliance.system.sensors import battery, power_controller
from appliance.system.sensors.sysfs import Chip, children, chips, number, text

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

METERS = re.compile(r"ina2\d\d|ina3221|ltc2945")
"""Chips that measure a supply. Others (rpi_volt's core voltage, a graphics card's power) measure
only a part of the board."""

WHOLE_SUPPLY = re.compile(r"v?(dd_?)?in|supply|main|sys(tem)?|5v0?", re.IGNORECASE)
"""Labels of the channel that supplies all others, on a chip with several."""


@dataclass(frozen=True, slots=True)
class Power:
    """One reading of a meter."""

    volts: float | None = None
    watts: float | None = None
    joules: float | None = None
    """Energy since the meter was first read."""


class PowerMeter:
    """Reads the board's meter and counts its energy; for any thread."""

    def __init__(self, root: Path, clock: Callable[[], float] = time.monotonic) -> None:
        self._root = root
        self._clock = clock
        self._counters: dict[str, float] = {}
        self._joules = 0.0
        self._last: tuple[float, float] | None = None
        """Time of the last known power, and that power in watts."""
        self._lock = threading.Lock()
        """Needed because the main thread reads every second, and the worker when a job begins and
        ends."""

    def read(self) -> Power:
        """Read a measuring chip, otherwise a battery, a Pi 5's rails or the processor's counter."""
        with self._lock:
            return self._read(self._clock())

    def _read(self, now: float) -> Power:
        supply = (
            _from_chip(self._root)
            or _from_battery(self._root)
            or power_controller.supply(self._root)
        )
        if supply is not None:
            return self._integrated(now, *supply)
        return self._counted(now)

    def _integrated(self, now: float, volts: float | None, watts: float | None) -> Power:
        if watts is None:
            self._last = None
            return Power(volts)
        if self._last is not None:
            before, power = self._last
            self._joules += (now - before) * (power + watts) / 2
        self._last = (now, watts)
        return Power(volts, round(watts, 3), round(self._joules, 1))

    def _counted(self, now: float) -> Power:
        """Read the RAPL counters of x86 processors, which start at any value and wrap around."""
        joules, known = 0.0, False
        for zone in _zones(self._root):
            counter = number(zone / "energy_uj", 1e-6)
            if counter is None:  # since CVE-2020-8694 only root may read it
                continue
            known = True
            before = self._counters.get(zone.name, counter)
            wrap = number(zone / "max_energy_range_uj", 1e-6) or 0.0
            joules += counter - before + (wrap if counter < before else 0.0)
            self._counters[zone.name] = counter
        if not known:
            self._last = None
            return Power()
        seconds = now - self._last[0] if self._last else 0.0
        watts = round(joules / seconds, 3) if seconds > 0 else None
        self._last = (now, watts or 0.0)
        self._joules += joules
        return Power(None, watts, round(self._joules, 1))


def _from_chip(root: Path) -> tuple[float | None, float | None] | None:
    for chip in chips(root):
        if METERS.fullmatch(chip.name):
            found = {n: _channel(chip, n) for n in chip.channels("in")}
            known = {n: pair for n, pair in found.items() if pair is not None}
            if known:
                return known[min(known, key=lambda n: (not _feeds_all(chip, n), n))]
    return None


def _channel(chip: Chip, n: int) -> tuple[float, float | None] | None:
    """Volts and watts; None for a channel without current, such as the shunt's own voltage."""
    volts = chip.number(f"in{n}_input", 0.001)
    amperes = chip.number(f"curr{n}_input", 0.001)
    watts = chip.number(f"power{n}_input", 1e-6)
    if volts is None or (amperes is None and watts is None):
        return None
    return round(volts, 3), watts if watts is not None else volts * (amperes or 0.0)


def _feeds_all(chip: Chip, n: int) -> bool:
    return bool(WHOLE_SUPPLY.fullmatch(text(chip.folder / f"in{n}_label") or ""))


def _from_battery(root: Path) -> tuple[float | None, float | None] | None:
    """Volts and watts of a battery that supplies the board; None while it charges."""
    for supply in battery.of_the_board(root):
        if text(supply / "status") == "Discharging":
            volts = number(supply / "voltage_now", 1e-6)
            watts = number(supply / "power_now", 1e-6)
            amperes = number(supply / "current_now", 1e-6)
            if watts is None and volts is not None and amperes is not None:
                watts = volts * amperes
            # Some drivers give a discharge current a minus sign.
            return volts and round(volts, 3), None if watts is None else abs(watts)
    return None


def _zones(root: Path) -> list[Path]:
    """The platform's counter if there is one, otherwise those of the processor packages."""
    zones = children(root / "sys/class/powercap", "intel-rapl:")
    whole = [zone for zone in zones if text(zone / "name") == "psys"]
    packages = [zone for zone in zones if (text(zone / "name") or "").startswith("package")]
    return whole or packages
