"""Finds the declared sentences most like a text: TF-IDF over words and word pairs, in numpy.

Term weights are those of Salton and Buckley 1988 (tf times log of inverse frequency), compared by
cosine. The index is made only from the owner's own sentences.
"""

from __future__ import annotations

import itertools
import math
from collections import Counter, defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from numpy.typing import NDArray

    from appliance.fallback.sentence_patterns import Pattern, Slot

SLOT = "{}"
"""Stands for a slot among the content words."""

PAIR_WEIGHT = 0.5
"""Weight of a pair of neighbouring words; a single word has 1, because order tells less than
content."""


@dataclass(frozen=True, slots=True)
class Proposals:
    """The declared sentences to compare a text with, one row each."""

    patterns: tuple[Pattern, ...]
    words: tuple[frozenset[str], ...]
    """Content words of each row."""
    kinds: NDArray[np.int32]
    """Number of each row's kind; a kind is all sentences with one meaning and the same slots."""
    vocabulary: tuple[frozenset[str], ...]
    """All words of the sentences of each kind."""
    openings: frozenset[str]
    """First words of sentences; a second one in a text may undo the first ("stop closing")."""
    index: TermWeights

    @classmethod
    def of(
        cls, patterns: Iterable[Pattern], content_of: Callable[[Sequence[str | Slot]], list[str]]
    ) -> Proposals:
        rows: dict[tuple[object, ...], tuple[Pattern, list[str]]] = {}
        for pattern in patterns:
            content = content_of(pattern.parts)
            if content != [SLOT] * len(content):
                slots = tuple(slot.values for slot in pattern.slots)
                key = (pattern.intent, pattern.block, slots, tuple(content))
                rows.setdefault(key, (pattern, content))
        kinds: dict[object, int] = {}
        vocabulary: dict[int, set[str]] = defaultdict(set)
        numbers: list[int] = []
        for pattern, content in rows.values():
            slots = tuple(sorted(slot.values for slot in pattern.slots))
            number = kinds.setdefault((pattern.intent, pattern.block, slots), len(kinds))
            numbers.append(number)
            vocabulary[number] |= set(content) - {SLOT}
        return cls(
            tuple(pattern for pattern, _ in rows.values()),
            tuple(frozenset(content) - {SLOT} for _, content in rows.values()),
            np.array(numbers, np.int32),
            tuple(frozenset(vocabulary[number]) for number in range(len(kinds))),
            frozenset(content[0] for _, content in rows.values()) - {SLOT},
            TermWeights([content for _, content in rows.values()], numbers),
        )

    def nearest(self, content: Sequence[str], slots: int) -> Iterator[tuple[int, float]]:
        """The best row of each kind that has all words of the text, with its cosine; best first.

        The text must have each word of the row: "lights on" is not "all lights on".
        """
        words = set(content) - {SLOT}
        able = {number for number, known in enumerate(self.vocabulary) if words <= known}
        if not able:
            return
        scores = self.index.scores(content)
        rows = np.flatnonzero((scores > 0.0) & np.isin(self.kinds, list(able)))
        for row in rows[np.argsort(-scores[rows], kind="stable")]:
            kind = int(self.kinds[row])
            is_said = self.words[row] <= words and len(self.patterns[row].slots) == slots
            if is_said and kind in able:
                able.remove(kind)
                yield int(row), float(scores[row])


class TermWeights:
    """The content of each sentence as one sparse row of weights."""

    def __init__(self, contents: Sequence[Sequence[str]], groups: Sequence[int]) -> None:
        """`groups` has one number for each row; words that occur in few groups weigh most."""
        users: dict[str, set[int]] = defaultdict(set)
        for content, group in zip(contents, groups, strict=True):
            for feature in _features(content):
                users[feature].add(group)
        count = len(set(groups))
        self._columns = {feature: column for column, feature in enumerate(users)}
        self._weights = np.array(
            [math.log((1 + count) / (1 + len(used))) + 1 for used in users.values()], np.float32
        )
        rows, columns, values = [], [], []
        for row, content in enumerate(contents):
            for column, value in self._vector(content).items():
                rows.append(row)
                columns.append(column)
                values.append(value)
        self._rows = np.array(rows, np.int32)
        self._row_columns = np.array(columns, np.int32)
        self._values = np.array(values, np.float32)
        self._count = len(contents)

    def scores(self, content: Sequence[str]) -> NDArray[np.float64]:
        """The cosine (0 to 1) of a text's content with each row, shape (rows,)."""
        wanted = np.zeros(len(self._columns) + 1, np.float32)
        for column, value in self._vector(content).items():
            wanted[column] = value
        products = self._values * wanted[self._row_columns]
        return np.bincount(self._rows, products, self._count).astype(np.float64)

    def _vector(self, content: Sequence[str]) -> dict[int, float]:
        found = {
            self._columns[feature]: number * float(self._weights[self._columns[feature]])
            for feature, number in _features(content).items()
            if feature in self._columns
        }
        length = math.sqrt(sum(value * value for value in found.values()))
        return {column: value / length for column, value in found.items()}


def _features(content: Sequence[str]) -> dict[str, float]:
    found: Counter[str] = Counter(content)
    weighed: dict[str, float] = dict(found)
    for pair in _pairs(content):
        weighed[pair] = PAIR_WEIGHT
    return weighed


def _pairs(content: Sequence[str]) -> Iterator[str]:
    for first, second in itertools.pairwise(content):
        yield f"{first} {second}"
