"""Backoff: how long to wait before the next attempt, doubled after each failure."""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

MOST_DOUBLINGS = 32
"""Limit of doublings: beyond about 1,000 a float would overflow, long after the ceiling is
reached."""


@dataclass(frozen=True, slots=True)
class Backoff:
    """Exponential backoff with a ceiling; only `chance` makes it vary."""

    first_s: float
    longest_s: float
    jitter: float = 0.0
    """Largest share of a delay that is subtracted at random, so that devices do not retry in
    step."""
    chance: Callable[[], float] = random.random
    """Random number from 0.0 to 1.0."""

    def delay_s(self, failures: int) -> float:
        """Seconds to wait after this number of failures in a row; the first failure is 1."""
        doublings = min(failures - 1, MOST_DOUBLINGS)
        delay_s = min(self.longest_s, self.first_s * 2.0**doublings)
        return delay_s * (1.0 - self.jitter * self.chance())
