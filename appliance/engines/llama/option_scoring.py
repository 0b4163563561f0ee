"""Options weighed against each other: as a tree, of which only the forks need computing."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from numpy.typing import NDArray

Path_ = tuple[int, ...]


class OptionTree:
    """Token sequences of which the model would write exactly one, if it might write no other.

    An option's probability is the product, over the forks on its way, of the probability of
    its branch among the branches there: together they are 1, and long options lose nothing.
    """

    def __init__(self, options: Iterable[Sequence[int]], end: Sequence[int]) -> None:
        """`end` is what follows each option, so that none is merely the beginning of another."""
        self._options = [(*option, *end) for option in options]
        branches: dict[Path_, set[int]] = defaultdict(set)
        for option in self._options:
            for length, token in enumerate(option):
                branches[option[:length]].add(token)
        self._branches = {
            path: sorted(tokens) for path, tokens in branches.items() if len(tokens) > 1
        }
        forks = [path for path in self._branches if path]
        begun = {path[:length] for path in forks for length in range(1, len(path))}
        self._tips = [path for path in forks if path not in begun]
        self._known: dict[Path_, NDArray[np.float32]] = {}
        self.size = len(begun.union(forks))
        """Tokens that must be computed."""

    def rounds(self, width: int) -> Iterator[dict[Path_, list[int]]]:
        """The tree of forks, as much at a time as `width` sequences hold; one round at least.

        To each node the numbers of the sequences that pass through it: what options have in
        common is computed once. Parents come before their children.
        """
        for start in range(0, max(1, len(self._tips)), width):
            nodes: dict[Path_, list[int]] = defaultdict(list)
            for number, tip in enumerate(self._tips[start : start + width]):
                for length in range(1, len(tip) + 1):
                    nodes[tip[:length]].append(number)
            yield dict(nodes)

    def is_fork(self, path: Path_) -> bool:
        """Whether what may follow `path` tells options apart."""
        return path in self._branches

    def learn(self, paths: Sequence[Path_], scores: Sequence[NDArray[np.float32]]) -> None:
        """What may follow each of the paths; () is where all options begin."""
        self._known.update(zip(paths, scores, strict=True))

    def scores(self) -> list[float]:
        """The natural logarithm of each option's probability."""
        return [round(float(self._score(option)), 5) for option in self._options]

    def _score(self, option: Path_) -> float:
        total = 0.0
        for length, token in enumerate(option):
            path = option[:length]
            if path in self._branches:
                known = self._known[path]
                among = known[self._branches[path]].astype(np.float64)
                top = float(among.max())
                total += float(known[token]) - top - float(np.log(np.exp(among - top).sum()))
        return total
