"""Finds candidates with several commands, joined by a conjunction in the free text.

The search itself knows only single sentences, which keeps them quick. If a conjunction was heard
that the best sentence lacks, sentences spelled like the words on both sides of it are looked up,
and the model scores them joined.
"""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

from appliance.decoding.meanings import meanings_of
from appliance.grammar.compound_sentence import MOST_SHARED, conjunctions_in, goes_on
from appliance.grammar.nearest_sentence import nearest
from appliance.text.normalise import normalise

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from appliance.decoding.meanings import Spell
    from appliance.decoding.search_types import Decoding, SearchEffort
    from appliance.grammar.grammar import Grammar
    from appliance.grammar.nearest_sentence import NearSentence, SearchLayers

Words = tuple[str, ...]

PER_SIDE = 3
"""Number of sentences looked up for the words on each side of a conjunction."""

MOST_TEXTS = 6
"""Maximum number of joined sentences that the model scores."""

MOST_PLACES = 3
"""Maximum number of conjunctions of a text that are tried."""


def several_commands_near(
    decoding: Decoding, grammar: Grammar, spell: Spell, effort: SearchEffort
) -> list[str]:
    """Possible sentences with several commands, normalised; the nearest first.

    Empty if no conjunction was heard, or if the sentence that was found has it, too.
    """
    heard = normalise(spell(decoding.free.tokens))
    if not effort.candidate_rounds or not conjunctions_in(heard, grammar.language):
        return []
    best = next(iter(meanings_of(decoding, grammar, spell)), None)
    if best is not None and not goes_on(heard, normalise(best.text), grammar.language):
        return []
    lookup = _Lookup(grammar, effort)
    found: dict[str, float] = {}
    words = tuple(heard.split())
    for begin, end in conjunctions_in(heard, grammar.language)[:MOST_PLACES]:
        if end < len(words):
            for text, distance in lookup.joined(words, begin, end):
                found[text] = min(distance, found.get(text, distance))
    nearest_first = sorted(found, key=lambda text: found[text])
    texts = (text for text in nearest_first if text != heard and grammar.parts(text))
    return list(itertools.islice(texts, MOST_TEXTS))


class _Lookup:
    """Looks up sentences by their spelling, for one text."""

    def __init__(self, grammar: Grammar, effort: SearchEffort) -> None:
        self._grammar = grammar
        self._effort = effort
        self._layers: SearchLayers = {}
        self._known: dict[str, list[NearSentence]] = {}

    def joined(self, words: Words, begin: int, end: int) -> Iterator[tuple[str, float]]:
        """Both sides of a conjunction as two sentences, whole or with shared words."""
        conjunction = words[begin:end]
        lefts, rights = self._near(words[:begin]), self._near(words[end:])
        for left, right in itertools.product(lefts, rights):
            text = " ".join((left.text, *conjunction, right.text))
            yield text, left.distance + right.distance
        lefts = self._nearest_of(
            (*words[:begin], *words[after:]) for after in range(end + 1, len(words) + 1)
        )
        rights = self._nearest_of(
            (*words[:at], *words[end:]) for at in range(max(0, begin - MOST_SHARED), begin)
        )
        for left, right in itertools.product(lefts, rights):
            for text in _with_shared_words(left.text.split(), conjunction, right.text.split()):
                yield text, left.distance + right.distance

    def _nearest_of(self, texts: Iterable[Words]) -> list[NearSentence]:
        found = {one.text: one for words in texts for one in self._near(words)[:1]}
        return sorted(found.values(), key=lambda one: one.distance)[:PER_SIDE]

    def _near(self, words: Words) -> list[NearSentence]:
        text = " ".join(words)
        if text not in self._known:
            found = nearest(
                self._grammar.declared,
                text,
                limit=PER_SIDE,
                beam=self._effort.spelling_beam,
                layers=self._layers,
            )
            self._known[text] = [one for one in found if one.distance <= self._effort.max_distance]
        return self._known[text]


def _with_shared_words(left: list[str], conjunction: Words, right: list[str]) -> Iterator[str]:
    """Joins two sentences: their common beginning and end are said once, or partly repeated.

    "lights off in the kitchen" and "lights off in the hall" give "lights off in the kitchen and
    hall", "… and the hall" and "… and in the hall".
    """
    before = _same(zip(left, right, strict=False))
    rest = zip(reversed(left[before:]), reversed(right[before:]), strict=False)
    after = _same(rest)
    ours, theirs = left[before : len(left) - after], right[before : len(right) - after]
    if not before + after or not ours or not theirs:
        return
    for again in range(min(before, 3) + 1):
        repeated = right[before - again : before]
        yield " ".join(
            (*left[:before], *ours, *conjunction, *repeated, *theirs, *right[len(right) - after :])
        )


def _same(pairs: Iterable[tuple[str, str]]) -> int:
    return sum(1 for _ in itertools.takewhile(lambda pair: pair[0] == pair[1], pairs))
