"""The epsilon closure of a recursive transition network: places reached without a character."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from appliance.grammar.network import EPSILON, JOIN

if TYPE_CHECKING:
    from collections.abc import Iterable

    from appliance.grammar.network import Network

ACCEPT = -1
"""The place after a whole sentence."""

SPACE = ord(" ")

_NEW = -2
"""The first number for contexts whose returns are not all known yet; the next are lower."""

Places = tuple[int, ...]
"""Sorted places; each is a node of the network plus its context times the size of the network."""


@dataclass(frozen=True, slots=True)
class _LocalClosure:
    """The nodes that a node reaches without reading, inside its own sub-network."""

    reading: tuple[int, ...]
    """Nodes that have an edge that reads."""
    calls: tuple[tuple[int, int], ...]
    """The first node of each sub-network that is called, and the node to return to."""
    ends: bool
    """Whether the sub-network may end here."""
    only_itself: bool
    """Whether it reaches only itself."""


_UNKNOWN = _LocalClosure((), (), ends=False, only_itself=False)


class EpsilonClosures:
    """Finds epsilon closures, caches those of single nodes, and numbers the contexts.

    A context is the set of places to which a sub-network returns. If sixty sentences call the
    list of names at the same character, that is one call with sixty returns, so the names are
    walked once (the graph-structured stack of Tomita, 1985).
    """

    def __init__(self, network: Network) -> None:
        self._network = network
        self._contexts: list[Places] = [()]
        self._numbers: dict[Places, int] = {(): 0}
        # Each in the middle of a word, and after a space.
        self._locals: tuple[dict[int, _LocalClosure], dict[int, _LocalClosure]] = ({}, {})
        self._of_one: tuple[dict[int, Places | None], dict[int, Places | None]] = ({}, {})
        """The closure of a single place; None if it calls a sub-network."""
        self._of_calling: tuple[dict[Places, Places], dict[Places, Places]] = ({}, {})
        """The closures of several places that call sub-networks."""

    def closure(self, places: list[int], *, after_space: bool) -> Places:
        """All places that are reached without a character; after a space, also by spaces."""
        size, known = self._network.size, self._locals[after_space]
        if all(known.get(place % size, _UNKNOWN).only_itself for place in places):
            return tuple(sorted(set(places)))  # inside a word, the usual case
        reached: set[int] = set()
        calling: set[int] = set()
        of_one = self._of_one[after_space]
        for place in places:
            if place not in of_one:
                of_one[place] = self._without_calls(place, after_space=after_space)
            found = of_one[place]
            if found is None:
                calling.add(place)
            else:
                reached.update(found)
        if calling:
            reached.update(self._with_calls(tuple(sorted(calling)), after_space=after_space))
        return tuple(sorted(reached))

    def _with_calls(self, places: Places, *, after_space: bool) -> Places:
        """The closure of places together, because calls of one sub-network share a context."""
        known = self._of_calling[after_space]
        if places not in known:
            known[places] = _Closure(self, self._network.size, after_space=after_space).of(places)
        return known[places]

    def _without_calls(self, start: int, *, after_space: bool) -> Places | None:
        """The closure of one place; None if it calls a sub-network."""
        seen, pending = {start}, [start]
        reached: set[int] = set()
        while pending:
            context, node = divmod(pending.pop(), self._network.size)
            local = self.local(node, after_space=after_space)
            if local.calls:
                return None
            reached.update([context * self._network.size + one for one in local.reading])
            if local.ends and not context:
                reached.add(ACCEPT)
            elif local.ends:
                new = [place for place in self.returns(context) if place not in seen]
                seen.update(new)
                pending += new
        return tuple(reached)

    def local(self, node: int, *, after_space: bool) -> _LocalClosure:
        """The nodes that a node reaches inside its own sub-network."""
        known = self._locals[after_space].get(node)
        if known is None:
            known = self._locals[after_space][node] = _local_closure(
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


def _local_closure(net: Network, start: int, *, after_space: bool) -> _LocalClosure:
    seen, pending = {start}, [start]
    reading: list[int] = []
    calls: list[tuple[int, int]] = []
    ends = False
    while pending:
        node = pending.pop()
        reads = False
        for edge in range(net.edge_from[node], net.edge_from[node + 1]):
            label, target = net.labels[edge], net.targets[edge]
            if label == JOIN:
                continue
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
    only_itself = reading == [start] and not calls and not ends
    return _LocalClosure(tuple(reading), tuple(calls), ends, only_itself)


class _Closure:
    """One computation; a context has a negative number until all of its returns are known."""

    def __init__(self, closures: EpsilonClosures, size: int, *, after_space: bool) -> None:
        self._closures = closures
        self._size = size
        self._after_space = after_space
        self._seen: set[int] = set()
        self._pending: list[int] = []
        self._reached: set[int] = set()
        self._call_numbers: dict[int, int] = {}
        """Index in `_returns` by the first node of each sub-network that is called."""
        self._returns: list[set[int]] = []
        self._ended: set[int] = set()
        self._final_contexts: dict[int, int] = {}

    def of(self, places: Iterable[int]) -> Places:
        """The closure of the places."""
        self._add(places)
        while self._pending:
            context, node = divmod(self._pending.pop(), self._size)
            local = self._closures.local(node, after_space=self._after_space)
            offset = context * self._size
            self._reached.update([offset + reading for reading in local.reading])
            for callee, return_node in local.calls:
                self._call(callee, offset + return_node)
            if local.ends:
                self._end(context)
        return tuple(sorted(map(self._final_place, self._reached)))

    def _add(self, places: Iterable[int]) -> None:
        new = [place for place in places if place not in self._seen]
        self._seen.update(new)
        self._pending += new

    def _call(self, callee: int, return_place: int) -> None:
        number = self._call_numbers.get(callee)
        if number is None:
            number = self._call_numbers[callee] = len(self._returns)
            self._returns.append(set())
            self._add([(_NEW - number) * self._size + callee])
        if return_place not in self._returns[number]:
            self._returns[number].add(return_place)
            if number in self._ended:
                self._add([return_place])

    def _end(self, context: int) -> None:
        if context == 0:
            self._reached.add(ACCEPT)
        elif context > 0:
            self._add(self._closures.returns(context))
        elif _NEW - context not in self._ended:
            self._ended.add(_NEW - context)
            self._add(self._returns[_NEW - context])

    def _final_place(self, place: int) -> int:
        """The place with its context's final number; no rule calls itself, so this ends."""
        context, node = divmod(place, self._size)
        if context >= 0 or place == ACCEPT:
            return place
        if context not in self._final_contexts:
            returns = tuple(sorted(map(self._final_place, self._returns[_NEW - context])))
            self._final_contexts[context] = self._closures.context(returns)
        return self._final_contexts[context] * self._size + node
