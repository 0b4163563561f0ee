"""Repairs a text that was heard a little wrong: the nearest declared sentence, if it is near.

The decoder's search for sentences that are spelled alike finds the candidates, letter by letter.
Here they are compared with the text word by word, because a number, a negation or the name of a
room must not be guessed, however small the difference in letters is.
"""

from __future__ import annotations

import copy
import functools
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import jellyfish

from appliance.fallback.mentioned_values import mentions
from appliance.fallback.prompt_words import parts_for
from appliance.grammar.nearest_sentence import nearest, spelling_distance
from appliance.text.normalise import words_of
from appliance.text.number_words import digits_of_words
from appliance.values import Intent

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from appliance.fallback.open_sentences import Patterns, Words
    from appliance.grammar.grammar import Grammar
    from appliance.grammar.text_parser import ParsedSentence

CANDIDATES = 24
"""Sentences that are compared word by word."""

BEAM = 96
"""Places kept at each letter of the search for them."""

MOST_WORDS = 24
"""A longer text is not a command."""

SIMILAR = 0.65
"""Words that are less similar are not taken for each other. With 0.45 "shut down the lights"
became "put on the lights"."""

SIMILAR_SHORT = 0.45
"""The same for two short words, of which one letter is much: "is" and "it", "o" and "off"."""

SIMILAR_VALUE = 0.85
"""The same for words of a list's value, and for two words that may be one ("bath room"). A value is
what the command is about, and a room that nobody declared is often spelled like a declared one."""

SAME_SOUND = 0.9
"""Similarity of two words that sound the same but are spelled differently."""

SHORT_LETTERS = 3
"""Words of at most so many letters say less than longer ones, so they weigh less."""

SHORT_WEIGHT = 0.5

SOUNDS_ENGLISH = frozenset({"en"})
"""Languages whose words the phonetic key is made for."""


@dataclass(frozen=True, slots=True)
class FuzzyMatch:
    """A declared sentence that is similar to a text."""

    intent: Intent
    """With `by` fuzzy, and the similarity as its confidence."""
    margin: float
    """How much less similar the best sentence with another meaning is."""


@dataclass(frozen=True, slots=True)
class _Word:
    text: str
    """A number in digits."""
    counts: bool
    """Whether it says how many or how much: a number, "minus", "half", "all"."""
    of_value: bool = False
    """Whether it is part of a list's value."""

    @property
    def short(self) -> bool:
        return len(self.text) <= SHORT_LETTERS

    @property
    def weight(self) -> float:
        return SHORT_WEIGHT if self.short else 1.0


