"""Parses a text: finds each sentence that fits it, with its slots, and ranks them."""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from hassil.util import check_excluded_context, check_required_context

from appliance.grammar.network import ANY, READS_NOTHING, Network
from appliance.grammar.semantic_tags import (
    ListValue,
    NumberValue,
    SentenceEnd,
    SlotStart,
    WildcardValue,
)
from appliance.text.normalise import APOSTROPHES, PUNCTUATION, UNIT_SIGNS, folded, parts_words
from appliance.values import AREA

if TYPE_CHECKING:
    from collections.abc import Iterator

    from appliance.grammar.skip_words import SkipWords

MAX_PLACES = 20_000
"""A text that reaches more places than this at once is too ambiguous and fits no sentence."""

INCLUDED = "included"
"""Key in a block's metadata: its sentences came with the appliance, and the owner's go first."""

_SPACE = " "
_SPACE_LABEL = ord(_SPACE)
_SIGN = "\N{MINUS SIGN}"
"""Replaces a hyphen that begins a number; other hyphens join words."""

_NUMBER = re.compile(r"\s*[.,]?\d")
"""A number after a hyphen, which is then a sign, even with spaces: "- 5" is not 5."""

NAME_SLOTS = frozenset({"name", "except_name", "except_name_2"})
"""Slots for a device's name, which counts before a room: a lamp may be called "kitchen lights"."""

READINGS_KEPT = 512
"""Number of texts whose parses are cached, because one text and its parts are parsed several
times."""

_BRACKETS = "()[]{}"
"""Written in names but not read: "lamp (left)"."""

_CLOSING = frozenset(")]}")

_UNBRACKETED = str.maketrans("", "", _BRACKETS)

_AROUND = "".join(PUNCTUATION | APOSTROPHES) + " -"
"""Removed at both ends of a slot: in "à l'école" the list begins after "l", with "'"."""

_Trail = tuple[Any, ...]
"""(number of a semantic tag, position in the text, trail before); () at the beginning. A negative
number is a skip word with as many letters."""

_Place = tuple[int, Any, int]
"""Node, stack of (return node, stack), and the number of the context that the words have set; after
the end of a sentence a negative number for the sentence."""

_Places = dict[_Place, _Trail]
"""The best trail to each place."""


@dataclass(frozen=True, slots=True)
class ParsedSentence:
    """One parse of a text."""

    intent: str
    slots: Mapping[str, Any]
    metadata: Mapping[str, Any] | None
    wildcard_characters: int
    """Number of characters that wildcards took."""
    lacks_area: bool
    """Whether it needs the room of the speaker, which is not known."""
    rank: tuple[Any, ...] = field(compare=False, repr=False)
    """Sort key, lower is better; see `Parser.readings`."""
    slot_letters: int = field(default=0, compare=False, repr=False)
    """Letters and digits that slots and skip words took; the others are the sentence's own."""
    parts: tuple[ParsedSentence, ...] = field(default=(), repr=False)
    """The commands of a sentence with several; otherwise empty. With them, `intent` is all their
    names, and `slots` is empty."""

    @property
    def meaning(self) -> tuple[Any, ...]:
        """Equal for two parses with the same intent and slots, or with the same parts."""
        if self.parts:
            return tuple(part.meaning for part in self.parts)
        return self.intent, tuple(sorted((k, str(v).casefold()) for k, v in self.slots.items()))


class Parser:
    """Parses texts with a network.

    Dynamic programming over the positions of the text (Viterbi 1967): of all trails to a place,
    only the best is followed, so that the time grows with the number of places and not with the
    number of parses. Sentences with a required word that the text lacks are not tried at all.
    """

    def __init__(self, network: Network, skip_words: SkipWords) -> None:
        """`skip_words` may stand between any two words except those of a wildcard."""
        self._arcs = _Arcs(network)
        self._skip_words = skip_words
        self._sentences = [
            (first, sum(1 << clause for clause in set(clauses)))
            for first, clauses in network.sentences
        ]
        self._kept = functools.lru_cache(READINGS_KEPT)(self._best_of_each_meaning)

    def readings(self, text: str, area: str | None = None) -> list[ParsedSentence]:
        """The best parse for each meaning of `text`, best first; empty if no sentence fits.

        `area` is the room of the speaker, for sentences that require it; if it is None, those
        come last, and the included sentences come after the owner's. Otherwise the ranking is that
        of hassil's `recognize_best`, as Home Assistant calls it: a sentence with a device's name
        before one without, a longer name before a shorter one, fewer
        wildcards, more words of the sentence's own, fewer letters in wildcards, then the name of
        the intent and the order of the files.
        """
        return list(self._kept(text, area))

    def _best_of_each_meaning(self, text: str, area: str | None) -> tuple[ParsedSentence, ...]:
        found: dict[Any, ParsedSentence] = {}
        parse = _Parse(self._arcs, self._skip_words, self._sentences, text, area)
        readings = parse.readings()
        for reading in sorted(readings, key=lambda one: one.rank):
            found.setdefault(reading.meaning, reading)
        return tuple(found.values())


