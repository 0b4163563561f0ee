"""Options weighed against each other: as a tree, of which only the forks need computing."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from numpy.typing import NDArray

Path_ = tuple[int, ...]


class Options:
    """Token sequences of which the model would write exactly one, if it might write no other.

    An option's probability is the product, over the forks on its way, of the probability of
    its branch among the branches there: together they are 1, and long options lose nothing.
    """

    def __init__(self, options: Iterable[Sequence[int]]) -> None:
        self._options = [tuple(option) for option in options]
        branches: dict[Path_, set[int]] = defaultdict(set)
        for option in self._options:
            for length, token in enumerate(option):
                branches[option[:length]].add(token)
            branches[option].add(-1)  # it may end here; matters where another goes on
        self._branches = {path: sorted(tokens) for path, tokens in branches.items()}
        self._forks = [
            path for path, ahead in self._branches.items() if path and self._choice(ahead)
        ]
        self._known: dict[Path_, NDArray[np.float32]] = {}
        self.size = sum(map(len, self._forks))
        """Tokens that must be computed."""

    def _choice(self, ahead: list[int]) -> list[int]:
        """The tokens among which the model decides; where an option may end, it need not."""
        tokens = [token for token in ahead if token >= 0]
        return tokens if len(tokens) > 1 else []

    def begin(self, scores: NDArray[np.float32]) -> None:
        """What may come first of all."""
        self._known[()] = scores

    def rounds(self, width: int) -> Iterator[list[Path_]]:
        """Ways to the forks, as many as may be computed together."""
        for start in range(0, len(self._forks), width):
            yield self._forks[start : start + width]

    def learn(self, paths: Sequence[Path_], scores: Sequence[NDArray[np.float32]]) -> None:
        """What may follow each of the paths."""
        self._known.update(zip(paths, scores, strict=True))

    def scores(self) -> list[float]:
        """The natural logarithm of each option's probability."""
        return [round(float(self._score(option)), 5) for option in self._options]

    def _score(self, option: Path_) -> float:
        total = 0.0
        for length, token in enumerate(option):
            choice = self._choice(self._branches[option[:length]])
            if choice and option[:length] in self._known:
                among = self._known[option[:length]][choice].astype(np.float64)
                top = among.max()
                own = float(self._known[option[:length]][token])
                total += own - top - float(np.log(np.exp(among - top).sum()))
        return total
