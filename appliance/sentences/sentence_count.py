"""Counts the sentences that templates allow, and picks single ones without listing them all."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from hassil.expression import (
    Alternative,
    Expression,
    ListReference,
    Permutation,
    RuleReference,
    Sequence,
    TextChunk,
)
from hassil.intents import RangeSlotList, TextSlotList
from hassil.util import normalize_whitespace

from appliance.text.number_words import in_one_way

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from hassil.expression import Sentence
    from hassil.intents import SlotList

COUNTED_UP_TO = 10**100
"""More are not told apart: rules that double twenty times allow 10^300,000 sentences."""

EXACT_UP_TO = 1_000_000_000
"""A larger number of sentences is given as a power of ten."""

WILDCARD = "…"
"""Stands for the words of a wildcard in a picked sentence."""


class SentenceCounter:
    """Counts and picks the sentences of templates with given lists and rules.

    A number counts once, in however many ways it can be written. A sentence that a template
    allows twice counts twice. A wildcard counts as one value and sets `wildcard_met`.
    """

    def __init__(
        self, language: str, lists: Mapping[str, SlotList], rules: Mapping[str, Sentence]
    ) -> None:
        self._language = language
        self._lists = lists
        self._rules = rules
        self._counts: dict[int, int] = {}  # by id: expressions outlive the counter
        self.wildcard_met = False

    def count(self, expression: Expression) -> int:
        """The number of sentences that an expression allows, with each wildcard as one value."""
        key = id(expression)
        if key not in self._counts:
            self._counts[key] = min(COUNTED_UP_TO, self._count(expression))
        return self._counts[key]

    def _count(self, expression: Expression) -> int:
        if isinstance(expression, Alternative):
            return sum(map(self.count, expression.items))
        if isinstance(expression, Sequence):
            return self._product(expression.items)
        if isinstance(expression, Permutation):
            orders = math.factorial(len(expression.items))
            return orders * self._product(expression.items)
        if isinstance(expression, RuleReference):
            return self.count(self._rules[expression.rule_name].expression)
        if isinstance(expression, ListReference):
            return self._count_list(self._lists[expression.list_name])
        return 1

    def _product(self, items: Iterable[Expression]) -> int:
        product = 1
        for item in items:
            product = min(COUNTED_UP_TO, product * self.count(item)) if product else 0
        return product

    def _count_list(self, values: SlotList) -> int:
        if isinstance(values, TextSlotList):
            return sum(self.count(value.text_in) for value in values.values)
        if isinstance(values, RangeSlotList):
            steps = (values.stop - values.start) // values.step + 1
            fractions = {"halves": 2, "tenths": 10}
            return steps * (fractions[values.fraction_type.value] if values.fraction_type else 1)
        self.wildcard_met = True
        return 1

    def pick(self, expression: Expression, index: int) -> str:
        """The sentence with this index, from 0, among those that an expression allows."""
        return normalize_whitespace(self._pick(expression, index)).strip()

    def _pick(self, expression: Expression, index: int) -> str:
        if isinstance(expression, TextChunk):
            return expression.original_text
        if isinstance(expression, Alternative):
            return self._pick_one(expression.items, index)
        if isinstance(expression, Sequence):
            return self._pick_all(expression.items, index)
        if isinstance(expression, Permutation):
            return self._pick_permutation(expression.items, index)
        return self._pick_named(expression, index)

    def _pick_named(self, expression: Expression, index: int) -> str:
        if isinstance(expression, ListReference):
            return self._pick_value(self._lists[expression.list_name], index)
        if isinstance(expression, RuleReference):
            return self._pick(self._rules[expression.rule_name].expression, index)
        return ""

    def _pick_one(self, items: Iterable[Expression], index: int) -> str:
        for item in items:
            if index < self.count(item):
                return self._pick(item, index)
            index -= self.count(item)
        return ""

    def _pick_all(self, items: list[Expression], index: int) -> str:
        words: list[str] = []
        for item in items:
            index, item_index = divmod(index, self.count(item))
            words.append(self._pick(item, item_index))
        return "".join(words)

    def _pick_permutation(self, items: list[Expression], index: int) -> str:
        remaining, ordered = list(items), []
        while remaining:
            index, position = divmod(index, len(remaining))
            ordered.append(remaining.pop(position))
        return self._pick_all(ordered, index)

    def _pick_value(self, values: SlotList, index: int) -> str:
        if isinstance(values, TextSlotList):
            return self._pick_one((value.text_in for value in values.values), index)
        if isinstance(values, RangeSlotList):
            return self._number(values, index)
        return WILDCARD

    def _number(self, values: RangeSlotList, index: int) -> str:
        per_step = self._count_list(values) // ((values.stop - values.start) // values.step + 1)
        step, fraction = divmod(index, per_step)
        number = values.start + step * values.step + fraction / per_step
        number = int(number) if number == int(number) else round(number, 1)
        said = in_one_way(number, values.words_language or self._language) if values.words else None
        return str(number) if said is None else said


def evenly_spaced(count: int, limit: int) -> list[int]:
    """At most `limit` indices below `count`, evenly spaced: the middles of equal parts."""
    if count <= limit:
        return list(range(count))
    return [(2 * position + 1) * count // (2 * limit) for position in range(limit)]


def describe_count(count: int, *, endless: bool) -> str:
    """A number of sentences as text for a person."""
    if endless:
        return "endlessly many"
    if count <= EXACT_UP_TO:
        return f"{count:,}"
    return f"more than 10^{int(math.log10(count))}"  # Python writes no number of 5,000 digits
