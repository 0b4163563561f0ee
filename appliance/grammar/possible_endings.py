"""What may still follow a whole sentence."""

from __future__ import annotations

import enum
from collections import deque
from typing import TYPE_CHECKING

from appliance.grammar.lazy_automaton import DEAD
from appliance.grammar.semantic_tags import SlotStart
from appliance.text.normalise import PUNCTUATION, normalise

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from appliance.grammar.grammar import Grammar

MAX_LETTERS = 3
"""Letters of the next word that tell whether it is one of the skip words."""

MAX_ENDINGS = 32
"""Sentences that are read to see whether they all mean the same; where there are more, they do
not."""

MAX_STEPS = 1000
"""Characters that are walked to find them."""


class WhatFollows(enum.Enum):
    """How much more may be meant."""

    NOTHING = enum.auto()
    """Nothing goes on, or only skip words: "please"."""
    SAME = enum.auto()
    """Words may follow, and none changes what is meant: "what is the date", and "today"."""
    ONE = enum.auto()
    """At most one slot more: "with milk", and perhaps "and sugar"."""
    MORE = enum.auto()


class SentenceCompletions:
    """Looks ahead in a grammar and caches the results. Use it from one thread."""

    def __init__(self, grammar: Grammar, skip_words: Iterable[str]) -> None:
        self.grammar = grammar
        self._automaton = grammar.automaton
        self._skipped = [normalise(word) for word in skip_words]
        self._known: dict[int, WhatFollows] = {}
        self._slots: dict[int, int] = {}

    def what_follows(self, text: str) -> WhatFollows:
        """What may follow `text`, which is a whole sentence; MORE if it is not one."""
        said = normalise(text)
        state = self._automaton.walk(self._automaton.start, said)
        if state == DEAD:
            return WhatFollows.MORE
        if state not in self._known:
            self._known[state] = self._what_follows(state, said)
        return self._known[state]

    def is_prefix(self, text: str) -> bool:
        """Whether a sentence begins with these words."""
        return self._automaton.walk(self._automaton.start, normalise(text)) != DEAD

    def _what_follows(self, state: int, said: str) -> WhatFollows:
        if self._automaton.is_open(state):
            return WhatFollows.MORE
        if self._only_skip_words_follow(state):
            return WhatFollows.NOTHING
        slots = max((self._slots_after(place) for place in self._automaton.nodes(state)), default=0)
        if slots == 0 and self._keeps_meaning(state, said):
            return WhatFollows.SAME
        return WhatFollows.ONE if slots <= 1 else WhatFollows.MORE

    def _only_skip_words_follow(self, state: int) -> bool:
        # A longer word does not count ("light", "lights"): nobody pauses in the middle of one.
        positions = [(self._automaton.step(state, " "), "")]
        for _ in range(MAX_LETTERS):
            positions = [
                (self._automaton.step(place, char), said + char)
                for place, said in positions
                if place != DEAD
                for char in self._automaton.characters(place)
                if char.isalnum()
            ]
            if not all(
                any(word.startswith(said) for word in self._skipped) for _, said in positions
            ):
                return False
        return True

    def _keeps_meaning(self, state: int, said: str) -> bool:
        """Whether every longer sentence means what this one means."""
        semantic_tags = [reading.meaning for reading in self.grammar.readings(said)[:1]]
        for count, ending in enumerate(self._endings(state)):
            longer = [one.meaning for one in self.grammar.readings(f"{said} {ending}")[:1]]
            if count >= MAX_ENDINGS or longer != semantic_tags:
                return False
        return True

    def _endings(self, state: int) -> Iterator[str]:
        """What may follow, without skip words, the shortest first; "" where there is too much."""
        todo = deque([(self._automaton.step(state, " "), "")])
        steps = 0
        while todo:
            place, said = todo.popleft()
            if place == DEAD or any(f" {said}".endswith(f" {word}") for word in self._skipped):
                continue
            steps += 1
            if steps > MAX_STEPS or self._automaton.takes_any(place):
                yield from [""] * (MAX_ENDINGS + 1)
                return
            if said and said[-1].isalnum() and self._automaton.accepts(place):
                yield said
            for char in self._automaton.characters(place):
                if char not in PUNCTUATION and not (char == " " and said[-1:] in ("", " ")):
                    todo.append((self._automaton.step(place, char), said + char))

    def _slots_after(self, place: tuple[int, int]) -> int:
        """The most slots on one way from here to the end of a sentence."""
        context, node = place
        returns = self._automaton.returns(context)
        return self._slots_within(node) + max(map(self._slots_after, returns), default=0)

    def _slots_within(self, start: int) -> int:
        """The same to the end of the node's own list or rule."""
        todo, above = [start], set[int]()
        while todo:
            node = todo[-1]
            moves = list(self._moves(node))
            passed = {n for _, passed_nodes in moves for n in passed_nodes}
            new = [n for n in passed if n not in self._slots and n not in above]
            if new:  # those first; what leads back to itself begins nothing new
                above.add(node)
                todo += new
                continue
            todo.pop()
            found = (
                slot + sum(self._slots.get(n, 0) for n in passed_nodes)
                for slot, passed_nodes in moves
            )
            self._slots[node] = max(found, default=0)
        return self._slots[start]

    def _moves(self, node: int) -> Iterator[tuple[int, tuple[int, ...]]]:
        """Each step on: whether a slot begins with it, and the nodes that are passed then."""
        net = self.grammar.network
        for edge in range(net.edge_from[node], net.edge_from[node + 1]):
            target = net.targets[edge]
            tag = net.tags.get(target)
            slot = tag is not None and isinstance(net.semantic_tags[tag], SlotStart)
            yield int(slot), (target,)
        for call in range(net.call_from[node], net.call_from[node + 1]):
            yield 0, (net.callees[call], net.returns[call])
