"""Finds the list values that a text mentions."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import TYPE_CHECKING

from appliance.text.normalise import words_of

if TYPE_CHECKING:
    from collections.abc import Container, Iterator, Mapping, Sequence

    from appliance.fallback.sentence_patterns import Patterns, Slot, Words

LONGEST_VALUE = 6
"""Maximum number of words of a value that is found."""

MOST_MENTIONS = 4
"""A text that mentions more values is not one command."""

MISSING_WORD_COST = 0.3
"""Cost of a word of the sentence that the text lacks; a shared word counts 1."""


@dataclass(frozen=True, slots=True)
class Mention:
    """Words of the text that name a value of at least one list."""

    words: Words
    values: Mapping[str, str]
    """List → the value's text."""


def mentions(text: str, patterns: Patterns, but: Container[str] = ()) -> list[Mention]:
    """The values that the text mentions, in order; of overlapping ones the longest.

    `but` are lists that are left out.
    """
    words, found, at = words_of(text), [], 0
    while at < len(words):
        for end in range(min(len(words), at + LONGEST_VALUE), at, -1):
            span = words[at:end]
            values = {k: v[span] for k, v in patterns.values.items() if span in v and k not in but}
            if values:
                found.append(Mention(span, values))
                at = end - 1
                break
        at += 1
    return found


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
