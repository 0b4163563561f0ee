"""Ranges whose numbers are multiplied, kept apart from those with the same bounds.

hassil keeps the number words of a range by language and bounds alone, for the whole process: the
-20 of "down by twenty" would be the 20 of "up by twenty", whichever was said first.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

from hassil.intents import RangeSlotList

if TYPE_CHECKING:
    from hassil.intents import Intents


def keep_apart(intents: Intents) -> None:
    """Have no range take another's numbers."""
    blocks = (block for intent in intents.intents.values() for block in intent.data)
    for lists in (intents.slot_lists, *(block.slot_lists for block in blocks)):
        for slots in lists.values():
            if isinstance(slots, RangeSlotList) and slots.multiplier is not None:
                slots.start = _First(slots.start, slots.multiplier)


class _First(int):
    """The first number of a range; unlike that of a range with another multiplier."""

    multiplier: float

    def __new__(cls, number: int, multiplier: float) -> Self:
        made = super().__new__(cls, number)
        made.multiplier = multiplier
        return made

    def __eq__(self, other: object) -> bool:
        alike = isinstance(other, _First) and self.multiplier == other.multiplier
        return alike and super().__eq__(other)

    def __hash__(self) -> int:
        return hash((int(self), self.multiplier))
