"""Scores options against each other, as a token trie of which only the forks are computed."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from numpy.typing import NDArray

TokenPath = tuple[int, ...]


class OptionTree:
    """The probability of each option, if the model had to write exactly one of them.

    It is the product, over the forks on the option's path, of the probability of its branch among
    the branches there: the probabilities of all options add up to 1, and length does not count.
    """

    def __init__(self, options: Iterable[Sequence[int]], end: Sequence[int]) -> None:
        """`end` follows each option, so that none is the beginning of another."""
        self._options = [(*option, *end) for option in options]
        branches: dict[TokenPath, set[int]] = defaultdict(set)
        for option in self._options:
            for length, token in enumerate(option):
                branches[option[:length]].add(token)
        self._branches = {
            path: sorted(tokens) for path, tokens in branches.items() if len(tokens) > 1
        }
        forks = [path for path in self._branches if path]
        inner = {path[:length] for path in forks for length in range(1, len(path))}
        self._tips = [path for path in forks if path not in inner]
        self._scores: dict[TokenPath, NDArray[np.float32]] = {}
        self.size = len(inner.union(forks))
        """Tokens that must be computed."""

    def rounds(self, width: int) -> Iterator[dict[TokenPath, list[int]]]:
        """The trie of forks in parts of at most `width` sequences; one part at least.

        Each node has the numbers of the sequences that pass through it: what options have in
        common is computed once. Parents come before their children.
        """
        for start in range(0, max(1, len(self._tips)), width):
            nodes: dict[TokenPath, list[int]] = defaultdict(list)
            for number, tip in enumerate(self._tips[start : start + width]):
                for length in range(1, len(tip) + 1):
                    nodes[tip[:length]].append(number)
            yield dict(nodes)

    def is_fork(self, path: TokenPath) -> bool:
        """Whether options differ in the token after `path`."""
        return path in self._branches

    def add_scores(self, paths: Sequence[TokenPath], scores: Sequence[NDArray[np.float32]]) -> None:
        """The logits after each of the paths, shape (tokens,); () is the root."""
        self._scores.update(zip(paths, scores, strict=True))

    def scores(self) -> list[float]:
        """The natural logarithm of each option's probability."""
        return [round(float(self._score(option)), 5) for option in self._options]

    def _score(self, option: TokenPath) -> float:
        total = 0.0
        for length, token in enumerate(option):
            path = option[:length]
            if path in self._branches:
                scores = self._scores[path]
                branches = scores[self._branches[path]].astype(np.float64)
                top = float(branches.max())
                total += float(scores[token]) - top - float(np.log(np.exp(branches - top).sum()))
        return total
