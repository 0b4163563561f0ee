"""The board while a job runs: pace, readings, clock, power."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from appliance.values import BoardReading, Pace

if TYPE_CHECKING:
    from collections.abc import Callable


@dataclass(frozen=True, slots=True)
class BoardState:
    """The board while a job is done."""

    pace: Pace = Pace.FULL
    reading: BoardReading = field(default_factory=BoardReading)
    clock_synced: bool | None = None
    boot_id: str | None = None
    offered_at: float | None = None
    """time.monotonic() when the job joined the queue; None where there was no queue."""
    low_voltage: bool = False
    """The supply is too weak for the language model, or was a moment ago."""
    joules: Callable[[], float | None] | None = None
    """What the board's meter has counted until now; asked when a job begins and when it ends."""

    @property
    def may_write(self) -> bool:
        """Whether the board can afford the language model."""
        return self.pace is not Pace.RESTING and not self.low_voltage
