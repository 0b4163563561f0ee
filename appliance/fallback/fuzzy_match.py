"""The nearest declared sentence, by sound and spelling: for words heard a little wrong."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import TYPE_CHECKING

import jellyfish
from rapidfuzz import fuzz, process
from rapidfuzz.distance import JaroWinkler, Levenshtein

from appliance.fallback.prompt_parts import parts_for
from appliance.fallback.sentence_patterns import Slot, words_of
from appliance.text.number_words import digits_of_words
from appliance.values import Intent

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from appliance.fallback.sentence_patterns import Part, Pattern, Patterns, Words
    from appliance.sentences.sentence_set import SentenceSet

LOOKED_AT = 60
"""Patterns that are compared word by word: the nearest at a first glance."""

LONGEST = 24
"""Words; a longer text is no command."""

LONGEST_VALUE = 4
"""Words of the text that may stand for one value of a list."""

SAME_SOUND = 0.9
"""Likeness of two words that sound the same and are spelled otherwise."""

UNLIKE = 0.45
"""Words that are less alike than this have nothing to do with each other."""

SURE_OF_VALUE = 0.85
"""Likeness from which words may stand for a value of a list: it is what the command is about, and
another room or device that nobody declared is spelled somewhat like one that was."""

LITTLE = 3
"""Letters; words up to this length say less than longer ones."""

LITTLE_WEIGHT = 0.5

SOUNDS_ENGLISH = frozenset({"en"})
"""Languages whose words the phonetic key was made for."""


@dataclass(frozen=True, slots=True)
class FuzzyMatch:
    """A declared sentence that is near to what was heard."""

    intent: Intent
    """With `by` fuzzy, and the likeness as its confidence."""
    margin: float
    """How much less alike the nearest sentence with another meaning is."""


@dataclass(frozen=True, slots=True)
class _Match:
    likeness: float
    sentence: tuple[str, ...]


class FuzzyMatcher:
    """Looks for the declared sentence that a text was probably meant to be."""

    def __init__(self, sentences: SentenceSet, patterns: Patterns, allowed: Iterable[str]) -> None:
        names = set(allowed)
        self._sentences = sentences
        self._patterns = [p for p in patterns.patterns if p.intent in names]
        self._glances = [_glance(pattern, patterns) for pattern in self._patterns]
        self._values = patterns.values
        self._numbers = patterns.numbers
        self._negations = parts_for(sentences.language).negations
        self._counting = parts_for(sentences.language).counting
        self._figures = digits_of_words(sentences.language)
        self._alike = functools.lru_cache(maxsize=20_000)(
            functools.partial(_alike, by_sound=sentences.language in SOUNDS_ENGLISH)
        )

    def repair(self, text: str) -> FuzzyMatch | None:
        """The nearest sentence and how far ahead it is; None where nothing is near at all."""
        words = words_of(text)
        if not words or len(words) > LONGEST:
            return None
        best: dict[tuple[str, str], tuple[float, Intent]] = {}
        for match in self._matches(words):
            intent = self._sentences.parse(" ".join(match.sentence))
            if intent is None:
                continue
            meaning = (intent.name, repr(sorted(intent.slots.items(), key=str)))
            if meaning not in best or match.likeness > best[meaning][0]:
                best[meaning] = (match.likeness, intent)
        ranked = sorted(best.values(), key=lambda found: -found[0])
        if not ranked:
            return None
        likeness, intent = ranked[0]
        second = ranked[1][0] if len(ranked) > 1 else 0.0
        repaired = Intent(intent.name, intent.slots, round(likeness, 3), "fuzzy")
        return FuzzyMatch(repaired, round(likeness - second, 3))

    def _matches(self, words: Words) -> Iterator[_Match]:
        near = process.extract(
            " ".join(words), self._glances, scorer=fuzz.token_sort_ratio, limit=LOOKED_AT
        )
        negated = self._negations.intersection(words)
        seen: set[tuple[str, ...]] = set()
        for _, _, index in near:
            pattern = self._patterns[index]
            if bool(negated) != bool(self._negations.intersection(pattern.words)):
                continue
            match = self._match(words, pattern)
            if match is not None and match.sentence not in seen:
                seen.add(match.sentence)
                yield match

    def _match(self, words: Words, pattern: Pattern) -> _Match | None:
        """The best way to lay the text over a pattern: Levenshtein over words and slots."""
        parts = pattern.parts
        # costs[i]: the cheapest way to have read i words of the text, its weight and sentence
        rows: list[tuple[float, float, tuple[str, ...]] | None] = [
            None
            if self._counted(words[:i])
            else (sum(map(_weight, words[:i])), sum(map(_weight, words[:i])), ())
            for i in range(len(words) + 1)
        ]
        for part in parts:
            rows = self._over(part, rows, words)
        last = rows[-1]
        if last is None or last[1] == 0:
            return None
        return _Match(1.0 - last[0] / last[1], last[2])

    def _over(
        self,
        part: Part,
        before: Sequence[tuple[float, float, tuple[str, ...]] | None],
        words: Words,
    ) -> list[tuple[float, float, tuple[str, ...]] | None]:
        """One part further: it is left out, or words of the text stand for it."""
        after: list[tuple[float, float, tuple[str, ...]] | None] = []
        for end in range(len(before)):
            options = []
            here = before[end]
            if here is not None and isinstance(part, str) and not self._counted((part,)):
                weight = _weight(part)
                options.append((here[0] + weight, here[1] + weight, (*here[2], part)))
            for begin in range(max(0, end - LONGEST_VALUE), end):
                start = before[begin]
                if start is None:
                    continue
                for likeness, said in self._readings(part, words[begin:end]):
                    weight = max(_weight(word) for word in (*words[begin:end], said))
                    cost = (1.0 - likeness) * weight
                    options.append((start[0] + cost, start[1] + weight, (*start[2], said)))
            previous = after[end - 1] if end else None
            if previous is not None and not self._counted((words[end - 1],)):
                extra = _weight(words[end - 1])
                options.append((previous[0] + extra, previous[1] + extra, previous[2]))
            after.append(min(options, key=lambda o: o[0]) if options else None)
        return after

    def _readings(self, part: Part, span: Words) -> Iterator[tuple[float, str]]:
        """What a stretch of the text may stand for: the pattern's word, or values of its list."""
        if isinstance(part, str):
            if len(span) > 2 or self._counted(span) != self._counted((part,)):  # noqa: PLR2004
                return
            likeness = self._alike("".join(span), part)
            if likeness > UNLIKE:
                yield likeness, part
            return
        values = self._values[part.values]
        if span in values:
            yield 1.0, values[span]
        elif part.values not in self._numbers:  # a number is heard right, or not at all
            nearest = self._nearest(part.values, span)
            if nearest[0] >= SURE_OF_VALUE:
                yield nearest

    def _nearest(self, values: str, span: Words) -> tuple[float, str]:
        said, counted = self._joined(span), self._counted(span)
        near = (
            (self._alike(said, self._joined(key)), key, text)
            for key, text in self._values[values].items()
        )
        alike = ((one, text) for one, key, text in near if self._counted(key) == counted)
        return max(alike, default=(0.0, ""))

    def _joined(self, words: Words) -> str:
        return "".join(self._figures.get(word, word) for word in words)

    def _counted(self, words: Words) -> Words:
        """What says how many or how much: numbers, as digits, and "minus", "half", "all"."""
        return tuple(
            self._figures.get(word, word)
            for word in words
            if word in self._figures or word in self._counting or any(map(str.isdigit, word))
        )


def _glance(pattern: Pattern, patterns: Patterns) -> str:
    """A pattern as one string, with a value in each slot."""
    return " ".join(
        next(iter(patterns.values[part.values].values())) if isinstance(part, Slot) else part
        for part in pattern.parts
    )


def _weight(word: str) -> float:
    return LITTLE_WEIGHT if len(word) <= LITTLE else 1.0


def _alike(one: str, other: str, *, by_sound: bool) -> float:
    """Likeness of two words by spelling and sound, 0.0 to 1.0."""
    if one == other:
        return 1.0
    spelled = (
        Levenshtein.normalized_similarity(one, other) + JaroWinkler.similarity(one, other)
    ) / 2
    if not by_sound:
        return spelled
    sounds = _sound(one), _sound(other)
    if sounds[0] and sounds[0] == sounds[1]:
        return max(spelled, SAME_SOUND)
    return max(spelled, 0.85 * Levenshtein.normalized_similarity(*sounds) * (spelled > UNLIKE))


_sound: Callable[[str], str] = functools.lru_cache(maxsize=20_000)(jellyfish.metaphone)