class FuzzyMatcher:
    """Finds the declared sentence that a text was probably meant to be."""

    def __init__(self, grammar: Grammar, patterns: Patterns, allowed: Iterable[str]) -> None:
        """Only intents of `allowed` are found."""
        self._grammar = grammar
        self._patterns = patterns
        self._allowed = frozenset(allowed)
        parts = parts_for(grammar.language)
        self._negations, self._quantities = parts.negations, parts.quantities
        self._digits = digits_of_words(grammar.language)
        self._similarity = functools.lru_cache(maxsize=20_000)(
            functools.partial(_similarity, by_sound=grammar.language in SOUNDS_ENGLISH)
        )

    def for_grammar(self, grammar: Grammar) -> FuzzyMatcher:
        """The same for the same sentences, said in another room."""
        other = copy.copy(self)
        other._grammar = grammar  # noqa: SLF001 (its own copy)
        return other

    def match(self, text: str) -> FuzzyMatch | None:
        """The sentence that is spelled most alike, if it is similar word by word, too."""
        words = words_of(text)
        if not words or len(words) > MOST_WORDS:
            return None
        best: ParsedSentence | None = None
        similarity_of: dict[object, float] = {}
        for sentence, reading in self._candidates(words):
            best = best or reading
            if reading.meaning != best.meaning and not similarity_of[best.meaning]:
                return None
            similarity = self._compare(words, sentence)
            known = similarity_of.get(reading.meaning, 0.0)
            similarity_of[reading.meaning] = max(known, similarity)
        similarity = similarity_of.pop(best.meaning, 0.0) if best else 0.0
        if best is None or not similarity or best.lacks_area:
            return None
        margin = similarity - max(similarity_of.values(), default=0.0)
        intent = Intent(best.intent, dict(best.slots), round(similarity, 3), "fuzzy")
        return FuzzyMatch(intent, round(margin, 3))

    def _candidates(self, words: Words) -> Iterator[tuple[str, ParsedSentence]]:
        """Sentences spelled alike, nearest first; none with a wildcard, which fits any words."""
        negated = not self._negations.isdisjoint(words)
        automaton = self._grammar.automaton
        for near in nearest(automaton, " ".join(words), limit=CANDIDATES, beam=BEAM):
            if negated == self._negations.isdisjoint(words_of(near.text)):
                continue
            for reading in self._grammar.readings(near.text)[:1]:
                if not reading.wildcard_characters and reading.intent in self._allowed:
                    yield near.text, reading

    def _compare(self, heard: Words, sentence: str) -> float:
        """Similarity of a text and a sentence, 0.0 to 1.0: Levenshtein's distance over words."""
        said = [self._word(word) for word in heard]
        meant = list(self._words_of_sentence(sentence))
        table = [[(math.inf, 0.0)] * (len(said) + 1) for _ in range(len(meant) + 1)]
        table[0][0] = (0.0, 0.0)
        for at, row in enumerate(table):
            for end in range(len(row)):
                row[end] = min([row[end], *self._ways_to(table, meant[:at], said[:end])])
        cost, weight = table[-1][-1]
        return 1.0 - cost / weight if math.isfinite(cost) else 0.0

    def _ways_to(
        self,
        table: Sequence[Sequence[tuple[float, float]]],
        meant: Sequence[_Word],
        said: Sequence[_Word],
    ) -> Iterator[tuple[float, float]]:
        """Cost and weight of each way to compare these words, by their last ones."""
        if said and not said[-1].counts:  # a word too many
            yield _plus(table[len(meant)][len(said) - 1], said[-1].weight, 1.0)
        if meant and not meant[-1].counts and not meant[-1].of_value:  # a missing word
            yield _plus(table[len(meant) - 1][len(said)], meant[-1].weight, 1.0)
        for ours, theirs in ((1, 1), (1, 2), (2, 1)):
            if ours <= len(meant) and theirs <= len(said):
                pair = meant[-ours:], said[-theirs:]
                if similarity := self._similarity_of(*pair):
                    weight = max(word.weight for words in pair for word in words)
                    before = table[len(meant) - ours][len(said) - theirs]
                    yield _plus(before, weight, 1.0 - similarity)

    def _similarity_of(self, meant: Sequence[_Word], said: Sequence[_Word]) -> float:
        """0.0 if the ones must not be taken for the others."""
        if [one.text for one in said if one.counts] != [one.text for one in meant if one.counts]:
            return 0.0
        similarity = self._similarity(
            "".join(one.text for one in said), "".join(one.text for one in meant)
        )
        if len(said) != len(meant) or any(one.of_value for one in meant):
            least = SIMILAR_VALUE
        else:
            least = SIMILAR_SHORT if all(one.short for one in (*said, *meant)) else SIMILAR
        return similarity if similarity >= least else 0.0

    def _words_of_sentence(self, sentence: str) -> Iterator[_Word]:
        values = mentions(sentence, self._patterns)
        words, at = words_of(sentence), 0
        while at < len(words):
            if values and words[at : at + len(values[0].words)] == values[0].words:
                value = values.pop(0).words
                yield from (self._word(word, of_value=True) for word in value)
                at += len(value)
            else:
                yield self._word(words[at])
                at += 1

    def _word(self, word: str, *, of_value: bool = False) -> _Word:
        text = self._digits.get(word, word)
        counts = word in self._quantities or any(map(str.isdigit, text))
        return _Word(text, counts, of_value)


def _plus(before: tuple[float, float], weight: float, share: float) -> tuple[float, float]:
    return before[0] + share * weight, before[1] + weight


def _similarity(one: str, other: str, *, by_sound: bool) -> float:
    """Similarity of two words by spelling and sound, 0.0 to 1.0."""
    if one == other:
        return 1.0
    spelled = 1.0 - spelling_distance(one, other) / max(len(one), len(other))
    if by_sound and _sound(one) and _sound(one) == _sound(other):
        return max(spelled, SAME_SOUND)
    return spelled


_sound: Callable[[str], str] = functools.lru_cache(maxsize=20_000)(jellyfish.metaphone)
