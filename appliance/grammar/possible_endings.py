"""Finds how much may still follow a whole sentence, so that listening can stop early."""

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
"""Number of letters of the next word that decide whether it is a skip word."""

MAX_ENDINGS = 32
"""Maximum number of longer sentences compared; more of them count as a different meaning."""

MAX_STEPS = 1000
"""Maximum number of steps of the automaton to find the longer sentences."""


class WhatFollows(enum.Enum):
    """The possible change of the meaning by further words."""

    NOTHING = enum.auto()
    """Nothing may follow except skip words: "please"."""
    SAME = enum.auto()
    """Words may follow, and none changes the meaning: "what is the date", and "today"."""
    ONE = enum.auto()
    """At most one slot more: "with milk", and perhaps "and sugar"."""
    MORE = enum.auto()
    """More may follow."""


class SentenceCompletions:
    """Finds what may follow a text, and caches the results. Use it from one thread."""

    def __init__(self, grammar: Grammar, skip_words: Iterable[str]) -> None:
        self.grammar = grammar
        self._automaton = grammar.automaton
        self._skip_words = [normalise(word) for word in skip_words]
        self._known: dict[int, WhatFollows] = {}
        self._slots: dict[int, int] = {}

    def what_follows(self, text: str) -> WhatFollows:
        """The possible change after `text`, a whole sentence; MORE if nothing begins with it."""
        said = normalise(text)
        state = self._automaton.walk(self._automaton.start, said)
        if state == DEAD:
            return WhatFollows.MORE
        if state not in self._known:
            self._known[state] = self._what_follows(state, said)
        return self._known[state]

    def is_prefix(self, text: str) -> bool:
        """Whether a sentence begins with `text`."""
        return self._automaton.walk(self._automaton.start, normalise(text)) != DEAD

    def _what_follows(self, state: int, said: str) -> WhatFollows:
        if self._automaton.is_open(state):
            return WhatFollows.MORE
        if self._only_skip_words_follow(state):
            return WhatFollows.NOTHING
        slots = max(map(self._slots_after, self._automaton.nodes(state)), default=0)
        if slots == 0 and self._keeps_meaning(state, said):
            return WhatFollows.SAME
        return WhatFollows.ONE if slots <= 1 else WhatFollows.MORE

    def _only_skip_words_follow(self, state: int) -> bool:
        # A longer word does not count ("light", "lights"), because people do not pause inside a
        # word.
        walks = [(self._automaton.step(state, " "), "")]
        for _ in range(MAX_LETTERS):
            walks = [
                (self._automaton.step(state, char), said + char)
                for state, said in walks
                if state != DEAD
                for char in self._automaton.characters(state)
                if char.isalnum()
            ]
            if not all(any(w.startswith(said) for w in self._skip_words) for _, said in walks):
                return False
        return True

    def _keeps_meaning(self, state: int, said: str) -> bool:
        """Whether every longer sentence means the same as `said`."""
        expected = [reading.meaning for reading in self.grammar.readings(said)[:1]]
        for count, ending in enumerate(self._endings(state)):
            longer = [one.meaning for one in self.grammar.readings(f"{said} {ending}")[:1]]
            if count >= MAX_ENDINGS or longer != expected:
                return False
        return True

    def _endings(self, state: int) -> Iterator[str]:
        """The possible endings without skip words, shortest first; MAX_ENDINGS + 1 if unknown."""
        pending = deque([(self._automaton.step(state, " "), "")])
        steps = 0
        while pending:
            state, said = pending.popleft()
            if state == DEAD or any(f" {said}".endswith(f" {word}") for word in self._skip_words):
                continue
            steps += 1
            if steps > MAX_STEPS or self._automaton.takes_any(state):
                yield from [""] * (MAX_ENDINGS + 1)
                return
            if said and said[-1].isalnum() and self._automaton.accepts(state):
                yield said
            for char in self._automaton.characters(state):
                if char not in PUNCTUATION and not (char == " " and said[-1:] in ("", " ")):
                    pending.append((self._automaton.step(state, char), said + char))

    def _slots_after(self, place: tuple[int, int]) -> int:
        """The largest number of slots on a path from here to the end of a sentence."""
        context, node = place
        returns = self._automaton.returns(context)
        return self._slots_within(node) + max(map(self._slots_after, returns), default=0)

    def _slots_within(self, start: int) -> int:
        """The largest number of slots from the node to the end of its sub-network."""
        pending, unfinished = [start], set[int]()
        while pending:
            node = pending[-1]
            moves = list(self._moves(node))
            passed = {n for _, passed_nodes in moves for n in passed_nodes}
            new = [n for n in passed if n not in self._slots and n not in unfinished]
            if new:  # those first; a loop begins no new slot
                unfinished.add(node)
                pending += new
                continue
            pending.pop()
            found = (
                slot + sum(self._slots.get(n, 0) for n in passed_nodes)
                for slot, passed_nodes in moves
            )
            self._slots[node] = max(found, default=0)
        return self._slots[start]

    def _moves(self, node: int) -> Iterator[tuple[int, tuple[int, ...]]]:
        """Each edge and call: whether a slot begins there, and the nodes that are passed next."""
        net = self.grammar.network
        for edge in range(net.edge_from[node], net.edge_from[node + 1]):
            target = net.targets[edge]
            tag_number = net.tag_numbers.get(target)
            slot = tag_number is not None and isinstance(net.semantic_tags[tag_number], SlotStart)
            yield int(slot), (target,)
        for call in range(net.call_from[node], net.call_from[node + 1]):
            yield 0, (net.callees[call], net.returns[call])
