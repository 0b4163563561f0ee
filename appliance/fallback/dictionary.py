"""The words of a language's dictionary: the only file that imports spellchecker."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

import numpy as np
from spellchecker import SpellChecker

from appliance.text.word_lists import word_lists_for

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

SHORTEST_PART = 3
"""Length of the shortest part of a compound, in letters."""

LINKS = ("", "s", "n", "en", "es")
"""Letters between the parts of a compound."""


class Dictionary:
    """A dictionary; kept as sorted hashes, with 8 bytes for a word instead of a hundred."""

    def __init__(self, words: Iterable[str], *, compounds: bool) -> None:
        """`compounds` tells whether two joined words are a word, too."""
        self._hashes: NDArray[np.int64] = np.sort(np.fromiter(map(hash, words), dtype=np.int64))
        self._compounds = compounds

    def has(self, word: str) -> bool:
        """Whether `word`, in lower case, is a word or a compound of two."""
        if self._lists(word):
            return True
        ends = range(SHORTEST_PART, len(word) - SHORTEST_PART + 1) if self._compounds else ()
        return any(self._lists(word[end:]) and self._begins_compound(word[:end]) for end in ends)

    def _begins_compound(self, part: str) -> bool:
        return any(
            part.endswith(link)
            and len(part) - len(link) >= SHORTEST_PART
            and self._lists(part.removesuffix(link))
            for link in LINKS
        )

    def _lists(self, word: str) -> bool:
        place = int(np.searchsorted(self._hashes, hash(word)))
        return place < len(self._hashes) and int(self._hashes[place]) == hash(word)


@functools.cache
def dictionary_for(language: str) -> Dictionary | None:
    """The dictionary of a language, `de` for `de-CH`, or None. Reading it takes a second."""
    language = language.partition("-")[0]
    if language not in SpellChecker.languages():
        return None
    words = SpellChecker(language, distance=1).word_frequency.words()
    return Dictionary(words, compounds=word_lists_for(language).compounds)
