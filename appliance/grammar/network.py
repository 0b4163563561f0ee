"""A recursive transition network: the sentences are nodes and edges, lists and rules are calls.

Woods (1970), "Transition network grammars for natural language analysis". A list that two hundred
sentences use is stored once, and the sentences call it; that keeps the network of a whole home
about as large as its files.
"""

from __future__ import annotations

from array import array
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable

EPSILON = 0
"""Label of an epsilon edge, which reads nothing."""

ANY = 1
"""Label of an edge that reads any character of a wildcard."""

JOIN = 2
"""Label of an edge that reads nothing, for texts only: words that may be written as one.

Speech does not take it: the many additional sentences would end the search before it finds the
likeliest one.
"""

READS_NOTHING = frozenset({EPSILON, JOIN})

Clause = frozenset[str]
"""Parts of words; a text meets the clause if it has one of them."""


@dataclass(frozen=True, slots=True)
class Network:
    """Edges sorted by the node that they leave; immutable.

    The edges of node n are `edge_from[n]:edge_from[n + 1]` in `labels` and `targets`; its
    calls are the same slice of `call_from` in `callees` and `returns`.
    """

    edge_from: array[int]
    labels: array[int]
    targets: array[int]
    call_from: array[int]
    callees: array[int]
    returns: array[int]
    finals: bytes
    """1 for a node where its own sub-network, or the whole network, may end."""
    tag_numbers: dict[int, int]
    """Node: index in `semantic_tags` of the tag that it has."""
    semantic_tags: list[Any]
    start: int
    body: int
    """The node where all sentences begin."""
    sentences: list[tuple[int, list[int]]]
    """The first node of each sentence, and the `clauses`, by index, that a text must meet."""
    clauses: list[list[str]]
    """See `Clause`."""

    @property
    def size(self) -> int:
        """Number of nodes."""
        return len(self.edge_from) - 1


@dataclass(slots=True)
class Builder:
    """Collects the nodes and edges of a network."""

    edges: list[tuple[int, int, int]] = field(default_factory=list)
    calls: list[tuple[int, int, int]] = field(default_factory=list)
    finals: bytearray = field(default_factory=bytearray)
    tag_numbers: dict[int, int] = field(default_factory=dict)
    semantic_tags: list[Any] = field(default_factory=list)
    sentences: list[tuple[int, list[int]]] = field(default_factory=list)
    clauses: dict[Clause, int] = field(default_factory=dict)

    def node(self, *, final: bool = False) -> int:
        """Add a node."""
        self.finals.append(final)
        return len(self.finals) - 1

    def epsilon(self, source: int, target: int) -> None:
        """Add an edge that reads nothing."""
        self.edges.append((source, EPSILON, target))

    def join(self, source: int, target: int) -> None:
        """Add an edge that reads nothing, for texts only."""
        self.edges.append((source, JOIN, target))

    def text(self, source: int, text: str, target: int | None = None) -> int:
        """Add a chain of edges that reads `text`; return its last node."""
        if not text:
            if target is None:
                return source
            self.epsilon(source, target)
            return target
        for index, char in enumerate(text):
            last = index == len(text) - 1
            next_node = target if last and target is not None else self.node()
            self.edges.append((source, ord(char), next_node))
            source = next_node
        return source

    def call(self, source: int, callee: int) -> int:
        """Add a call of the sub-network that begins at `callee`; return the node after it."""
        target = self.node()
        self.calls.append((source, callee, target))
        return target

    def semantic_tag(self, source: int, tag: Any) -> int:
        """Add a node with a semantic tag after `source`; return it."""
        target = self.node()
        self.tag_numbers[target] = len(self.semantic_tags)
        self.semantic_tags.append(tag)
        self.epsilon(source, target)
        return target

    def sentence(self, body: int, first: int, clauses: Iterable[Clause]) -> None:
        """Add the sentence that begins at `first`; its texts meet all `clauses`."""
        self.epsilon(body, first)
        numbers = [self.clauses.setdefault(clause, len(self.clauses)) for clause in clauses]
        self.sentences.append((first, numbers))

    def network(self, start: int, body: int) -> Network:
        """The finished network, with its edges sorted."""
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
            tag_numbers=self.tag_numbers,
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
    for node in range(size):
        first[node + 1] += first[node]
    middle, last = array("i", bytes(4 * len(triples))), array("i", bytes(4 * len(triples)))
    next_index = array("i", first)
    for source, label, target in triples:
        index = next_index[source]
        middle[index], last[index] = label, target
        next_index[source] = index + 1
    return first, middle, last
