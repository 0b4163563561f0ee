"""Finds the list values that a text mentions, and the declared sentences that could mean it."""

from __future__ import annotations

import itertools
from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

from appliance.fallback.open_sentences import Slot
from appliance.text.normalise import words_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from appliance.fallback.open_sentences import Pattern, Patterns, Words

LONGEST_VALUE = 6
"""Words of the longest value that is found."""

MOST_MENTIONS = 4
"""A text that mentions more values is not one command."""

MISSING_WORD_COST = 0.3
"""How much a word of the sentence that the text lacks counts against it; a shared word counts 1."""

CLEAR_LEAD = 0.9
"""A sentence of the same values is left out if another one matches better by this much."""

_Use = tuple[str, int, tuple[str, ...]]
"""Intent, block, and the values in the slots."""


@dataclass(frozen=True, slots=True)
class Mention:
    """Words of the text that are a value of at least one list."""

    words: Words
    values: Mapping[str, str]
    """List → the value's text."""


@dataclass(frozen=True, slots=True)
class IntentCandidate:
    """A declared sentence whose slots are exactly the values that the text mentions."""

    intent: str
    sentence: str


def mentions(text: str, patterns: Patterns) -> list[Mention]:
    """The values that the text mentions, in order; of overlapping ones the longest."""
    words, found, at = words_of(text), [], 0
    while at < len(words):
        for end in range(min(len(words), at + LONGEST_VALUE), at, -1):
            span = words[at:end]
            values = {k: v[span] for k, v in patterns.values.items() if span in v}
            if values:
                found.append(Mention(span, values))
                at = end - 1
                break
        at += 1
    return found


def candidates(text: str, patterns: Patterns) -> list[IntentCandidate]:
    """The best sentences for each intent and each way to put the mentioned values into slots.

    Each mentioned value must be a slot of the sentence or part of its own words, and each slot
    must be mentioned. So no value is made up, and none is ignored.
    """
    found = mentions(text, patterns)
    if len(found) > MOST_MENTIONS:
        return []
    wanted = set(words_of(text))
    nearest: dict[_Use, tuple[float, dict[tuple[Slot, ...], tuple[float, IntentCandidate]]]] = {}
    for pattern in patterns.patterns:
        own = set(pattern.words)
        nearness = len(wanted & own) - MISSING_WORD_COST * len(own - wanted)
        for fill in fills(pattern.words, pattern.slots, found):
            use = (pattern.intent, pattern.block, fill)
            top, ways = nearest.get(use, (nearness, {}))
            if pattern.slots not in ways or nearness > ways[pattern.slots][0]:
                ways[pattern.slots] = (
                    nearness,
                    IntentCandidate(pattern.intent, _fill_slots(pattern, fill)),
                )
            nearest[use] = max(top, nearness), ways
    return [
        candidate
        for top, ways in nearest.values()
        for nearness, candidate in ways.values()
        if nearness > top - CLEAR_LEAD  # "ten minutes" are minutes; only "ten" may be hours, too
    ]


def fills(
    words: Words, slots: tuple[Slot, ...], found: Sequence[Mention]
) -> Iterator[tuple[str, ...]]:
    """The slots' values for each order of the mentions that fits the slots.

    Mentions that are part of the sentence's own `words` are left out.
    """
    own = set(words)
    free = [mention for mention in found if not own.issuperset(mention.words)]
    if len(free) != len(slots):
        return
    seen: set[tuple[str, ...]] = set()
    for order in itertools.permutations(free):
        if all(slot.values in mention.values for slot, mention in zip(slots, order, strict=True)):
            fill = tuple(m.values[slot.values] for slot, m in zip(slots, order, strict=True))
            if fill not in seen:
                seen.add(fill)
                yield fill


def _fill_slots(pattern: Pattern, fill: Sequence[str]) -> str:
    values = iter(fill)
    return " ".join(next(values) if isinstance(part, Slot) else part for part in pattern.parts)


def by_intent(found: Sequence[IntentCandidate]) -> dict[str, list[str]]:
    """The candidates' sentences, by their intent."""
    grouped: dict[str, list[str]] = defaultdict(list)
    for candidate in found:
        grouped[candidate.intent].append(candidate.sentence)
    return dict(grouped)