@dataclass(slots=True)
class _NodeArcs:
    """The edges and calls that leave one node of the network."""

    reads: dict[int, list[int]]
    """Label of an edge: its targets."""
    silent: list[int]
    """Targets of the edges that read nothing."""
    calls: list[tuple[int, int]]
    """Each callee, and the node where it returns to."""
    final: bool


class _Arcs:
    """The arcs of a network by node, computed when a node is first reached."""

    def __init__(self, network: Network) -> None:
        self.network = network
        self._known: dict[int, _NodeArcs] = {}

    def of(self, node: int) -> _NodeArcs:
        """The arcs that leave a node; from any thread."""
        found = self._known.get(node)
        if found is None:
            found = self._known[node] = self._sorted_out(node)
        return found

    def _sorted_out(self, node: int) -> _NodeArcs:
        net = self.network
        reads: dict[int, list[int]] = {}
        silent = []
        for edge in range(net.edge_from[node], net.edge_from[node + 1]):
            if net.labels[edge] in READS_NOTHING:
                silent.append(net.targets[edge])
            else:
                reads.setdefault(net.labels[edge], []).append(net.targets[edge])
        calls = range(net.call_from[node], net.call_from[node + 1])
        return _NodeArcs(
            reads,
            silent,
            [(net.callees[call], net.returns[call]) for call in calls],
            bool(net.finals[node]),
        )


