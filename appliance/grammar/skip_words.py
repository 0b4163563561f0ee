"""Skip words in the middle of a sentence: "turn on, please, the lamp"."""

from __future__ import annotations

from itertools import combinations
from typing import TYPE_CHECKING

from appliance.text.normalise import PUNCTUATION, template_text

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

MOST_LEFT_OUT = 4
"""A text with more skip words is read without all of them, or with all."""


class Skips:
    """Words and phrases that may be said anywhere and change nothing."""

    def __init__(self, words: Iterable[str] = ()) -> None:
        spelled = (" ".join(template_text(word).split()) for word in words)
        self.whole = frozenset(filter(None, spelled))
        """Each as the automaton reads it."""
        self._begun = frozenset(
            word[:end] for word in self.whole for end in range(1, len(word) + 1)
        )

    def begun(self, text: str) -> bool:
        """Whether a skip word begins with `text`."""
        return text in self._begun

    def ahead(self, text: str) -> list[str]:
        """The letters of skip words behind `text`, and the space behind a whole one."""
        found = [word[-1] for word in self._begun if word[:-1] == text]
        return [*found, " "] if text in self.whole else found

    def left_out(self, text: str) -> Iterator[str]:
        """The text, then without one skip word, without another, without two, and so on."""
        yield text
        words = text.split()
        places = list(self._places(words))
        counts = range(1, len(places) + 1) if len(places) <= MOST_LEFT_OUT else [len(places)]
        for count in counts:
            for chosen in combinations(places, count):
                gone = {index for begin, end in chosen for index in range(begin, end)}
                yield " ".join(word for index, word in enumerate(words) if index not in gone)

    def _places(self, words: list[str]) -> Iterator[tuple[int, int]]:
        """Where skip words stand, the longest at each word."""
        plain = [template_text(word.strip("".join(PUNCTUATION))) for word in words]
        begin = 0
        longest = max((word.count(" ") + 1 for word in self.whole), default=0)
        while begin < len(words):
            ends = range(min(begin + longest, len(words)), begin, -1)
            end = next((e for e in ends if " ".join(plain[begin:e]) in self.whole), None)
            if end is not None:
                yield begin, end
            begin = end or begin + 1
