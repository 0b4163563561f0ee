"""The network made deterministic as it is walked, a character at a time.

A state of the automaton is the set of places in the network where the text so far may stand,
each with the calls that it must return to. Sets are built when first reached and kept: a walk
costs a dictionary look-up per character from the second time on (Rabin and Scott's subset
construction, done lazily).
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from appliance.grammar.closure import ACCEPT, SPACE, EpsilonClosures, Places
from appliance.grammar.network import ANY, EPSILON
from appliance.grammar.skip_words import SkipWords
from appliance.text.normalise import PUNCTUATION, SPACED_PUNCTUATION, UNIT_SIGNS

if TYPE_CHECKING:
    from appliance.grammar.network import Network

DEAD = -1
"""The state after text that no sentence begins with."""

IN_WORD, AFTER_SPACE, AFTER_STOP = 0, 1, 2
"""What the last character was: of a word; a space or nothing at all; a comma or period."""

_PartialSkipWords = tuple[tuple[int, str], ...]
"""Skip words in the middle: the state before each, and its letters so far."""


class Automaton:
    """Deterministic view of a network; states are small integers, `start` is the first.

    Runs of spaces count as one, spaces at either end as none, and stops may follow any word.
    """

    start = 0

    def __init__(self, network: Network, skip_words: SkipWords | None = None) -> None:
        """`skips` may be said between any two words but those of a wildcard."""
        self.network = network
        self._skip_words = skip_words or SkipWords()
        self._lock = threading.RLock()
        self._closures = EpsilonClosures(network)
        self._states: list[tuple[Places, int, _PartialSkipWords]] = []
        self._state_ids: dict[tuple[Places, int, _PartialSkipWords, int], int] = {}
        self._if_full_stop: list[int] = []
        """For each state after the stop of a fraction: the state after a stop that ends a word."""
        self._transitions: dict[int, dict[int, list[int]]] = {}
        self._steps: dict[tuple[int, str], int] = {}
        self._accepts: dict[int, bool] = {}
        self._arcs: dict[int, list[tuple[str, int]]] = {}
        self._takes_any: dict[int, bool] = {}
        self._state(self._closures.closure([network.start], after_space=True), AFTER_SPACE)

    @property
    def size(self) -> int:
        """Number of states reached so far."""
        return len(self._states)

    def places(self, state: int) -> int:
        """In how many places of the network the text so far may stand."""
        return len(self._states[state][0])

    def nodes(self, state: int) -> list[tuple[int, int]]:
        """The places themselves: contexts and nodes of the network, see Reach."""
        size = self.network.size
        return [divmod(place, size) for place in self._states[state][0] if place != ACCEPT]

    def returns(self, context: int) -> list[tuple[int, int]]:
        """Where it goes on when what was called in this context ends."""
        size = self.network.size
        return [divmod(place, size) for place in self._closures.returns(context) if place != ACCEPT]

    def step(self, state: int, char: str) -> int:
        """The state after one more (folded) character, or DEAD."""
        known = self._steps.get((state, char))
        if known is None:
            with self._lock:
                known = self._steps[state, char] = self._next_state(state, char)
        return known

    def walk(self, state: int, text: str) -> int:
        """The state after (folded) `text`, or DEAD."""
        for char in text:
            state = self.step(state, char)
            if state == DEAD:
                break
        return state

    def accepts(self, state: int) -> bool:
        """Whether the text so far is a whole sentence."""
        known = self._accepts.get(state)
        if known is None:
            places, _, partial = self._states[state]
            with self._lock:
                spaces = self._transitions_of(state).get(SPACE, [])
                known = ACCEPT in places or ACCEPT in self._closures.closure(
                    spaces, after_space=True
                )
                whole = [before for before, said in partial if said in self._skip_words.words]
                ended = [self._if_full_stop[state]] if self._if_full_stop[state] != DEAD else []
                known = known or any(map(self.accepts, whole + ended))
                self._accepts[state] = known
        return known

    def is_open(self, state: int) -> bool:
        """Whether a wildcard may go on here or after a space, so that any word is allowed."""
        with self._lock:
            if ANY in self._transitions_of(state):
                return True
            behind = self.step(state, " ")
            return behind != DEAD and ANY in self._transitions_of(behind)

    def last_kind(self, state: int) -> int:
        """IN_WORD, AT_WORD or AFTER_STOP."""
        return self._states[state][1]

    def characters(self, state: int) -> list[str]:
        """The characters of sentences that may come next, in order; without wildcards."""
        with self._lock:
            found = {chr(label) for label in self._transitions_of(state) if label != ANY}
            for said in [said for _, said in self._states[state][2]]:
                found.update(self._skip_words.next_characters(said))
            return sorted(
                found.union(self._skip_words.next_characters(""))
                if self._skip_word_starts(state)
                else found
            )

    def only_in_skip_word(self, state: int) -> bool:
        """Whether the last letters are of a skip word and of nothing else."""
        return not self._states[state][0]

    def arcs(self, state: int) -> list[tuple[str, int]]:
        """Each of `characters` with the state after it."""
        known = self._arcs.get(state)
        if known is None:
            found = [(char, self.step(state, char)) for char in self.characters(state)]
            known = self._arcs[state] = [arc for arc in found if arc[1] != DEAD]
        return known

    def takes_any(self, state: int) -> bool:
        """Whether the next character may be any of a wildcard."""
        known = self._takes_any.get(state)
        if known is None:
            with self._lock:
                known = self._takes_any[state] = ANY in self._transitions_of(state)
        return known

    def _next_state(self, state: int, char: str) -> int:
        """The sentences' own way on, and that of the skip words beside it."""
        places, last_kind, partial = self._states[state]
        find = (
            self._next_of_unit_sign
            if char in UNIT_SIGNS and last_kind == IN_WORD
            else self._next_of_sentence
        )
        ahead = find(state, char) if places else DEAD
        if ahead == DEAD and self._if_full_stop[state] != DEAD:
            ahead = self.step(self._if_full_stop[state], char)  # "set it to 3." or "3.5"
        if char == " " and last_kind == AFTER_SPACE:
            return state
        if char in PUNCTUATION:
            onward = [one for one in partial if one[1] in self._skip_words.words]
        else:
            more = " " if char == "-" else char
            onward = [
                (b, said + more) for b, said in partial if self._skip_words.is_prefix(said + more)
            ]
            if self._skip_words.is_prefix(char) and (declared := self._skip_word_starts(state)):
                onward.append((self._state(declared, AFTER_SPACE), char))
        back = [b for b, said in partial if char == " " and said in self._skip_words.words]
        if not onward and not back:
            return ahead
        reached, now, _ = self._states[ahead] if ahead != DEAD else ((), _kind_of(char), ())
        together = {*reached, *(place for b in back for place in self._states[b][0])}
        return self._state(tuple(sorted(together)), now, tuple(sorted(onward)))

    def _skip_word_starts(self, state: int) -> Places:
        """The places where a skip word may begin; a wildcard takes it as one of its own words.

        Before the first word the network has skip words itself.
        """
        places, last_kind, _ = self._states[state]
        if not self._skip_words.words or state == self.start or last_kind != AFTER_SPACE:
            return ()
        if ANY not in self._transitions_of(state):
            return places
        net, size = self.network, self.network.size
        return tuple(
            place
            for place in places
            if place == ACCEPT
            or ANY not in net.labels[net.edge_from[place % size] : net.edge_from[place % size + 1]]
        )

    def _next_of_sentence(self, state: int, char: str) -> int:
        places, last_kind, _ = self._states[state]
        if char in " -":
            return self._next_of_gap(state, char)
        if char == ":" and last_kind == IN_WORD:  # "7:30" is "7 30"
            gap = self._next_of_gap(state, " ")
            return self._state(places, AFTER_STOP) if gap == DEAD else gap
        if last_kind == AFTER_STOP or (last_kind == AFTER_SPACE and char in SPACED_PUNCTUATION):
            if char in PUNCTUATION and not self._reads(state, char):
                return state  # "¿Qué", "est-il ?", "..."
            if last_kind == AFTER_STOP:
                return DEAD
        ahead = self._transition(state, ord(char), IN_WORD, wild=char not in PUNCTUATION)
        if char not in PUNCTUATION or last_kind != IN_WORD:
            return ahead
        ended = self._state(places, AFTER_STOP)
        return ended if ahead == DEAD else self._state(self._states[ahead][0], IN_WORD, (), ended)

    def _next_of_gap(self, state: int, char: str) -> int:
        last_kind = self.last_kind(state)
        if last_kind == AFTER_SPACE:  # after a space, "-" is the sign of a number
            return state if char == " " else self._transition(state, ord("-"), IN_WORD, wild=False)
        ahead = self._transition(state, SPACE, AFTER_SPACE, wild=True)
        if char == " " and self.accepts(state):
            places = () if ahead == DEAD else self._states[ahead][0]
            return self._state(
                (ACCEPT, *(place for place in places if place != ACCEPT)), AFTER_SPACE
            )
        return state if ahead == DEAD and char == "-" and last_kind == IN_WORD else ahead

    def _next_of_unit_sign(self, state: int, char: str) -> int:
        """In "62%", which templates write as "62 %", too."""
        gap = self._next_of_gap(state, " ")
        behind = DEAD if gap == DEAD else self._transition(gap, ord(char), IN_WORD, wild=False)
        ahead = self._transition(state, ord(char), IN_WORD, wild=True)
        if DEAD in (ahead, behind):
            return max(ahead, behind)
        together = {*self._states[ahead][0], *self._states[behind][0]}
        return self._state(tuple(sorted(together)), IN_WORD)

    def _reads(self, state: int, char: str) -> bool:
        return ord(char) in self._transitions_of(state)

    def _transition(self, state: int, label: int, last_kind: int, *, wild: bool) -> int:
        transitions = self._transitions_of(state)
        targets = transitions.get(label, [])
        if wild and ANY in transitions:
            targets = targets + transitions[ANY]
        places = self._closures.closure(targets, after_space=last_kind == AFTER_SPACE)
        return self._state(places, last_kind) if places else DEAD

    def _state(
        self, places: Places, last_kind: int, partial: _PartialSkipWords = (), ended: int = DEAD
    ) -> int:
        key = (places, last_kind, partial, ended)
        if key not in self._state_ids:
            self._state_ids[key] = len(self._states)
            self._states.append(key[:3])
            self._if_full_stop.append(ended)
        return self._state_ids[key]

    def _transitions_of(self, state: int) -> dict[int, list[int]]:
        """What each character leads to, before closure: {label: places}."""
        if state in self._transitions:
            return self._transitions[state]
        net, size = self.network, self.network.size
        transitions: dict[int, list[int]] = {}
        for place in self._states[state][0]:
            if place == ACCEPT:
                continue
            context, node = divmod(place, size)
            for edge in range(net.edge_from[node], net.edge_from[node + 1]):
                if (label := net.labels[edge]) != EPSILON:
                    transitions.setdefault(label, []).append(context * size + net.targets[edge])
        self._transitions[state] = transitions
        return transitions


def _kind_of(char: str) -> int:
    return AFTER_SPACE if char == " " else AFTER_STOP if char in PUNCTUATION else IN_WORD
