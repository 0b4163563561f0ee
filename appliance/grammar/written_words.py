"""Keeps the written form of the sentences' words: apostrophes, and capitals of nouns.

A sentence is compared without either, but the model knows words as they are written: it finds
"Ferme l'auvent" a thousand times likelier than "Ferme lauvent".
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from appliance.text.normalise import folded
from appliance.text.word_lists import word_lists_for

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

_WORD = re.compile(r"[^\W\d_]+")

_APOSTROPHE = re.compile(r"[^\W\d_]+'[^\W\d_]+")

_ELISION = re.compile(r"(?<!\w)([^\W\d_]{1,5})'")

_QUOTED = re.compile(r'"[^"]*"')
"""Python writes a text that has an apostrophe in double quotes."""

_REFERENCE = re.compile(r"<[^<>]*>|\{[^{}\s]*\}")
"""The name of a rule or list in a sentence."""

LEAST_LETTERS = 3
"""Minimum number of letters of a word after an apostrophe, or at the beginning of a compound."""


@dataclass(frozen=True)
class WrittenWords:
    """Written forms of words that differ from their form for comparison."""

    apostrophe: Mapping[str, str] = field(default_factory=dict)
    """Folded word → the same with its apostrophe."""
    elisions: frozenset[str] = frozenset()
    """Folded beginnings that lose a vowel before the next word: "l", "dell"."""
    plain: frozenset[str] = frozenset()
    """All words, folded."""
    nouns: Mapping[str, str] = field(default_factory=dict)
    """Folded word → the same with its capitals; empty if the language has no capitals for nouns."""

    @classmethod
    def of(cls, content: str, language: str) -> WrittenWords:
        """The written forms in `content`: sentences and lists as Python writes them."""
        text = _REFERENCE.sub(" ", content.replace("\u2019", "'").replace("\\'", "'"))
        forms: dict[str, Counter[str]] = defaultdict(Counter)
        for word, count in Counter(_WORD.findall(text)).items():
            forms[folded(word)][word] = count
        nouns = word_lists_for(language).capital_nouns
        return cls(
            {folded(word): word for word in _APOSTROPHE.findall(text)},
            frozenset(_elisions(text)),
            frozenset(forms),
            {
                word: most
                for word, written in forms.items()
                if nouns and (most := written.most_common(1)[0][0]) != word
            },
        )

    def written(self, word: str) -> str | None:
        """A folded word as it is written; None if that is the same."""
        return self.apostrophe.get(word) or self._elided(word) or self._as_noun(word)

    def _elided(self, word: str) -> str | None:
        if word in self.plain:
            return None
        for end in range(1, len(word) - LEAST_LETTERS + 1):
            if word[:end] in self.elisions and word[end:] in self.plain:
                rest = word[end:]
                return f"{word[:end]}'{self._as_noun(rest) or rest}"
        return None

    def _as_noun(self, word: str) -> str | None:
        """A noun, or a longer word that begins with one, as compounds and plurals do."""
        if word in self.plain:
            return self.nouns.get(word)
        heads = (word[:end] for end in range(len(word) - 1, LEAST_LETTERS, -1))
        known = next((head for head in heads if head in self.plain), None)
        return word.capitalize() if known in self.nouns else None


def _elisions(text: str) -> Iterable[str]:
    for quoted in _QUOTED.findall(text):
        yield from map(folded, _ELISION.findall(quoted[1:-1]))
