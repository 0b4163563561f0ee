"""Patterns: declared sentences with their slots left open, for the language model's choice."""

from __future__ import annotations

import itertools
import re
from collections import Counter, defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

from hassil.expression import TextChunk
from hassil.intents import RangeSlotList, TextSlotList, TextSlotValue, WildcardSlotList

from appliance.sentences.sentence_count import SentenceCounter, evenly_spaced
from appliance.text.normalise import words_of
from appliance.text.number_words import in_one_way
from appliance.text.word_lists import word_lists_for

if TYPE_CHECKING:
    from collections.abc import Container, Iterable, Iterator, Mapping, Sequence

    from hassil.expression import Sentence
    from hassil.intents import IntentData, SlotList

    from appliance.sentences.sentence_set import SentenceSet
    from appliance.text.word_lists import WordLists

PER_TEMPLATE = 192
"""Maximum number of wordings of a template that are read, evenly spread over all of them."""

AT_MOST = 24_000
"""Maximum number of wordings of all templates; in a larger set, fewer of each are read."""

PER_CONTENT = 3
"""Maximum number of wordings kept of a block with the same content: "my" and synonyms make many."""

PER_VALUE = 12
"""Maximum number of wordings kept of a list value, evenly spread over all of them."""

LARGEST_RANGE = 1_000
"""Maximum number of numbers kept of a range, from its start."""

MARK = "\ue000"
"""Mark around a list's key inside a text; a private character that is never typed."""

_MARKED = re.compile(f"{MARK}(.+?){MARK}")


@dataclass(frozen=True, slots=True)
class Slot:
    """A place in a pattern for one value of a list."""

    values: str
    """The list's key in `Patterns.values`."""


Part = str | Slot
Words = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Pattern:
    """One way to say an intent."""

    intent: str
    block: int
    """Index in the intent's data: sentences of one block have the same fixed slots."""
    parts: tuple[Part, ...]

    @property
    def slots(self) -> tuple[Slot, ...]:
        """Its slots in order."""
        return tuple(part for part in self.parts if isinstance(part, Slot))

    @property
    def words(self) -> Words:
        """Its own words, without slots."""
        return tuple(part for part in self.parts if isinstance(part, str))


@dataclass(frozen=True, slots=True)
class Patterns:
    """The patterns of all declared sentences, and the values of their lists."""

    patterns: tuple[Pattern, ...]
    """Patterns without a wildcard."""
    values: Mapping[str, Mapping[Words, str]]
    """Words of a value → the value's text, for each list."""
    numbers: frozenset[str]
    """Keys of the lists that are ranges of numbers."""
    wildcards: frozenset[str]
    """Keys of the lists that take any words."""
    with_wildcard: tuple[Pattern, ...]
    """Patterns with exactly one wildcard."""
    distinctive_words: Mapping[str, frozenset[str]]
    """Words that occur in no other intent's sentences, by intent."""
    shared_words: frozenset[str]
    """The words that occur in sentences of several intents."""
    domains: Mapping[str, Mapping[Words, str]]
    """Words of a name → the kind of device (`context: domain`), for each list of devices."""