class _Parse:
    """The parsing of one text."""

    def __init__(
        self,
        arcs: _Arcs,
        skip_words: SkipWords,
        sentences: list[tuple[int, int]],
        text: str,
        area: str | None,
    ) -> None:
        self._net = arcs.network
        self._arcs = arcs
        self._skip_words = skip_words
        self._text = text
        self._characters = _characters(text)
        self._area = area
        self._contexts: list[dict[str, Any]] = [{}]
        self._context_numbers: dict[str, int] = {}
        self._letters = [0]
        """Number of letters and digits before each position of the text."""
        for char in text:
            self._letters.append(self._letters[-1] + char.isalnum())
        unmet = self._unmet_clauses()
        self._possible = [first for first, words in sentences if not words & unmet]

    def readings(self) -> Iterator[ParsedSentence]:
        """All parses, in no order."""
        for trail in self._read().values():
            yield self._reading(trail)

    def _unmet_clauses(self) -> int:
        """A bit mask of the clauses of the network that the text does not meet."""
        plain = "".join(char for char, _ in self._characters)
        spelled = f"{plain.replace('-', ' ')}\n{plain.replace('-', '')}"
        return sum(
            1 << number
            for number, words in enumerate(self._net.clauses)
            if not any(word in spelled for word in words)
        )

    def _read(self) -> _Places:
        """The places at the end of a sentence that the whole text leads to."""
        if not self._characters or not self._possible:
            return {}
        length = len(self._characters)
        skip_word_ends = self._skip_word_ends()
        waiting: dict[int, _Places] = {}
        """Places after a skip word, by the index of the character that comes next."""
        places = self._closure({(self._net.start, None, 0): ()}, 0, after_space=True)
        before = _SPACE
        for number, (char, index) in enumerate(self._characters):
            if number in waiting:
                self._merge(places, waiting.pop(number), index)
                places = self._closure(places, index, after_space=True)
            for end in skip_word_ends.get(number, ()):
                after = self._skip(places, number, end)
                self._merge(waiting.setdefault(end, {}), after, index)
            read = {"-": _SPACE, _SIGN: "-"}.get(char, char)
            targets = self._step(places, read, index)
            if char in UNIT_SIGNS or (char.isalpha() and before.isdigit()):
                # "62%" may be "62 %", and "5min" may be "5 min".
                gap = self._closure(self._step(places, _SPACE, index), index, after_space=True)
                self._merge(targets, self._step(gap, char, index), index)
            if targets or char != "-":  # "wi-fi" may be "wifi"
                places = self._closure(targets, index + 1, after_space=read == _SPACE)
            before = char
            if not (places or waiting) or len(places) > MAX_PLACES:
                return {}
        self._merge(places, waiting.get(length, {}), len(self._text))
        places = self._closure(places, len(self._text), after_space=True)
        return {p: t for p, t in places.items() if self._net.finals[p[0]] and p[1] is None}

    def _skip_word_ends(self) -> dict[int, list[int]]:
        """The index after each skip word, by the index at which it begins."""
        spelled = "".join(_SPACE if char == "-" else char for char, _ in self._characters)
        begins = [0, *(n for n, char in enumerate(spelled, 1) if char == _SPACE)]
        return {
            begin: ends
            for begin in begins
            if (ends := [min(end, len(spelled)) for end in self._skip_words.ends(spelled, begin)])
        }

    def _skip(self, places: _Places, begin: int, end: int) -> _Places:
        """The places after a skip word; not those in a wildcard, which takes it as its own word.

        As in hassil, a sentence that begins with a wildcard skips words only at its end.
        """
        letters = -sum(char.isalnum() for char, _ in self._characters[begin:end])
        position = self._characters[begin][1]
        last = end == len(self._characters)
        return {
            place: (letters, position, trail)
            for place, trail in places.items()
            if not self._inside_wildcard(place[0])
            and (last or not self._begins_with_wildcard(trail))
        }

    def _inside_wildcard(self, node: int) -> bool:
        return node in self._arcs.of(node).reads.get(ANY, ())

    def _begins_with_wildcard(self, trail: _Trail) -> bool:
        while trail and trail[2]:
            trail = trail[2]
        first = self._net.semantic_tags[trail[0]] if trail and trail[0] >= 0 else None
        return isinstance(first, SlotStart) and first.free and trail[1] == 0

    def _step(self, places: _Places, char: str, index: int) -> _Places:
        labels = (ord(char),) if char in PUNCTUATION else (ord(char), ANY)
        targets: _Places = {}
        for (node, stack, context_id), trail in places.items():
            reads = self._arcs.of(node).reads
            for label in labels:
                for target in reads.get(label, ()):
                    self._add(targets, (target, stack, context_id), trail, index)
        return targets

    def _closure(self, places: _Places, position: int, *, after_space: bool) -> _Places:
        """The epsilon closure: `places` and all that are reached without reading."""
        found, pending = dict(places), list(places.items())
        tag_numbers = self._net.tag_numbers
        while pending and len(found) <= MAX_PLACES:
            place, trail = pending.pop()
            if found[place] is not trail:
                continue  # a better trail has come since
            for node, stack in self._epsilon(place[0], place[1], after_space=after_space):
                tag_number = tag_numbers.get(node)
                if tag_number is None:
                    target, longer = (node, stack, place[2]), trail
                else:
                    context_id = self._context_after(tag_number, place[2])
                    if context_id is None:
                        continue
                    target, longer = (node, stack, context_id), (tag_number, position, trail)
                if self._add(found, target, longer, position):
                    pending.append((target, longer))
        return found

    def _epsilon(self, node: int, stack: Any, *, after_space: bool) -> list[tuple[int, Any]]:
        if node == self._net.body:
            return [(first, stack) for first in self._possible]
        arcs = self._arcs.of(node)
        found = [(target, stack) for target in arcs.silent]
        if after_space and (spaces := arcs.reads.get(_SPACE_LABEL)):
            found += [(target, stack) for target in spaces]
        if arcs.calls:
            found += [(callee, (back, stack)) for callee, back in arcs.calls]
        if arcs.final and stack is not None:
            found.append(stack)
        return found

    def _context_after(self, tag_number: int, context_id: int) -> int | None:
        """The number of the context after this tag; None if it is not the required one."""
        tag = self._net.semantic_tags[tag_number]
        if isinstance(tag, ListValue) and tag.context:
            return self._context({**self._contexts[context_id], **tag.context})
        if isinstance(tag, SentenceEnd):
            context = {AREA: self._area, **self._contexts[context_id]}
            if not check_required_context(tag.requires, context):
                return None
            return -1 - tag_number if check_excluded_context(tag.excludes, context) else None
        return context_id

    def _context(self, context: dict[str, Any]) -> int:
        number = self._context_numbers.setdefault(f"{context}", len(self._contexts))
        if number == len(self._contexts):
            self._contexts.append(context)
        return number

    def _merge(self, places: _Places, others: _Places, position: int) -> None:
        for place, trail in others.items():
            self._add(places, place, trail, position)

    def _add(self, places: _Places, place: _Place, trail: _Trail, position: int) -> bool:
        """Add the trail to a place if it is the best one; return whether it is."""
        known = places.get(place)
        if known is not None and (
            known is trail or self._cost(known, position) <= self._cost(trail, position)
        ):
            return False
        places[place] = trail
        return True

    def _cost(self, trail: _Trail, position: int) -> tuple[Any, ...]:
        """The rank of a trail, lower is better; an open slot ends at `position`."""
        named = wildcards = not_own = wildcard_letters = 0
        ends: list[int] = []
        tag_numbers, positions = [], []
        while trail:
            tag_number, begin, trail = trail
            if tag_number < 0:
                not_own -= tag_number
                continue
            tag_numbers.append(tag_number)
            positions.append(begin)
            tag = self._net.semantic_tags[tag_number]
            if isinstance(tag, SlotStart):
                end = ends.pop() if ends else position
                letters = self._letters[end] - self._letters[begin]
                not_own += letters
                if tag.free:
                    wildcards, wildcard_letters = wildcards + 1, wildcard_letters + letters
                elif tag.slot in NAME_SLOTS:
                    named += letters
            elif not isinstance(tag, SentenceEnd):
                ends.append(begin)
        return -named, wildcards, not_own, wildcard_letters, tag_numbers, positions[::-1]

    def _reading(self, trail: _Trail) -> ParsedSentence:
        """The parse that the trail stands for."""
        (tag_number, _), *steps = (step for step in _steps(trail) if step[0] >= 0)
        sentence: SentenceEnd = self._net.semantic_tags[tag_number]
        slots: dict[str, Any] = {}
        context: dict[str, Any] = {}
        opened: list[tuple[str, int]] = []
        starts: set[tuple[str, bool]] = set()
        wildcard_letters = 0
        for tag_number, position in reversed(steps):
            tag = self._net.semantic_tags[tag_number]
            if isinstance(tag, SlotStart):
                starts.add((tag.slot, tag.free))
                opened.append((tag.slot, position))
                continue
            slot, begin = opened.pop()
            slots[slot] = self._value(tag, begin, position)
            wildcard_letters += len(slots[slot]) if isinstance(tag, WildcardValue) else 0
            context.update(tag.context or {} if isinstance(tag, ListValue) else {})
        slots.pop("", None)
        lacks_area = self._area is None and AREA in sentence.requires and AREA not in context
        from_context = _from_context(sentence, {AREA: self._area, **context})
        slots = {**sentence.fixed, **from_context, **slots}
        named, *rank, tag_numbers, positions = self._cost(trail, len(self._text))
        of_device = "name" in slots and ("name", True) not in starts
        included = bool((sentence.metadata or {}).get(INCLUDED))
        not_own = rank[1]
        rank = [lacks_area, included, not of_device, named, *rank]
        rank += [sentence.intent, tag_numbers, positions]
        return ParsedSentence(
            *(sentence.intent, slots, sentence.metadata, wildcard_letters, lacks_area),
            rank=tuple(rank),
            slot_letters=not_own,
        )

    def _value(self, tag: Any, begin: int, end: int) -> Any:
        """The value of a slot."""
        if isinstance(tag, WildcardValue):
            while self._text[end : end + 1] in _CLOSING:  # "call Mum (mobile)"
                end += 1
            return self._text[begin:end].strip(_AROUND)
        if isinstance(tag, ListValue) and tag.value is not None:
            return tag.value
        if isinstance(tag, NumberValue):
            read = [char for char, index in self._characters if begin <= index < end]
            words = "".join(read).replace("-", _SPACE).replace(_SIGN, "-").strip()
            return tag.values.get(words, words)
        return self._text[begin:end].translate(_UNBRACKETED).strip(_AROUND)


