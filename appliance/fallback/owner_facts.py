"""Facts for the language model: of a file and of the devices, the lines nearest to a question."""

from __future__ import annotations

import logging
import math
from collections import Counter
from typing import TYPE_CHECKING

from appliance.text.normalise import words_of
from appliance.text.word_lists import word_lists_for

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

logger = logging.getLogger(__name__)

MOST_LINES = 3
"""Maximum number of facts for a question; the model must read each before it answers."""

MOST_BYTES = 262_144
"""Number of bytes read from the file; the rest is left out."""

LONGEST_LINE = 300
"""Maximum length of a fact, in characters."""

SHORTEST_WORD = 3
"""Letters of the shortest word that counts; in every language, shorter ones are common words."""

UNREADABLE = (0, 0)
"""Stands for the time and size of a file that cannot be read."""


class OwnerFacts:
    """The facts of a file, read again when it changes. Use it from one thread."""

    def __init__(self, path: Path | None) -> None:
        """`path` None: there are no facts."""
        self._path = path
        self._stamp: tuple[int, int] | None = None
        self._lines: list[tuple[str, frozenset[str]]] = []

    def nearest(self, question: str, more: Iterable[str] = ()) -> list[str]:
        """The facts that share the most telling words with a question, best first; [] if none do.

        `more` are facts beside those of the file.

        A word counts by its inverse document frequency (Sparck Jones 1972); one that is in more
        than half of the lines says nothing about the subject.
        """
        self._read_if_changed()
        asked = _telling_words(question)
        lines = [*self._lines, *((line, _telling_words(line)) for line in more)]
        weights = _weights(lines)
        scored = [
            (sum(weights[word] for word in asked & words), -number, line)
            for number, (line, words) in enumerate(lines)
        ]
        best = sorted((one for one in scored if one[0] > 0.0), reverse=True)
        return [line for _, _, line in best[:MOST_LINES]]

    def _read_if_changed(self) -> None:
        if self._path is None:
            return
        try:
            status = self._path.stat()
            stamp = status.st_mtime_ns, status.st_size
            if stamp == self._stamp:
                return
            with self._path.open("rb") as file:
                text = file.read(MOST_BYTES).decode("utf-8", errors="ignore")
        except OSError as error:
            if self._stamp != UNREADABLE:  # once, and not with each question
                logger.warning("language_model.facts: %s cannot be read: %s", self._path, error)
            self._stamp, self._lines = UNREADABLE, []
            return
        self._stamp = stamp
        lines = (line.strip()[:LONGEST_LINE] for line in text.splitlines())
        facts = [line for line in lines if line and not line.startswith("#")]
        self._lines = [(line, _telling_words(line)) for line in facts]


def is_about(fact: str, question: str, language: str) -> bool:
    """Whether a fact has every telling word of a question, so that it may be read out as it is.

    Words that make a question, such as "when" and "do we have", tell nothing.
    """
    lists = word_lists_for(language)
    content = lists.content(words_of(question), begins=False)
    telling = [word for word in content if lists.guard_in([word]) is None]
    asked = {word for word in telling if len(word) >= SHORTEST_WORD}
    return bool(asked) and asked <= set(lists.content(words_of(fact), begins=False))


def _weights(lines: Sequence[tuple[str, frozenset[str]]]) -> dict[str, float]:
    counts = Counter(word for _, words in lines for word in words)
    number = len(lines)
    return {
        word: math.log((number + 1) / n) if n <= max(1, number // 2) else 0.0
        for word, n in counts.items()
    }


def _telling_words(text: str) -> frozenset[str]:
    return frozenset(word for word in words_of(text) if len(word) >= SHORTEST_WORD)
