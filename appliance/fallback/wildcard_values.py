"""Finds the words of a text that could fill a wildcard, unchanged."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from appliance.fallback.mentioned_values import MISSING_WORD_COST, fills, mentions
from appliance.fallback.sentence_patterns import Slot
from appliance.text.normalise import words_of

if TYPE_CHECKING:
    from collections.abc import Container, Iterable, Iterator, Sequence

    from appliance.fallback.content_match import ContentMatcher
    from appliance.fallback.sentence_patterns import Pattern, Patterns
    from appliance.sentences.sentence_set import SentenceSet
    from appliance.values import Intent

MOST_WORDS = 12
"""Maximum length of a run of words with a value; a text with a longer run is not considered."""

MOST_SCORED_WORDS = 100
"""Maximum number of words of all possible values, shared beginnings counted once, because the model
scores them in one batch."""

STOPS = ".!?:;"
"""Characters that end a value, unless they are inside a word: "1.5", "10:30"."""

_WORD = re.compile(rf"[^\s{STOPS}]+(?:[{STOPS}]+[^\s{STOPS}]+)*|[{STOPS}](?=\s|$)")


@dataclass(frozen=True, slots=True)
class WildcardSpan:
    """A declared sentence with one wildcard, and the possible values from the text."""

    intent: Intent
    """The meaning of the sentence with the first of `values`."""
    slot: str
    """The slot that the wildcard fills."""
    values: tuple[str, ...]
    before: tuple[str, ...]
    """The words of the sentence before the wildcard, with the other slots filled."""
    after: tuple[str, ...]
    """The words after the wildcard."""

    def sentence(self, value: str) -> str:
        """The sentence with `value` in place of the wildcard."""
        return " ".join((*self.before, value, *self.after))


def wildcard_spans(
    text: str, patterns: Patterns, sentences: SentenceSet, matcher: ContentMatcher
) -> dict[str, WildcardSpan]:
    """The best sentence with a wildcard, by intent, that means the same as the text.

    The text must have a word that occurs in no other intent's sentences. It must mention the other
    slots, and each of its words, except harmless ones, must be in the sentence or in the wildcard's
    value.
    """
    wanted = set(words_of(text))
    nearest: dict[str, tuple[float, WildcardSpan]] = {}
    for pattern in patterns.with_wildcard:
        own = set(pattern.words)
        if wanted.isdisjoint(patterns.distinctive_words.get(pattern.intent, frozenset()) & own):
            continue
        nearness = len(wanted & own) - MISSING_WORD_COST * len(own - wanted)
        if pattern.intent in nearest and nearness <= nearest[pattern.intent][0]:
            continue
        found = _span(text, pattern, patterns, sentences, matcher)
        if found is not None:
            nearest[pattern.intent] = nearness, found
    return {name: span for name, (_, span) in nearest.items()}


def filled(span: WildcardSpan, value: str, sentences: SentenceSet) -> Intent | None:
    """The intent with `value` in its wildcard; None if the grammar reads something else."""
    intent = sentences.parse(span.sentence(value))
    if intent is None or intent.name != span.intent.name:
        return None
    said = words_of(str(intent.slots.get(span.slot, "")))
    others = {name: held for name, held in intent.slots.items() if name != span.slot}
    same = {name: held for name, held in span.intent.slots.items() if name != span.slot}
    return intent if said == words_of(value) and others == same else None


def _span(
    text: str,
    pattern: Pattern,
    patterns: Patterns,
    sentences: SentenceSet,
    matcher: ContentMatcher,
) -> WildcardSpan | None:
    values = _accounted_values(text, pattern, patterns, matcher)
    if len(values) != 1:  # no fill, or ambiguous other slots
        return None
    ((fill, possible),) = values.items()
    before, after = _around(pattern, fill, patterns.wildcards)
    intent = sentences.parse(" ".join((*before, possible[0], *after)))
    if intent is None or intent.name != pattern.intent:
        return None
    for slot, held in intent.slots.items():
        if words_of(str(held)) == words_of(possible[0]):
            return WildcardSpan(intent, slot, tuple(dict.fromkeys(possible)), before, after)
    return None


def _accounted_values(
    text: str, pattern: Pattern, patterns: Patterns, matcher: ContentMatcher
) -> dict[tuple[str, ...], list[str]]:
    """Possible values of the wildcard for which the sentence has all other words of the text.

    The key is the values of the other slots.
    """
    closed = tuple(slot for slot in pattern.slots if slot.values not in patterns.wildcards)
    values: dict[tuple[str, ...], list[str]] = {}
    sides = _around(pattern, ("",) * len(closed), patterns.wildcards)
    for value, head, tail in _stretches(text, set(pattern.words), patterns.shared_words):
        in_order = matcher.includes(head, sides[0]) and matcher.includes(tail, sides[1])
        if not matcher.may_fill(words_of(value), in_order=in_order):
            continue
        rest = f"{head} {tail}"
        for fill in fills(pattern.words, closed, mentions(rest, patterns)):
            declared = words_of(" ".join((*pattern.words, *fill)))
            if matcher.accounts(words_of(rest), declared):
                values.setdefault(fill, []).append(value)
    return values


def _stretches(text: str, own: set[str], shared: frozenset[str]) -> Iterator[tuple[str, str, str]]:
    """Each run of words that the sentence lacks, and the text before and after it.

    A run of only `shared` words is left out.
    """
    text = " ".join(text.split())
    words = [(m[0], m.start(), m.end()) for m in _WORD.finditer(text)]
    runs = list(_runs(words, own))
    if any(len(run) > MOST_WORDS for run in runs):
        return
    if sum(len(run) * (len(run) + 1) // 2 for run in runs) > MOST_SCORED_WORDS:
        return
    for run in runs:
        for first in range(len(run)):
            for last in _ends(run, first):
                begin, end = run[first][1], run[last][2]
                value = text[begin:end].strip(" ,\"'()")
                if not shared.issuperset(words_of(value)):
                    yield value, text[:begin], text[end:]


def _ends(run: Sequence[tuple[str, int, int]], first: int) -> Iterator[int]:
    """Indices at which a value may end: the end of the run, a comma, or one word before either.

    A value that ends elsewhere is usually incomplete. The one word allows "put milk on".
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
    """The words before and after the wildcard; `fill` has the values of the other slots."""
    others = iter(fill)
    sides: tuple[list[str], list[str]] = ([], [])
    at = 0
    for part in pattern.parts:
        if isinstance(part, Slot) and part.values in wildcards:
            at = 1
        else:
            sides[at].append(next(others) if isinstance(part, Slot) else part)
    return tuple(sides[0]), tuple(sides[1])
