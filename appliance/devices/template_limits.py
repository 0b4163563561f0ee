"""Counts the size of all values of a template, so that its time and memory are bounded."""

from __future__ import annotations

from contextvars import ContextVar
from types import GeneratorType
from typing import Any

from appliance.errors import UnsafeTemplate

VALUE_UNITS = 65_536
"""Maximum size of a value: characters, plus one for each number or member of a list."""

TOTAL_UNITS = 4_194_304
"""Maximum total size of all values of one rendering."""

LARGEST_NUMBER = 2**128


class Budget:
    """The remaining size of one rendering."""

    def __init__(self) -> None:
        self._left = TOTAL_UNITS

    def spend(self, units: int) -> None:
        """Count `units`; UnsafeTemplate if the limit is exceeded."""
        self._left -= units
        if units > VALUE_UNITS or self._left < 0:
            raise UnsafeTemplate("the template handles too much data")


current_budget: ContextVar[Budget] = ContextVar("current_budget")


def measured(*values: Any) -> Any:
    """The last value, after all are counted."""
    budget = current_budget.get()
    for value in values:
        budget.spend(_units(value, VALUE_UNITS))
    return values[-1] if values else None


def _units(value: Any, limit: int) -> int:
    """The size of a value; it stops counting soon after `limit`."""
    total, waiting = 0, [value]
    while waiting and total <= limit:
        one = waiting.pop()
        if isinstance(one, (str, bytes)):
            total += len(one) + 1
        elif isinstance(one, dict):
            total += 1
            waiting += [*one.keys(), *one.values()][: limit + 1]
        elif isinstance(one, (list, tuple, set, frozenset)):
            total += 1
            waiting += list(one)[: limit + 1]
        else:
            total += _units_of_atom(one)
    return total


def _units_of_atom(value: Any) -> int:
    if isinstance(value, int) and abs(value) > LARGEST_NUMBER:
        raise UnsafeTemplate("a number in the template becomes too large")
    if isinstance(value, GeneratorType):
        raise UnsafeTemplate("a list that is computed later is not supported")
    return 1
