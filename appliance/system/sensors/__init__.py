"""The board's sensors, one file per source; Board asks them all."""

from __future__ import annotations

import logging
import os
import time
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from appliance.system import processes
from appliance.system.sensors import (
    battery,
    core_voltage,
    fan,
    firmware,
    frequency,
    memory,
    supply,
    temperature,
)
from appliance.system.sensors.power_meter import Power, PowerMeter
from appliance.system.sensors.sysfs import text
from appliance.values import BoardReading

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

logger = logging.getLogger(__name__)

T = TypeVar("T")

DEAD_BANDS = {
    "temperature_c": (2.0, 0.0),
    "clock_mhz": (0.0, 0.1),
    "clock_limit_mhz": (0.0, 0.01),
    "load": (0.5, 0.25),
    "memory_available_mb": (50.0, 0.1),
    "memory_used_mb": (20.0, 0.1),
    "disk_free_mb": (100.0, 0.05),
    "volts": (0.1, 0.0),
    "core_volts": (0.05, 0.0),
    "watts": (0.5, 0.1),
    "fan_rpm": (200.0, 0.2),
    "supply_ma": (1.0, 0.0),
    "battery_percent": (1.0, 0.0),
}
"""How far a value moves before it counts as changed: an amount in its own unit and a share
of what it was, the larger of the two. Joules are not in it: they only ever grow."""


OWN_MEMORY_EVERY_S = 10.0

ROOT_VARIABLE = "APPLIANCE_BOARD"
"""Names a folder with the /sys and /proc of another board, which is then read in their place:
a test heats and cools a board that way."""


def root_in_force(environment: Mapping[str, str] = os.environ) -> Path:
    """Where the board's /sys and /proc are."""
    return Path(environment.get(ROOT_VARIABLE) or "/")


class Transitions:
    """Counts how often a flag went up; None while nobody has said anything about it.

    The firmware's bits "since boot" cannot tell, for they say no number, and the kernel's driver
    clears them; but one that is new says that the flag was up between two looks.
    """

    def __init__(self, mask: int = 0) -> None:
        self._mask = mask << firmware.SINCE_BOOT
        self._up = False
        self._past: int | None = None
        self._count: int | None = None

    def count(self, flag: bool | None, bits: int | None = None) -> int | None:  # noqa: FBT001 - the flag is what it is about
        """Take note of the flag as it is now; how often it has gone up."""
        if flag is not None:
            was_up = not flag and not self._up and self._new(bits)
            self._count = (self._count or 0) + (was_up or (flag and not self._up))
            self._up = flag
        self._past = None if bits is None else bits & self._mask
        return self._count

    def _new(self, bits: int | None) -> bool:
        if bits is None or self._past is None:
            return False  # what was before the first look is not ours to count
        return bool(bits & self._mask & ~self._past)


class Board:
    """The sensors of the board under `root`; read it from one thread.

    A sensor that the board lacks, or that fails, gives None and never stops the others.
    """

    def __init__(self, root: Path = Path("/"), *, state_directory: Path | None = None) -> None:
        self._root = root
        self._state_directory = state_directory
        self._meter = PowerMeter(root)
        self._under_voltages = Transitions(firmware.UNDER_VOLTAGE)
        self._throttlings = Transitions(firmware.SLOWED)
        self._own_memory: tuple[float, float | None] = (-OWN_MEMORY_EVERY_S, None)
        self._failed: set[str] = set()

    @property
    def model(self) -> str | None:
        """What the board is called: `Raspberry Pi 5 Model B Rev 1.0`."""
        return text(self._root / "proc/device-tree/model") or text(
            self._root / "sys/class/dmi/id/product_name"
        )

    def read(self) -> BoardReading:
        """All sensors, now; a few milliseconds."""
        root = self._root
        power = self._ask("meter", self._meter.read) or Power()
        bits = self._ask("firmware", lambda: firmware.bits(root))
        slowed = self._ask("throttling", lambda: supply.throttled(root, bits))
        low = self._ask("supply", lambda: supply.under_voltage(root, bits))
        return BoardReading(
            temperature_c=self._ask("temperature", lambda: temperature.processor_c(root)),
            clock_mhz=self._ask("clock", lambda: frequency.processor_mhz(root)),
            clock_limit_mhz=self._ask("clock limit", lambda: frequency.limit_mhz(root)),
            load=self._ask("load", lambda: memory.load(root)),
            memory_available_mb=self._ask("memory", lambda: memory.available_mb(root)),
            memory_used_mb=self._memory_used_mb(),
            disk_free_mb=self._ask("disk", self._disk_free_mb),
            throttled=slowed,
            under_voltage=low,
            volts=power.volts,
            watts=power.watts,
            joules=power.joules,
            fan_rpm=self._ask("fan", lambda: fan.rpm(root)),
            supply_ma=self._ask("USB supply", lambda: supply.usb_supply_ma(root)),
            battery_percent=self._ask("battery", lambda: battery.percent(root)),
            under_voltages=self._under_voltages.count(low, bits),
            throttlings=self._throttlings.count(slowed, bits),
            firmware_bits=bits,
            core_volts=self._ask("core voltage", lambda: core_voltage.volts(root)),
        )

    def joules(self) -> float | None:
        """What the meter has counted until now; None without one. For any thread."""
        power = self._ask("meter", self._meter.read)
        return None if power is None else power.joules

    def _memory_used_mb(self) -> float | None:
        """Not each time: to find the child processes, all of the board's are looked at."""
        at, known = self._own_memory
        now = time.monotonic()
        if now - at >= OWN_MEMORY_EVERY_S:
            known = self._ask("own memory", processes.resident_mb)
            self._own_memory = (now, known)
        return known

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


def changed(before: BoardReading | None, now: BoardReading) -> bool:
    """Whether `now` is worth telling to somebody who was last told `before`.

    Compare with what was published last, not with what was read last: else a slow drift
    is never told.
    """
    if before is None:
        return True
    flags = ("throttled", "under_voltage", "throttlings", "under_voltages", "firmware_bits")
    if any(getattr(before, flag) != getattr(now, flag) for flag in flags):
        return True
    return any(
        _moved(getattr(before, name), getattr(now, name), amount, share)
        for name, (amount, share) in DEAD_BANDS.items()
    )


def _moved(before: float | None, now: float | None, amount: float, share: float) -> bool:
    if before is None or now is None:
        return before is not now
    return abs(now - before) >= max(amount, abs(before) * share)
