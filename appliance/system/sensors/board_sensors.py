"""Reads all sensors of the board, and says whether a reading differs enough to be published."""

from __future__ import annotations

import logging
import os
import time
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from appliance.system import memory_and_sockets
from appliance.system.sensors import (
    battery,
    core_voltage,
    fan,
    firmware,
    frequency,
    load_memory_disk,
    temperature,
    throttling,
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
"""Minimum change of a value for a publication: an amount in its unit or a share of the old value,
whichever is larger. Joules are left out, because they only increase."""


OWN_MEMORY_EVERY_S = 10.0

ROOT_VARIABLE = "APPLIANCE_BOARD"
"""Environment variable with a folder whose /sys and /proc are read instead: so a test can heat and
cool a board."""


def board_root(environment: Mapping[str, str] = os.environ) -> Path:
    """The folder that has the board's /sys and /proc."""
    return Path(environment.get(ROOT_VARIABLE) or "/")


class Transitions:
    """Counts how often a flag was raised; None until its state is known.

    The firmware's "since boot" bits are not a count, and the kernel's driver clears them. But if
    one of them is newly set, the flag was raised between two readings.
    """

    def __init__(self, mask: int = 0) -> None:
        self._mask = mask << firmware.SINCE_BOOT
        self._raised = False
        self._bits_before: int | None = None
        self._count: int | None = None

    def count(self, flag: bool | None, bits: int | None = None) -> int | None:  # noqa: FBT001 - a value, not a switch
        """Record the flag's current state; returns how often it was raised."""
        if flag is not None:
            was_raised = not flag and not self._raised and self._was_raised(bits)
            self._count = (self._count or 0) + (was_raised or (flag and not self._raised))
            self._raised = flag
        self._bits_before = None if bits is None else bits & self._mask
        return self._count

    def _was_raised(self, bits: int | None) -> bool:
        if bits is None or self._bits_before is None:
            return False  # events before the first reading do not count
        return bool(bits & self._mask & ~self._bits_before)


class Board:
    """The sensors of the board under `root`; `read` is for one thread.

    A sensor that is missing or fails gives None and does not affect the others.
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
        """The board's name, such as `Raspberry Pi 5 Model B Rev 1.0`."""
        return text(self._root / "proc/device-tree/model") or text(
            self._root / "sys/class/dmi/id/product_name"
        )

    def read(self) -> BoardReading:
        """Read all sensors; takes a few milliseconds."""
        root = self._root
        power = self._read_sensor("meter", self._meter.read) or Power()
        bits = self._read_sensor("firmware", lambda: firmware.bits(root))
        slowed = self._read_sensor("throttling", lambda: throttling.throttled(root, bits))
        low = self._read_sensor("supply", lambda: throttling.under_voltage(root, bits))
        return BoardReading(
            temperature_c=self._read_sensor("temperature", lambda: temperature.processor_c(root)),
            clock_mhz=self._read_sensor("clock", lambda: frequency.processor_mhz(root)),
            clock_limit_mhz=self._read_sensor("clock limit", lambda: frequency.limit_mhz(root)),
            load=self._read_sensor("load", lambda: load_memory_disk.load(root)),
            memory_available_mb=self._read_sensor(
                "memory", lambda: load_memory_disk.available_mb(root)
            ),
            memory_used_mb=self._memory_used_mb(),
            disk_free_mb=self._read_sensor("disk", self._disk_free_mb),
            throttled=slowed,
            under_voltage=low,
            volts=power.volts,
            watts=power.watts,
            joules=power.joules,
            fan_rpm=self._read_sensor("fan", lambda: fan.rpm(root)),
            supply_ma=self._read_sensor("USB supply", lambda: throttling.usb_supply_ma(root)),
            battery_percent=self._read_sensor("battery", lambda: battery.percent(root)),
            under_voltages=self._under_voltages.count(low, bits),
            throttlings=self._throttlings.count(slowed, bits),
            firmware_bits=bits,
            core_volts=self._read_sensor("core voltage", lambda: core_voltage.volts(root)),
        )

    def joules(self) -> float | None:
        """Energy counted by the meter so far; None without a meter. For any thread."""
        power = self._read_sensor("meter", self._meter.read)
        return None if power is None else power.joules

    def _memory_used_mb(self) -> float | None:
        """Cached, because finding the child processes reads all processes of the board."""
        read_at, known = self._own_memory
        now = time.monotonic()
        if now - read_at >= OWN_MEMORY_EVERY_S:
            known = self._read_sensor("own memory", memory_and_sockets.resident_mb)
            self._own_memory = (now, known)
        return known

    def _disk_free_mb(self) -> float | None:
        folder = self._state_directory
        return None if folder is None else load_memory_disk.disk_free_mb(folder)

    def _read_sensor(self, sensor: str, source: Callable[[], T | None]) -> T | None:
        try:
            return source()
        except Exception as error:  # noqa: BLE001 - one sensor must not affect the others
            if sensor not in self._failed:  # once, not every five seconds
                self._failed.add(sensor)
                logger.warning("the %s sensor failed and is ignored: %s", sensor, error)
            return None


def changed(before: BoardReading | None, now: BoardReading) -> bool:
    """Whether `now` differs enough from `before` to be published.

    `before` must be the reading that was published last, not the one that was read last:
    otherwise a slow drift is never published.
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