def patterns_of(sentences: SentenceSet) -> Patterns:
    """The patterns of every template, within the bounds above."""
    intents = sentences.intents
    words = word_lists_for(sentences.language)
    values: dict[str, dict[Words, str]] = {}
    numbers: set[str] = set()
    wild: set[str] = set()
    domains: dict[str, Mapping[Words, str]] = {}
    found: dict[Pattern, None] = {}
    templates = sum(len(block.sentences) for one in intents.intents.values() for block in one.data)
    per_template = max(1, min(PER_TEMPLATE, AT_MOST // max(1, templates)))
    for intent in intents.intents.values():
        for number, block in enumerate(intent.data):
            local = f"{intent.name}.{number}."
            lists = {**intents.slot_lists, **block.slot_lists}
            rules = {**intents.expansion_rules, **block.expansion_rules}
            keys = {name: local + name if name in block.slot_lists else name for name in lists}
            opened = SentenceCounter(sentences.language, _marked(lists, keys), rules)
            kept: Counter[tuple[Part, ...]] = Counter()
            for parts in dict.fromkeys(_ways(opened, block, per_template)):
                content = tuple(_content(parts, words))
                kept[content] += 1
                if kept[content] <= PER_CONTENT:
                    found[Pattern(intent.name, number, parts)] = None
            for name, entries in lists.items():
                if keys[name] not in values:
                    values[keys[name]] = _values(sentences.language, entries, rules)
                    domains[keys[name]] = _domains(sentences.language, entries, rules)
                    numbers |= {keys[name]} if isinstance(entries, RangeSlotList) else set()
                    wild |= {keys[name]} if isinstance(entries, WildcardSlotList) else set()
    known = {key: entries for key, entries in values.items() if entries}
    users = _users(found)
    usable = (p for p in found if p.parts and all(slot.values in known for slot in p.slots))
    return Patterns(
        tuple(usable),
        known,
        frozenset(numbers),
        frozenset(wild),
        tuple(p for p in found if _is_open(p, known, wild)),
        _telling(users),
        frozenset(word for word, intents in users.items() if len(intents) > 1),
        {key: declared for key, declared in domains.items() if declared},
    )


def _content(parts: Sequence[Part], lists: WordLists) -> Iterator[Part]:
    """The words with a meaning, synonyms as one, and the slots, in order."""
    for is_word, group in itertools.groupby(parts, lambda part: isinstance(part, str)):
        some = list(group)
        yield from lists.content(list(map(str, some)), begins=False) if is_word else some


def _is_open(pattern: Pattern, known: Container[str], wild: Container[str]) -> bool:
    unknown = [slot.values for slot in pattern.slots if slot.values not in known]
    return len(unknown) == 1 and unknown[0] in wild


def _users(found: Iterable[Pattern]) -> dict[str, set[str]]:
    """Intents whose sentences have a word, by word."""
    users: dict[str, set[str]] = defaultdict(set)
    for pattern in found:
        for word in pattern.words:
            users[word].add(pattern.intent)
    return users


def _telling(users: Mapping[str, set[str]]) -> dict[str, frozenset[str]]:
    told: dict[str, set[str]] = defaultdict(set)
    for word, intents in users.items():
        if len(intents) == 1:
            told[min(intents)].add(word)
    return {intent: frozenset(words) for intent, words in told.items()}


def _marked(lists: Mapping[str, SlotList], keys: Mapping[str, str]) -> dict[str, SlotList]:
    """The lists, each with one value: its own key between marks."""
    return {
        name: TextSlotList(
            name=name,
            values=[TextSlotValue(text_in=TextChunk(f"{MARK}{keys[name]}{MARK}"), value_out=name)],
        )
        for name in lists
    }


def _ways(
    opened: SentenceCounter, block: IntentData, per_template: int
) -> Iterator[tuple[Part, ...]]:
    for sentence in block.sentences:
        for index in evenly_spaced(opened.count(sentence.expression), per_template):
            yield tuple(_parts(opened.pick(sentence.expression, index)))


def _parts(text: str) -> Iterator[Part]:
    for index, piece in enumerate(_MARKED.split(text)):
        if index % 2:
            yield Slot(piece)
        else:
            yield from words_of(piece)


def _values(language: str, entries: SlotList, rules: Mapping[str, Sentence]) -> dict[Words, str]:
    if isinstance(entries, RangeSlotList):
        return _numbers(language, entries)
    if not isinstance(entries, TextSlotList):
        return {}
    opened = SentenceCounter(language, {}, rules)
    said: dict[Words, str] = {}
    for value in entries.values:
        for index in evenly_spaced(opened.count(value.text_in), PER_VALUE):
            text = opened.pick(value.text_in, index)
            said.setdefault(words_of(text), text)
    return said


def _domains(language: str, entries: SlotList, rules: Mapping[str, Sentence]) -> dict[Words, str]:
    """The kind of device of each value that declares one."""
    declared: dict[Words, str] = {}
    for value in entries.values if isinstance(entries, TextSlotList) else ():
        domain = (value.context or {}).get("domain")
        if isinstance(domain, str):
            one = TextSlotList(name="", values=[value])
            declared.update(dict.fromkeys(_values(language, one, rules), domain))
    return declared


def _numbers(language: str, entries: RangeSlotList) -> dict[Words, str]:
    steps = range(entries.start, entries.stop + 1, entries.step)
    said: dict[Words, str] = {}
    for number in itertools.islice(steps, LARGEST_RANGE):
        said[(str(number),)] = str(number)
        text = in_one_way(number, entries.words_language or language)
        if text is not None:  # otherwise the language has no number words
            said.setdefault(words_of(text), str(number))
    return said
