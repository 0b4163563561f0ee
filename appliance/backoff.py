"""Backoff: how long to wait before the next attempt, doubled after each failure."""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

MOST_DOUBLINGS = 32
"""The ceiling is reached long before; beyond about 1,000 a float would overflow."""


@dataclass(frozen=True, slots=True)
class Backoff:
    """Exponential backoff with a ceiling; pure but for `chance`."""

    first_s: float
    longest_s: float
    jitter: float = 0.0
    """Up to which share of a delay chance takes away, so that devices do not retry in step."""
    chance: Callable[[], float] = random.random
    """From 0.0 to 1.0."""

    def delay_s(self, failures: int) -> float:
        """Seconds to wait after so many failures in a row; the first failure is 1."""
        doublings = min(failures - 1, MOST_DOUBLINGS)
        delay_s = min(self.longest_s, self.first_s * 2.0**doublings)
        return delay_s * (1.0 - self.jitter * self.chance())
