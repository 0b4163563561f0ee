"""The epsilon closure of a recursive transition network: all that is reached without reading."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from appliance.grammar.network import EPSILON

if TYPE_CHECKING:
    from collections.abc import Iterable

    from appliance.grammar.network import Network

ACCEPT = -1
"""The place after a whole sentence."""

SPACE = ord(" ")

_NEW = -2
"""The first number for contexts whose returns are not all known yet; the next are lower."""

Places = tuple[int, ...]
"""Sorted; each is a node of the network, plus its context times the size of the network."""


@dataclass(frozen=True, slots=True)
class _Local:
    """What a node reaches without reading, inside its own sub-network."""

    reading: tuple[int, ...]
    """Nodes that have an edge that reads."""
    calls: tuple[tuple[int, int], ...]
    """The first node of each sub-network that is called, and the node to return to."""
    ends: bool
    """Whether the sub-network may end here."""
    plain: bool
    """Whether it reaches only itself."""


_UNKNOWN = _Local((), (), ends=False, plain=False)


class EpsilonClosures:
    """Finds epsilon closures; caches what each node reaches, and numbers the contexts.

    A context is the set of places to which a sub-network returns. If sixty sentences call the
    list of names at the same character, that is one call with sixty returns, so the names are
    walked once (the graph-structured stack of Tomita, 1985).
    """

    def __init__(self, network: Network) -> None:
        self._network = network
        self._contexts: list[Places] = [()]
        self._numbers: dict[Places, int] = {(): 0}
        self._locals: tuple[dict[int, _Local], dict[int, _Local]] = ({}, {})

    def closure(self, places: list[int], *, after_space: bool) -> Places:
        """All places that are reached without reading; after a space, more spaces are free, too."""
        size, known = self._network.size, self._locals[after_space]
        if all(known.get(place % size, _UNKNOWN).plain for place in places):
            return tuple(sorted(set(places)))  # inside a word, the usual case
        return _Closure(self, self._network.size, after_space=after_space).of(places)

    def local(self, node: int, *, after_space: bool) -> _Local:
        """What a node reaches inside its own sub-network."""
        known = self._locals[after_space].get(node)
        if known is None:
            known = self._locals[after_space][node] = _local(
                self._network, node, after_space=after_space
            )
        return known

    def returns(self, context: int) -> Places:
        """The places to which a sub-network returns that was called in this context."""
        return self._contexts[context]

    def context(self, returns: Places) -> int:
        """The number of the context with these `returns`."""
        if returns not in self._numbers:
            self._numbers[returns] = len(self._contexts)
            self._contexts.append(returns)
        return self._numbers[returns]


def _local(net: Network, start: int, *, after_space: bool) -> _Local:
    seen, pending = {start}, [start]
    reading: list[int] = []
    calls: list[tuple[int, int]] = []
    ends = False
    while pending:
        node = pending.pop()
        reads = False
        for edge in range(net.edge_from[node], net.edge_from[node + 1]):
            label, target = net.labels[edge], net.targets[edge]
            if label != EPSILON and not (after_space and label == SPACE):
                reads = True
            elif target not in seen:
                seen.add(target)
                pending.append(target)
        if reads:
            reading.append(node)
        first, after = net.call_from[node], net.call_from[node + 1]
        calls += zip(net.callees[first:after], net.returns[first:after], strict=True)
        ends = ends or bool(net.finals[node])
    plain = reading == [start] and not calls and not ends
    return _Local(tuple(reading), tuple(calls), ends, plain)


class _Closure:
    """One computation; a context has a negative number until all of its returns are known."""

    def __init__(self, closures: EpsilonClosures, size: int, *, after_space: bool) -> None:
        self._closures = closures
        self._size = size
        self._after_space = after_space
        self._seen: set[int] = set()
        self._todo: list[int] = []
        self._reached: set[int] = set()
        self._called: dict[int, int] = {}
        """By the first node of each sub-network that is called: its index in `_returns`."""
        self._returns: list[set[int]] = []
        self._ended: set[int] = set()
        self._settled: dict[int, int] = {}

    def of(self, places: list[int]) -> Places:
        """The closure of the places."""
        self._go(places)
        while self._todo:
            context, node = divmod(self._todo.pop(), self._size)
            local = self._closures.local(node, after_space=self._after_space)
            below = context * self._size
            self._reached.update([below + reading for reading in local.reading])
            for callee, back in local.calls:
                self._call(callee, below + back)
            if local.ends:
                self._end(context)
        return tuple(sorted(map(self._settle, self._reached)))

    def _go(self, places: Iterable[int]) -> None:
        new = [place for place in places if place not in self._seen]
        self._seen.update(new)
        self._todo += new

    def _call(self, callee: int, back: int) -> None:
        number = self._called.get(callee)
        if number is None:
            number = self._called[callee] = len(self._returns)
            self._returns.append(set())
            self._go([(_NEW - number) * self._size + callee])
        if back not in self._returns[number]:
            self._returns[number].add(back)
            if number in self._ended:
                self._go([back])

    def _end(self, context: int) -> None:
        if context == 0:
            self._reached.add(ACCEPT)
        elif context > 0:
            self._go(self._closures.returns(context))
        elif _NEW - context not in self._ended:
            self._ended.add(_NEW - context)
            self._go(self._returns[_NEW - context])

    def _settle(self, place: int) -> int:
        """The place with its context's final number; no rule calls itself, so this ends."""
        context, node = divmod(place, self._size)
        if context >= 0 or place == ACCEPT:
            return place
        if context not in self._settled:
            returns = tuple(sorted(map(self._settle, self._returns[_NEW - context])))
            self._settled[context] = self._closures.context(returns)
        return self._settled[context] * self._size + node
