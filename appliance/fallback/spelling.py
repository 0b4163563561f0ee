"""Corrects typing errors in words and spaces; a word of the dictionary is never changed."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

import jellyfish

from appliance.fallback.dictionary import dictionary_for
from appliance.text.number_words import digits_of_words

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

SHORTEST = 3
"""Length of the shortest word that is corrected, in letters."""

LONG = 7
"""Words of at least this many letters may have two typing errors instead of one."""

SWAPPED = 0.5
"""Reduction of the cost if a word has the same letters in another order, the likeliest error."""


class Spelling:
    """Corrects a misspelled word to a word of the sentences if only one is near."""

    def __init__(self, language: str, known: Iterable[str], fixed: Iterable[str]) -> None:
        """`known` words are the possible corrections, without those of `fixed` and numbers."""
        self._language = language
        self._known = frozenset(known)
        numbers = {part for words in digits_of_words(language) for part in words.split()}
        self._fixed = frozenset(fixed) | numbers
        self._mended = functools.lru_cache(maxsize=4096)(self._mend)

    def mended(self, words: Sequence[str]) -> tuple[str, ...]:
        """`words` with typing errors corrected: letters, an additional or a missing space."""
        found: list[str] = []
        at = 0
        while at < len(words):
            joined = "".join(words[at : at + 2])
            if len(words) > at + 1 and self._must_join(words[at], words[at + 1], joined):
                found.append(joined)
                at += 2
            else:
                found += self._mended(words[at])
                at += 1
        return tuple(found)

    def _must_join(self, first: str, second: str, joined: str) -> bool:
        """Whether the sentences have two words of the text only joined: "bath room"."""
        declared = joined in self._known and joined not in self._fixed
        return declared and not self._known.issuperset((first, second))

    def _mend(self, word: str) -> tuple[str, ...]:
        right = word in self._known or word in self._fixed
        if right or not word.isalpha() or len(word) < SHORTEST:
            return (word,)
        dictionary = dictionary_for(self._language)
        if dictionary is None or dictionary.has(word):
            return (word,)
        for end in range(SHORTEST, len(word) - SHORTEST + 1):
            parts = word[:end], word[end:]
            if self._known.issuperset(parts) and self._fixed.isdisjoint(parts):
                return parts
        return (self._nearest(word) or word,)

    def _nearest(self, word: str) -> str | None:
        """The known word within the allowed number of typing errors, if no other is as near."""
        allowed = 2 if len(word) >= LONG else 1
        found: dict[float, list[str]] = {}
        for known in self._known | self._fixed:
            if abs(len(known) - len(word)) <= allowed:
                slips = jellyfish.damerau_levenshtein_distance(word, known)
                if slips <= allowed:
                    swapped = SWAPPED if sorted(known) == sorted(word) else 0.0
                    found.setdefault(slips - swapped, []).append(known)
        nearest = found[min(found)] if found else []
        return nearest[0] if len(nearest) == 1 and nearest[0] not in self._fixed else None
