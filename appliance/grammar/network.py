"""A recursive transition network: the sentences as states and edges, lists and rules as calls.

Woods (1970), "Transition network grammars for natural language analysis". Names that stand in
two hundred sentences are stored once, and a sentence calls them; that keeps the network of a
whole home about as large as its files.
"""

from __future__ import annotations

from array import array
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable

EPSILON = 0
"""Label of an edge that reads nothing."""

ANY = 1
"""Label of an edge that reads any character of a wildcard."""

Clause = frozenset[str]
"""Parts of words; a text must have one of them."""


@dataclass(frozen=True, slots=True)
class Network:
    """Edges sorted by the state they leave; immutable.

    The edges of state s are `edge_from[s]:edge_from[s + 1]` in `labels` and `targets`; its
    calls are the same slice of `call_from` in `callees` and `returns`.
    """

    edge_from: array[int]
    labels: array[int]
    targets: array[int]
    call_from: array[int]
    callees: array[int]
    returns: array[int]
    finals: bytes
    """1 for a state that ends its own (sub-)network."""
    tags: dict[int, int]
    """State: index in `meanings`, of what passing through it means."""
    semantic_tags: list[Any]
    start: int
    body: int
    """The state where all sentences begin."""
    sentences: list[tuple[int, list[int]]]
    """The first state of each sentence, and indices in `clauses`: what its words must meet."""
    clauses: list[list[str]]
    """Parts of words; a text meets a clause if it has one of them."""

    @property
    def size(self) -> int:
        """Number of states."""
        return len(self.edge_from) - 1


@dataclass(slots=True)
class Builder:
    """A network being made."""

    edges: list[tuple[int, int, int]] = field(default_factory=list)
    calls: list[tuple[int, int, int]] = field(default_factory=list)
    finals: bytearray = field(default_factory=bytearray)
    tags: dict[int, int] = field(default_factory=dict)
    semantic_tags: list[Any] = field(default_factory=list)
    sentences: list[tuple[int, list[int]]] = field(default_factory=list)
    clauses: dict[Clause, int] = field(default_factory=dict)

    def state(self, *, final: bool = False) -> int:
        """A new state."""
        self.finals.append(final)
        return len(self.finals) - 1

    def epsilon(self, source: int, target: int) -> None:
        """An edge that reads nothing."""
        self.edges.append((source, EPSILON, target))

    def text(self, source: int, text: str, target: int | None = None) -> int:
        """A chain of edges that reads `text`; returns its last state."""
        if not text:
            if target is None:
                return source
            self.epsilon(source, target)
            return target
        for index, char in enumerate(text):
            last = index == len(text) - 1
            next_state = target if last and target is not None else self.state()
            self.edges.append((source, ord(char), next_state))
            source = next_state
        return source

    def call(self, source: int, callee: int) -> int:
        """An edge that reads what the sub-network `callee` reads; returns where it leads."""
        target = self.state()
        self.calls.append((source, callee, target))
        return target

    def semantic_tag(self, source: int, semantic_tag: Any) -> int:
        """An edge that reads nothing and says `meaning`; returns where it leads."""
        target = self.state()
        self.tags[target] = len(self.semantic_tags)
        self.semantic_tags.append(semantic_tag)
        self.epsilon(source, target)
        return target

    def sentence(self, body: int, first: int, clauses: Iterable[Clause]) -> None:
        """A sentence that begins in `first`, of a text that meets all `clauses`."""
        self.epsilon(body, first)
        numbers = [self.clauses.setdefault(clause, len(self.clauses)) for clause in clauses]
        self.sentences.append((first, numbers))

    def network(self, start: int, body: int) -> Network:
        """Sort and freeze."""
        size = len(self.finals)
        edge_from, labels, targets = _by_source(self.edges, size)
        call_from, callees, returns = _by_source(self.calls, size)
        return Network(
            edge_from=edge_from,
            labels=labels,
            targets=targets,
            call_from=call_from,
            callees=callees,
            returns=returns,
            finals=bytes(self.finals),
            tags=self.tags,
            semantic_tags=self.semantic_tags,
            start=start,
            body=body,
            sentences=self.sentences,
            clauses=[sorted(clause) for clause in self.clauses],
        )


def _by_source(
    triples: list[tuple[int, int, int]], size: int
) -> tuple[array[int], array[int], array[int]]:
    first = array("i", bytes(4 * (size + 1)))
    for source, _, _ in triples:
        first[source + 1] += 1
    for state in range(size):
        first[state + 1] += first[state]
    middle, last = array("i", bytes(4 * len(triples))), array("i", bytes(4 * len(triples)))
    place = array("i", first)
    for source, label, target in triples:
        where = place[source]
        middle[where], last[where] = label, target
        place[source] = where + 1
    return first, middle, last
