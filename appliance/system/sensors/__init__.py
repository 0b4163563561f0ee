"""The board's sensors, one file per source; Board asks them all."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from appliance.system import processes
from appliance.system.sensors import frequency, memory, supply, temperature
from appliance.system.sensors.files import text
from appliance.system.sensors.meter import Meter, Power
from appliance.values import Reading

if TYPE_CHECKING:
    from collections.abc import Callable

logger = logging.getLogger(__name__)

T = TypeVar("T")

DEAD_BANDS = {
    "temperature_c": (2.0, 0.0),
    "clock_mhz": (0.0, 0.1),
    "load": (0.5, 0.25),
    "memory_available_mb": (50.0, 0.1),
    "memory_used_mb": (20.0, 0.1),
    "disk_free_mb": (100.0, 0.05),
    "volts": (0.1, 0.0),
    "watts": (0.5, 0.1),
}
"""How far a value moves before it counts as changed: an amount in its own unit and a share
of what it was, the larger of the two. Joules are not in it: they only ever grow."""


class Board:
    """The sensors of the board under `root`; read it from one thread.

    A sensor that the board lacks, or that fails, gives None and never stops the others.
    """

    def __init__(self, root: Path = Path("/"), *, state_directory: Path | None = None) -> None:
        self._root = root
        self._state_directory = state_directory
        self._meter = Meter(root)
        self._failed: set[str] = set()

    @property
    def model(self) -> str | None:
        """What the board is called: `Raspberry Pi 5 Model B Rev 1.0`."""
        return text(self._root / "proc/device-tree/model") or text(
            self._root / "sys/class/dmi/id/product_name"
        )

    def read(self) -> Reading:
        """All sensors, now; a few milliseconds."""
        root = self._root
        power = self._ask("meter", self._meter.read) or Power()
        return Reading(
            temperature_c=self._ask("temperature", lambda: temperature.processor_c(root)),
            clock_mhz=self._ask("clock", lambda: frequency.processor_mhz(root)),
            load=self._ask("load", lambda: memory.load(root)),
            memory_available_mb=self._ask("memory", lambda: memory.available_mb(root)),
            memory_used_mb=self._ask("own memory", processes.resident_mb),
            disk_free_mb=self._ask("disk", self._disk_free_mb),
            throttled=self._ask("throttling", lambda: supply.throttled(root)),
            under_voltage=self._ask("supply", lambda: supply.under_voltage(root)),
            volts=power.volts,
            watts=power.watts,
            joules=power.joules,
        )

    def _disk_free_mb(self) -> float | None:
        folder = self._state_directory
        return None if folder is None else memory.disk_free_mb(folder)

    def _ask(self, sensor: str, source: Callable[[], T | None]) -> T | None:
        try:
            return source()
        except Exception as error:  # noqa: BLE001 - whatever one sensor does, the next is read
            if sensor not in self._failed:  # once, not every five seconds
                self._failed.add(sensor)
                logger.warning("the %s sensor fails and is left out: %s", sensor, error)
            return None


def changed(before: Reading | None, now: Reading) -> bool:
    """Whether `now` is worth telling to somebody who was last told `before`.

    Compare with what was published last, not with what was read last: else a slow drift
    is never told.
    """
    if before is None:
        return True
    if (before.throttled, before.under_voltage) != (now.throttled, now.under_voltage):
        return True
    return any(
        _moved(getattr(before, name), getattr(now, name), amount, share)
        for name, (amount, share) in DEAD_BANDS.items()
    )


def _moved(before: float | None, now: float | None, amount: float, share: float) -> bool:
    if before is None or now is None:
        return before is not now
    return abs(now - before) >= max(amount, abs(before) * share)
