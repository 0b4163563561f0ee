"""From an allowed text back to what it means: every reading, the likeliest first."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from hassil.util import check_excluded_context, check_required_context

from appliance.grammar.network import ANY, EMPTY, Network
from appliance.grammar.semantic_tags import FreeValue, ListValue, NumberValue, SentenceOf, SlotStart
from appliance.text.normalise import APOSTROPHES, PUNCTUATION, UNIT_SIGNS, folded, normalise

if TYPE_CHECKING:
    from collections.abc import Iterator

MOST_PLACES = 20_000
"""A text that stands in more places than this at once is too ambiguous to be read."""

_SPACE = " "
_SIGN = "\N{MINUS SIGN}"
"""A hyphen that begins a number; the others join words."""

_AROUND = "".join(PUNCTUATION | APOSTROPHES) + " -"
"""Stands before or behind the words of a slot: "à l'école", where the list begins behind "l"."""

_Trail = tuple[Any, ...]
"""(tag, position, trail before), or () at the beginning."""
_Place = tuple[int, Any, _Trail]
"""State, stack of (return state, stack), trail."""


@dataclass(frozen=True, slots=True)
class ParsedSentence:
    """One meaning of a text."""

    intent: str
    slots: Mapping[str, Any]
    metadata: Mapping[str, Any] | None
    free_characters: int
    """Characters that wildcards took; fewer is better."""
    slot_characters: int
    """Characters that any slot took; fewer means that more was meant literally."""

    @property
    def meaning(self) -> tuple[str, tuple[tuple[str, str], ...]]:
        """Equal for two readings that ask for the same."""
        return self.intent, tuple(sorted((k, str(v).casefold()) for k, v in self.slots.items()))


class Parser:
    """Reads texts; keeps what every text begins with."""

    def __init__(self, network: Network) -> None:
        self._net = network
        self._begin: list[_Place] | None = None
        self._first: dict[str, list[_Place]] = {}

    def readings(self, text: str) -> list[ParsedSentence]:
        """All meanings of `text`, best first; none if it is not a sentence of the network.

        Order: fewer characters in wildcards, more literal text, then the order of the files.
        """
        found: dict[Any, ParsedSentence] = {}
        for _, _, trail in sorted(self._ends(text), key=lambda place: _tag_order(place[2])):
            reading = _reading(self._net, trail, text)
            if reading is not None:
                kept = found.setdefault(reading.meaning, reading)
                if _rank(reading) < _rank(kept):
                    found[reading.meaning] = reading
        return sorted(found.values(), key=_rank)

    def _ends(self, text: str) -> list[_Place]:
        """Where the whole text leads to."""
        characters = _characters(text)
        if not characters:
            return []
        places: list[_Place] = []
        for number, (char, index) in enumerate(characters):
            read = {"-": _SPACE, _SIGN: "-"}.get(char, char)
            ahead = self._read(places, read) if number else self._read_first(read)
            if char in UNIT_SIGNS:  # "62%" is "62 %"
                ahead += self._read(
                    self._closure(self._read(places, _SPACE), index, at_word=True), char
                )
            if not ahead and char == "-":
                continue
            places = self._closure(ahead, index + 1, at_word=read == _SPACE)
            if not places or len(places) > MOST_PLACES:
                return []
        places = self._closure(places, len(text), at_word=True)
        return [p for p in places if self._net.finals[p[0]] and p[1] is None]

    def prepare(self) -> None:
        """Find out now where every text begins."""
        self._beginning()

    def _beginning(self) -> list[_Place]:
        if self._begin is None:
            self._begin = self._closure([(self._net.start, None, ())], 0, at_word=True)
        return self._begin

    def _read_first(self, char: str) -> list[_Place]:
        """The first character; every text begins in the same places, so they are kept."""
        if char not in self._first:
            self._first[char] = self._read(self._beginning(), char)
        return self._first[char]

    def _read(self, places: list[_Place], char: str) -> list[_Place]:
        net = self._net
        labels = {ord(char)} if char in PUNCTUATION else {ord(char), ANY}
        return [
            (net.targets[edge], stack, trail)
            for state, stack, trail in places
            for edge in range(net.edge_from[state], net.edge_from[state + 1])
            if net.labels[edge] in labels
        ]

    def _closure(self, places: list[_Place], position: int, *, at_word: bool) -> list[_Place]:
        net = self._net
        seen, todo = set(places), list(places)
        while todo:
            state, stack, trail = todo.pop()
            for ahead, below in self._ahead(state, stack, at_word=at_word):
                tag = net.tags.get(ahead)
                place = (ahead, below, trail if tag is None else (tag, position, trail))
                if place not in seen:
                    seen.add(place)
                    todo.append(place)
        return list(seen)

    def _ahead(self, state: int, stack: Any, *, at_word: bool) -> Iterator[tuple[int, Any]]:
        net = self._net
        for edge in range(net.edge_from[state], net.edge_from[state + 1]):
            if net.labels[edge] == EMPTY or (at_word and net.labels[edge] == ord(_SPACE)):
                yield net.targets[edge], stack
        for call in range(net.call_from[state], net.call_from[state + 1]):
            yield net.callees[call], (net.returns[call], stack)
        if net.finals[state] and stack is not None:
            yield stack


def _tag_order(trail: _Trail) -> tuple[int, ...]:
    tags: list[int] = []
    while trail:
        tag, _, trail = trail
        tags.append(tag)
    return tuple(tags)


def _reading(network: Network, trail: _Trail, text: str) -> ParsedSentence | None:
    """What the trail says; None where the context that its words give is not the required one."""
    steps: list[tuple[Any, int]] = []
    while trail:
        tag, position, trail = trail
        steps.append((network.meanings[tag], position))
    sentence: SentenceOf | None = None
    slots: dict[str, Any] = {}
    context: dict[str, Any] = {}
    opened: tuple[str, int] | None = None
    free = taken = 0
    for what, position in reversed(steps):
        if isinstance(what, SlotStart):
            opened = (what.slot, position)
        elif isinstance(what, SentenceOf):
            sentence = what
        else:
            slot, begin = opened or ("", position)
            opened = None
            said = text[begin:position]
            words = said.strip(_AROUND)
            taken += len(words)
            free += len(words) if isinstance(what, FreeValue) else 0
            slots[slot] = _value(what, normalise(said) if isinstance(what, NumberValue) else words)
            context.update(what.context or {} if isinstance(what, ListValue) else {})
    slots.pop("", None)
    if sentence is None:
        return None
    context = {**sentence.context, **context}
    if not check_required_context(sentence.requires, context):
        return None
    if not check_excluded_context(sentence.excludes, context):
        return None
    slots = {**sentence.fixed, **_from_context(sentence, context), **slots}
    return ParsedSentence(sentence.intent, slots, sentence.metadata, free, taken)


def _from_context(sentence: SentenceOf, context: Mapping[str, Any]) -> dict[str, Any]:
    """Slots that the context fills: `requires_context: {area: {slot: true}}`."""
    found: dict[str, Any] = {}
    for key, wanted in sentence.requires.items():
        if isinstance(wanted, Mapping) and wanted.get("slot"):
            value = context[key]
            found[key] = value.get("value") if isinstance(value, Mapping) else value
    return found


def _value(what: Any, words: str) -> Any:
    if isinstance(what, ListValue):
        return what.value
    if isinstance(what, NumberValue):
        return what.values.get(words, words)
    return words


def _rank(reading: ParsedSentence) -> tuple[int, bool, int]:
    return reading.free_characters, "name" not in reading.slots, reading.slot_characters


def _characters(text: str) -> list[tuple[str, int]]:
    """Folded characters, each with its index in `text`; spaces once, stops of words left out."""
    out: list[tuple[str, int]] = []
    for index, raw in enumerate(text):
        before, behind = text[index - 1 : index] or _SPACE, text[index + 1 : index + 2]
        begins = before.isspace()
        for letter in folded(raw):
            apart = letter == ":" and before.isalnum() and behind.isalnum()
            char = _SPACE if apart else _SIGN if letter == "-" and begins else letter
            inside = char in ".," and behind.isdigit() and (before.isdigit() or begins)
            if char in PUNCTUATION and not inside:
                continue
            if char == _SPACE and (not out or out[-1][0] in " -"):
                continue
            out.append((char, index))
    while out and out[-1][0] == _SPACE:
        out.pop()
    return out
