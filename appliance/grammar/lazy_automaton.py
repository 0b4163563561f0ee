"""A deterministic automaton over the network, built while it is walked a character at a time.

A state is the set of places in the network that the text so far may have reached. A place is a
node and the calls to return to. States are built when first reached and cached, so that from the
second time on a step is one dictionary look-up (the subset construction of Rabin and Scott, 1959,
done lazily).
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from appliance.grammar.closure import ACCEPT, SPACE, EpsilonClosures, Places
from appliance.grammar.network import ANY, READS_NOTHING
from appliance.grammar.skip_words import SkipWords
from appliance.text.normalise import PUNCTUATION, SPACED_PUNCTUATION, UNIT_SIGNS, folded
from appliance.text.unicode_bytes import as_text, character_of, encodings, is_byte

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from appliance.grammar.network import Network

DEAD = -1
"""The state after text that no sentence begins with."""

IN_WORD, AFTER_SPACE, AFTER_STOP = 0, 1, 2
"""The kinds of a state's last character: a letter; a space, or none yet; a comma or period."""

Unfinished = tuple[int, bytes]
"""A state, and the bytes after it that do not make a character yet."""

_PartialSkipWords = tuple[tuple[int, str], ...]
"""Unfinished skip words: the state before each, and its letters until now."""


