"""Reads the sensors every second, from which the governor sets the pace."""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING

from appliance.events import BoardRead, PaceChanged
from appliance.ids import boot_id
from appliance.system import governor
from appliance.system.board_state import BoardState
from appliance.system.clock_sync import clock_synced
from appliance.system.sensors import board_root

if TYPE_CHECKING:
    from appliance.events import EventBus
    from appliance.protocols import Sensors
    from appliance.values import BoardReading, Pace

logger = logging.getLogger(__name__)

READ_EVERY_S = 1.0


class BoardMonitor:
    """The main thread calls `tick`; any thread may call the rest."""

    def __init__(self, sensors: Sensors, events: EventBus) -> None:
        """Reads the sensors at once: a job from the journal may run before the first tick."""
        self._sensors = sensors
        self._events = events
        self._root = board_root()
        self._boot_id = boot_id()
        self._governor = governor.GovernorState()
        self._read_at = time.monotonic()
        self._reading = sensors.read()
        self._update_governor(self._read_at)

    @property
    def reading(self) -> BoardReading:
        """The newest values."""
        return self._reading

    @property
    def pace(self) -> Pace:
        """The present pace."""
        return self._governor.pace

    @property
    def low_voltage(self) -> bool:
        """Whether the supply is, or was a moment ago, too weak for the language model."""
        return self._governor.low_voltage

    def state(self) -> BoardState:
        """The board as it was read last, for the result of a job."""
        return BoardState(
            pace=self._governor.pace,
            low_voltage=self._governor.low_voltage,
            reading=self._reading,
            joules=self._sensors.joules,
            clock_synced=clock_synced(self._root),
            boot_id=self._boot_id,
        )

    def tick(self) -> bool:
        """Read the sensors if it is time; return whether they were read."""
        now = time.monotonic()
        if now - self._read_at < READ_EVERY_S:
            return False
        self._read_at = now
        self._reading = self._sensors.read()
        self._update_governor(now)
        self._events.emit(BoardRead(self._reading))
        return True

    def _update_governor(self, now: float) -> None:
        before = self._governor
        self._governor = governor.next_state(before, self._reading, now)
        if line := governor.log_line(before, self._governor, self._reading):
            slower = governor.SLOWNESS[self._governor.pace] > governor.SLOWNESS[before.pace]
            logger.log(logging.WARNING if slower else logging.INFO, "%s", line)
        if self._governor.pace is not before.pace:
            self._events.emit(PaceChanged(self._governor.pace))