def _steps(trail: _Trail) -> Iterator[tuple[int, int]]:
    while trail:
        tag_number, position, trail = trail
        yield tag_number, position


def _from_context(sentence: SentenceEnd, context: Mapping[str, Any]) -> dict[str, Any]:
    """Slots that the context fills: `requires_context: {area: {slot: true}}`."""
    found: dict[str, Any] = {}
    for key, required in sentence.requires.items():
        if isinstance(required, Mapping) and (slot := required.get("slot")):
            value = context[key]
            name = slot if isinstance(slot, str) else key
            found[name] = value.get("value") if isinstance(value, Mapping) else value
    return {name: value for name, value in found.items() if value is not None}


def _characters(text: str) -> list[tuple[str, int]]:
    """The folded characters with their indices in `text`; single spaces, no punctuation."""
    out: list[tuple[str, int]] = []
    for index, raw in enumerate(text):
        before, after = text[index - 1 : index] or _SPACE, text[index + 1 : index + 2]
        begins = before.isspace()
        for letter in folded(raw):
            apart = parts_words(before, letter, after) and not (
                letter == "," and before.isdigit() and after.isdigit()
            )
            signs = letter == "-" and begins and _NUMBER.match(text, index + 1)
            char = _SPACE if apart else _SIGN if signs else letter
            inside = char in ".," and after.isdigit() and (not before.isalpha())
            if (char in PUNCTUATION and not inside) or char in _BRACKETS:
                continue
            if char == "-" and begins:
                continue
            if char == _SPACE and (not out or out[-1][0] in " -"):
                continue
            out.append((char, index))
    while out and out[-1][0] == _SPACE:
        out.pop()
    return out