class Automaton:
    """Deterministic view of a network; states are small integers, `start` is the first.

    Several spaces count as one, spaces at either end do not count, and a stop may follow any word.
    """

    start = 0

    def __init__(
        self, network: Network, skip_words: SkipWords | None = None, *, wildcards: bool = True
    ) -> None:
        """`skip_words` may stand between any two words except those of a wildcard.

        Without `wildcards`, only the sentences whose words are all declared are accepted.
        """
        self.network = network
        self._unread = READS_NOTHING if wildcards else frozenset({*READS_NOTHING, ANY})
        self._skips = skip_words or SkipWords()
        self._lock = threading.RLock()
        self._closures = EpsilonClosures(network)
        self._states: list[tuple[Places, int, _PartialSkipWords]] = []
        self._unfinished: dict[int, Unfinished] = {}
        """The bytes of an incomplete character, by state."""
        self._of_unfinished: dict[Unfinished, int] = {}
        self._state_ids: dict[tuple[Places, int, _PartialSkipWords, int], int] = {}
        self._if_full_stop: list[int] = []
        """For each state after a decimal point, the state if the point is a full stop; otherwise
        DEAD."""
        self._transitions: dict[int, dict[int, list[int]]] = {}
        self._steps: list[dict[str, int]] = []
        """The known states after each state, by the character between them."""
        self._accepts: dict[int, bool] = {}
        self._letters: dict[int, list[str]] = {}
        self._takes_any: dict[int, bool] = {}
        self._state(self._closures.closure([network.start], after_space=True), AFTER_SPACE)

    @property
    def size(self) -> int:
        """Number of states reached until now."""
        return len(self._states)

    def places(self, state: int) -> int:
        """Number of places that the text may have reached."""
        return len(self._states[state][0])

    def nodes(self, state: int) -> list[tuple[int, int]]:
        """The places as (context, node), see `EpsilonClosures`; without the end of a sentence."""
        size = self.network.size
        return [divmod(place, size) for place in self._states[state][0] if place != ACCEPT]

    def returns(self, context: int) -> list[tuple[int, int]]:
        """The places, as (context, node), to which calls in this context return."""
        size = self.network.size
        return [divmod(place, size) for place in self._closures.returns(context) if place != ACCEPT]

    def step(self, state: int, char: str) -> int:
        """The state after one more (folded) character, or DEAD."""
        known = self._steps[state].get(char)
        if known is None:
            with self._lock:
                known = self._steps[state][char] = self._next_state(state, char)
        return known

    def known_steps(self, state: int) -> Mapping[str, int]:
        """What `step` returned until now, by the character; it must not be changed."""
        return self._steps[state]

    def walk(self, state: int, text: str) -> int:
        """The state after (folded) `text`, or DEAD."""
        for char in text:
            state = self.step(state, char)
            if state == DEAD:
                break
        return state

    def accepts(self, state: int) -> bool:
        """Whether the text is a whole sentence."""
        known = self._accepts.get(state)
        if known is None:
            places, _, partial = self._states[state]
            full_stop = self._if_full_stop[state]
            with self._lock:
                spaces = self._transitions_of(state).get(SPACE, [])
                known = (
                    ACCEPT in places
                    or ACCEPT in self._closures.closure(spaces, after_space=True)
                    or any(self.accepts(b) for b, said in partial if said in self._skips.words)
                    or (full_stop != DEAD and self.accepts(full_stop))
                )
                self._accepts[state] = known
        return known

    def is_open(self, state: int) -> bool:
        """Whether a wildcard may continue here or after a space, so that any word is allowed."""
        with self._lock:
            if ANY in self._transitions_of(state):
                return True
            next_word = self.step(state, " ")
            return next_word != DEAD and ANY in self._transitions_of(next_word)

    def last_character(self, state: int) -> int:
        """IN_WORD, AFTER_SPACE or AFTER_STOP."""
        return self._states[state][1]

    def characters(self, state: int) -> list[str]:
        """The characters that may come next, sorted; without those that only a wildcard takes."""
        with self._lock:
            found = {chr(label) for label in self._transitions_of(state) if label != ANY}
            prefixes = [said for _, said in self._states[state][2]]
            if self._skip_word_starts(state):
                prefixes.append("")
            return sorted(found.union(*map(self._skips.next_characters, prefixes)))

    def bytes_after(self, state: int) -> list[str]:
        """The bytes that may come next in characters of several bytes, see `unicode_bytes`.

        Whisper has no token for many letters, only for their bytes.
        """
        before, begun = self._unfinished.get(state, (state, b""))
        found = {
            encoded[len(begun)]
            for char in self.characters(before)
            for encoded in encodings(char)
            if len(encoded) > max(1, len(begun)) and encoded.startswith(begun)
        }
        return [as_text(byte) for byte in sorted(found)]

    def only_in_skip_word(self, state: int) -> bool:
        """Whether the last letters belong only to a skip word."""
        return not self._states[state][0]

    def letters(self, state: int) -> Sequence[str]:
        """`characters`, cached; `step` may lead to DEAD from some."""
        known = self._letters.get(state)
        if known is None:
            known = self._letters[state] = self.characters(state)
        return known

    def takes_any(self, state: int) -> bool:
        """Whether a wildcard may take the next character."""
        known = self._takes_any.get(state)
        if known is None:
            with self._lock:
                known = self._takes_any[state] = ANY in self._transitions_of(state)
        return known

    def _next_state(self, state: int, char: str) -> int:
        """The union of what the sentence and the skip words reach with `char`."""
        if is_byte(char) or state in self._unfinished:
            return self._next_of_byte(state, char)
        places, last, partial = self._states[state]
        is_unit = char in UNIT_SIGNS and last == IN_WORD
        find = self._next_of_unit_sign if is_unit else self._next_of_sentence
        target = find(state, char) if places else DEAD
        if target == DEAD and self._if_full_stop[state] != DEAD:
            target = self.step(self._if_full_stop[state], char)  # "set it to 3." or "3.5"
        if char == " " and last == AFTER_SPACE:
            return state
        if char in PUNCTUATION:
            going_on = [one for one in partial if one[1] in self._skips.words]
        else:
            more = " " if char == "-" else char
            longer = [(before, said + more) for before, said in partial]
            going_on = [one for one in longer if self._skips.is_prefix(one[1])]
            if self._skips.is_prefix(char) and (starts := self._skip_word_starts(state)):
                going_on.append((self._state(starts, AFTER_SPACE), char))
        skipped = [b for b, said in partial if char == " " and said in self._skips.words]
        if not going_on and not skipped:
            return target
        reached, last, _ = self._states[target] if target != DEAD else ((), _kind_of(char), ())
        union = {*reached, *(place for before in skipped for place in self._states[before][0])}
        return self._state(tuple(sorted(union)), last, tuple(sorted(going_on)))

    def _next_of_byte(self, state: int, char: str) -> int:
        """The state after one byte more of a character; DEAD for anything else inside of one."""
        before, begun = self._unfinished.get(state, (state, b""))
        if not is_byte(char):
            return DEAD
        encoded = begun + bytes((ord(char) & 0xFF,))
        if (whole := character_of(encoded)) is not None:
            return self.walk(before, folded(whole))
        allowed = (one for char in self.characters(before) for one in encodings(char))
        if not self.takes_any(before) and not any(one.startswith(encoded) for one in allowed):
            return DEAD
        key = before, encoded
        if key not in self._of_unfinished:
            self._of_unfinished[key] = len(self._states)
            self._unfinished[len(self._states)] = key
            self._states.append(((), IN_WORD, ()))
            self._steps.append({})
            self._if_full_stop.append(DEAD)
        return self._of_unfinished[key]

    def _skip_word_starts(self, state: int) -> Places:
        """The places where a skip word may begin: none in a wildcard, which takes it as its own.

        There is none before the first word, because there the network itself has the skip words.
        """
        places, last, _ = self._states[state]
        if not self._skips.words or state == self.start or last != AFTER_SPACE:
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
        places, last, _ = self._states[state]
        if char in " -":
            return self._next_of_gap(state, char)
        if char == ":" and last == IN_WORD:  # "7:30" is "7 30"
            gap = self._next_of_gap(state, " ")
            return self._state(places, AFTER_STOP) if gap == DEAD else gap
        if last == AFTER_STOP or (last == AFTER_SPACE and char in SPACED_PUNCTUATION):
            if char in PUNCTUATION and ord(char) not in self._transitions_of(state):
                return state  # "¿Qué", "est-il ?", "..."
            if last == AFTER_STOP:
                return DEAD
        target = self._transition(state, ord(char), IN_WORD, wild=char not in PUNCTUATION)
        if char not in PUNCTUATION or last != IN_WORD:
            return target
        full_stop = self._state(places, AFTER_STOP)
        decimal_point = () if target == DEAD else self._states[target][0]
        return self._state(decimal_point, IN_WORD, (), full_stop) if decimal_point else full_stop

    def _next_of_gap(self, state: int, char: str) -> int:
        last = self.last_character(state)
        if last == AFTER_SPACE:  # after a space, "-" is the sign of a number
            return state if char == " " else self._transition(state, ord("-"), IN_WORD, wild=False)
        target = self._transition(state, SPACE, AFTER_SPACE, wild=True)
        if char == " " and self.accepts(state):
            places = () if target == DEAD else self._states[target][0]
            others = (place for place in places if place != ACCEPT)
            return self._state((ACCEPT, *others), AFTER_SPACE)
        return state if target == DEAD and char == "-" and last == IN_WORD else target

    def _next_of_unit_sign(self, state: int, char: str) -> int:
        """The state after the sign in "62%", which a template may also write as "62 %"."""
        gap = self._next_of_gap(state, " ")
        spaced = DEAD if gap == DEAD else self._transition(gap, ord(char), IN_WORD, wild=False)
        target = self._transition(state, ord(char), IN_WORD, wild=True)
        if DEAD in (target, spaced):
            return max(target, spaced)
        union = {*self._states[target][0], *self._states[spaced][0]}
        return self._state(tuple(sorted(union)), IN_WORD)

    def _transition(self, state: int, label: int, last: int, *, wild: bool) -> int:
        transitions = self._transitions_of(state)
        targets = transitions.get(label, [])
        if wild and ANY in transitions:
            targets = targets + transitions[ANY]
        places = self._closures.closure(targets, after_space=last == AFTER_SPACE)
        return self._state(places, last) if places else DEAD

    def _state(
        self, places: Places, last: int, partial: _PartialSkipWords = (), full_stop: int = DEAD
    ) -> int:
        key = (places, last, partial, full_stop)
        if key not in self._state_ids:
            self._state_ids[key] = len(self._states)
            self._states.append(key[:3])
            self._steps.append({})
            self._if_full_stop.append(full_stop)
        return self._state_ids[key]

    def _transitions_of(self, state: int) -> dict[int, list[int]]:
        """The places that each label leads to, before the epsilon closure."""
        if state in self._transitions:
            return self._transitions[state]
        net, size = self.network, self.network.size
        transitions: dict[int, list[int]] = {}
        for place in self._states[state][0]:
            if place == ACCEPT:
                continue
            context, node = divmod(place, size)
            for edge in range(net.edge_from[node], net.edge_from[node + 1]):
                if (label := net.labels[edge]) not in self._unread:
                    transitions.setdefault(label, []).append(context * size + net.targets[edge])
        self._transitions[state] = transitions
        return transitions


def _kind_of(char: str) -> int:
    return AFTER_SPACE if char == " " else AFTER_STOP if char in PUNCTUATION else IN_WORD
