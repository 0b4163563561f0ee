"""Ranges of numbers as hassil reads them rightly in a text.

hassil keeps the number words of a range by language and bounds alone, for the whole process: the
-20 of "down by twenty" would be the 20 of "up by twenty", whichever was said first. And it looks
for a language's number words under the language's own code alone.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

from hassil.intents import RangeSlotList

from appliance.text.number_words import RULES_OF

if TYPE_CHECKING:
    from hassil.intents import Intents


def mend_ranges(intents: Intents) -> None:
    """Have no range take another's numbers, and each the words of its language."""
    rules = RULES_OF.get(intents.language)
    blocks = (block for intent in intents.intents.values() for block in intent.data)
    for lists in (intents.slot_lists, *(block.slot_lists for block in blocks)):
        for slots in lists.values():
            if not isinstance(slots, RangeSlotList):
                continue
            slots.words_language = slots.words_language or rules
            if slots.multiplier is not None:
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
