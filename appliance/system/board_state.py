"""State of the board while a job runs: pace, readings, clock, power."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from appliance.values import BoardReading, Pace

if TYPE_CHECKING:
    from collections.abc import Callable


@dataclass(frozen=True, slots=True)
class BoardState:
    """State of the board while a job runs."""

    pace: Pace = Pace.FULL
    reading: BoardReading = field(default_factory=BoardReading)
    clock_synced: bool | None = None
    boot_id: str | None = None
    offered_at: float | None = None
    """time.monotonic() when the job joined the queue; None without a queue."""
    low_voltage: bool = False
    """The supply is too weak for the language model, or was within the last minute."""
    joules: Callable[[], float | None] | None = None
    """Energy counted by the board's meter; read when a job begins and when it ends."""

    @property
    def allows_language_model(self) -> bool:
        """Whether heat and supply allow the language model."""
        return self.pace is not Pace.RESTING and not self.low_voltage
