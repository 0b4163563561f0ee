"""What could fill a wildcard: words of the text itself, as they stand there, and no others."""

from __future__ import annotations

import dataclasses
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from appliance.fallback.prompt_parts import parts_for
from appliance.fallback.sentence_patterns import Slot, words_of
from appliance.fallback.slot_mentions import STRANGE, fills, mentions

if TYPE_CHECKING:
    from collections.abc import Container, Iterable, Iterator, Sequence

    from appliance.fallback.sentence_patterns import Pattern, Patterns
    from appliance.sentences.sentence_set import SentenceSet
    from appliance.values import Intent

MOST_WORDS = 12
"""Of a stretch that a wildcard's value is looked for in; a text with a longer one is left alone."""

MOST_WEIGHED = 100
"""Words of all possible values together, those of equal beginnings counted once: what is weighed
is computed at one go."""

LITTLE = 2
"""Letters; words up to this length need not be said: `to` and `me` tell nothing."""

STOPS = ".!?:;"
"""No value goes on over them, but where they are within a word: `1.5`, `10:30`."""

_WORD = re.compile(rf"[^\s{STOPS}]+(?:[{STOPS}]+[^\s{STOPS}]+)*|[{STOPS}](?=\s|$)")


@dataclass(frozen=True, slots=True)
class WildcardSpan:
    """A declared sentence with one wildcard, and what of the text may stand there."""

    intent: Intent
    """As the grammar reads the sentence with the first of `values`."""
    slot: str
    """The slot that the wildcard fills."""
    values: tuple[str, ...]
    before: tuple[str, ...]
    """The sentence up to the wildcard, its other slots filled; then the rest of it."""
    behind: tuple[str, ...]
    whole: bool
    """Whether the text has all the words that the sentence needs and none that undoes; else it is
    perhaps what was meant, and perhaps the opposite: `delete milk on the shopping list`."""

    def sentence(self, value: str) -> str:
        """The declared sentence with `value` in place of the wildcard."""
        return " ".join((*self.before, value, *self.behind))


def openings(text: str, patterns: Patterns, sentences: SentenceSet) -> dict[str, WildcardSpan]:
    """For each intent the nearest of its sentences with a wildcard that the text could mean.

    The text must have a word that no other intent's sentences have, the other slots must be
    mentioned, and what is mentioned besides must stand within the wildcard's value.
    """
    wanted = set(words_of(text))
    undone = wanted & parts_for(sentences.language).undoing
    nearest: dict[str, tuple[tuple[bool, float], WildcardSpan]] = {}
    for pattern in patterns.open:
        own = set(pattern.words)
        if wanted.isdisjoint(patterns.telling.get(pattern.intent, frozenset()) & own):
            continue
        whole = undone <= own and wanted.issuperset(_needed(pattern))
        nearness = whole, len(wanted & own) - STRANGE * len(own - wanted)
        if pattern.intent in nearest and nearness <= nearest[pattern.intent][0]:
            continue
        found = _opening(text, pattern, patterns, sentences)
        if found is not None:
            nearest[pattern.intent] = nearness, dataclasses.replace(found, whole=whole)
    return {name: opening for name, (_, opening) in nearest.items()}


def filled(opening: WildcardSpan, value: str, sentences: SentenceSet) -> Intent | None:
    """The intent with `value` for its wildcard; None where the grammar reads something else."""
    intent = sentences.parse(opening.sentence(value))
    if intent is None or intent.name != opening.intent.name:
        return None
    said = words_of(str(intent.slots.get(opening.slot, "")))
    others = {name: held for name, held in intent.slots.items() if name != opening.slot}
    same = {name: held for name, held in opening.intent.slots.items() if name != opening.slot}
    return intent if said == words_of(value) and others == same else None


def _needed(pattern: Pattern) -> set[str]:
    """The words without which a text may want something else, its verb above all."""
    return {word for word in pattern.words if len(word) > LITTLE} or set(pattern.words)


def _opening(
    text: str, pattern: Pattern, patterns: Patterns, sentences: SentenceSet
) -> WildcardSpan | None:
    closed = tuple(slot for slot in pattern.slots if slot.values not in patterns.wildcards)
    values: dict[tuple[str, ...], list[str]] = {}
    for value, rest in _stretches(text, set(pattern.words), patterns.common):
        for fill in fills(pattern.words, closed, mentions(rest, patterns)):
            values.setdefault(fill, []).append(value)
    if len(values) != 1:  # none, or it is not clear what the other slots are
        return None
    ((fill, possible),) = values.items()
    before, behind = _around(pattern, fill, patterns.wildcards)
    intent = sentences.parse(" ".join((*before, possible[0], *behind)))
    if intent is None or intent.name != pattern.intent:
        return None
    for slot, held in intent.slots.items():
        if words_of(str(held)) == words_of(possible[0]):
            values_said = tuple(dict.fromkeys(possible))
            return WildcardSpan(intent, slot, values_said, before, behind, whole=False)
    return None


def _stretches(text: str, own: set[str], common: frozenset[str]) -> Iterator[tuple[str, str]]:
    """Each stretch of words that are not the sentence's own, and the text without it.

    None of them is made of `common` words alone.
    """
    text = " ".join(text.split())
    words = [(m[0], m.start(), m.end()) for m in _WORD.finditer(text)]
    runs = list(_runs(words, own))
    if any(len(run) > MOST_WORDS for run in runs):
        return
    if sum(len(run) * (len(run) + 1) // 2 for run in runs) > MOST_WEIGHED:
        return
    for run in runs:
        for first in range(len(run)):
            for last in _ends(run, first):
                begin, end = run[first][1], run[last][2]
                value = text[begin:end].strip(" ,\"'()")
                if not common.issuperset(words_of(value)):
                    yield value, f"{text[:begin]} {text[end:]}"


def _ends(run: Sequence[tuple[str, int, int]], first: int) -> Iterator[int]:
    """Where a value may end: with the stretch or at a comma, or else a word earlier.

    What stands in the middle of something is mostly half of what was meant; the one word is for
    "put milk on".
    """
    for last in range(first, len(run)):
        near = run[last : last + 2]
        if len(near) == 1 or last + 2 == len(run) or any("," in word for word, _, _ in near):
            yield last


def _runs(
    words: Iterable[tuple[str, int, int]], own: set[str]
) -> Iterator[Sequence[tuple[str, int, int]]]:
    run: list[tuple[str, int, int]] = []
    for word in (*words, ("", 0, 0)):
        if words_of(word[0]) and own.isdisjoint(words_of(word[0])):
            run.append(word)
            continue
        yield run
        run = []


def _around(
    pattern: Pattern, fill: Sequence[str], wildcards: Container[str]
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """What is said before the wildcard and behind it; `fill` has the values of the other slots."""
    others = iter(fill)
    sides: tuple[list[str], list[str]] = ([], [])
    at = 0
    for part in pattern.parts:
        if isinstance(part, Slot) and part.values in wildcards:
            at = 1
        else:
            sides[at].append(next(others) if isinstance(part, Slot) else part)
    return tuple(sides[0]), tuple(sides[1])
