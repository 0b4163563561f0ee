"""Loads sentence files into one set, which parses a text to its intent."""

from __future__ import annotations

import hashlib
import importlib.resources
import threading
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hassil import Intents
from hassil.expression import TextChunk
from hassil.intents import TextSlotList, TextSlotValue
from hassil.util import CJK_WHITESPACE

from appliance.errors import SentencesError
from appliance.grammar.block_scope import ANY_CONTEXT
from appliance.grammar.grammar import Grammar, fingerprint
from appliance.grammar.text_parser import INCLUDED
from appliance.sentences import template_check
from appliance.sentences.home_assistant_builtins import shared_data
from appliance.sentences.included_sentences import add_included
from appliance.sentences.problems import Problems
from appliance.sentences.reference_check import check_references
from appliance.sentences.sentence_check import check_sentences
from appliance.sentences.sentence_count import SentenceCounter, describe_count, evenly_spaced
from appliance.sentences.sentence_files import (
    BUILTIN,
    DeclaredIntent,
    Gathered,
    add_builtin,
    add_values,
    gather,
)
from appliance.text.normalise import normalise
from appliance.values import AREA, Intent

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from hassil.expression import Sentence
    from hassil.intents import IntentData

    from appliance.grammar.compound_sentence import Part
    from appliance.grammar.text_parser import ParsedSentence

SHIPPED = Path(str(importlib.resources.files("appliance"))) / "intents"
"""The starter set."""

SPELLINGS = 100
"""Maximum number of spellings of a room or device that are compared with a given one."""

NAME = "name"
"""The list of the devices, as Home Assistant's sentences call it."""


@dataclass(frozen=True)
class SentenceSet:
    """The sentences of one language; immutable, changed files make a new object."""

    language: str
    intents: Intents
    """The templates, parsed by hassil."""
    declared: Mapping[str, DeclaredIntent]
    """Declarations by the intent's name: confirm, never_by_voice, response."""
    warnings: tuple[str, ...] = ()
    """Lines of the files that may be mistakes, as `file:line: what`."""
    cache: Path | None = None
    """Folder for compiled grammars; None for no cache."""
    area: str | None = None
    """The room of the speaker, for sentences that require it; None if it is not known."""
    asked_area: str = ""
    """The room that was given, declared or not."""
    _shared: SentenceSet | None = field(default=None, repr=False, compare=False)
    """The set that this one shares its grammar with; it is the same without a room."""
    _compiling: threading.Lock = field(
        default_factory=threading.Lock, init=False, repr=False, compare=False
    )

    def parse(self, text: str) -> Intent | None:
        """The intent and slots of the best sentence that fits `text`; None if no sentence fits.

        Capitals, punctuation and skip words do not matter; numbers may be in digits or in words,
        both in the text and in the sentences: "12 ounce" is "twelve ounce".
        If several sentences fit, `Parser.readings` ranks them; the result is always the same.
        """
        for reading in self.readings(text)[:1]:
            if not reading.lacks_area:
                slots = dict(reading.slots)
                return Intent(name=reading.intent, slots=slots, confidence=1.0, by="grammar")
        return None

    def parse_all(self, text: str) -> tuple[Intent, ...]:
        """The intents of a sentence that may hold several commands; empty if none fits.

        A text that fits one sentence as a whole is one command, whatever words are in it.
        """
        intent = self.parse(text)
        if intent is not None:
            return (intent,)
        parts = self.parts(text)
        lacking = any(one.reading is not None and one.reading.lacks_area for one in parts)
        return () if lacking else tuple(one.intent for one in parts)

    def parts(self, text: str) -> tuple[Part, ...]:
        """The commands in `text`, if several declared sentences make it up; otherwise empty.

        For a text that is no declared sentence as a whole.
        """
        return self.grammar.parts(text)

    def part(self, text: str) -> Part | None:
        """The declared sentence that `text` is, as a part of a longer one; None if it is none."""
        return self.grammar.part(text)

    def readings(self, text: str) -> list[ParsedSentence]:
        """Every meaning of `text`, best first; those that lack the area last."""
        if self.intents.settings.ignore_whitespace:
            text = CJK_WHITESPACE.sub("", text)
        return self.grammar.readings(text)

    def lacking(self, text: str) -> str | None:
        """The information that `text` lacks, as a sentence for a person; None if it lacks nothing.

        This is the room of the speaker, if the sentence needs it and it is not known.
        """
        if not any(reading.lacks_area for reading in self.readings(text)[:1]):
            return None
        if not self.asked_area:
            return "it is about the speaker's room: set device.area, or give the request an area"
        return f"{undeclared_area(self.asked_area, self.areas)}; the sentence is about that room"

    def in_area(self, area: str) -> SentenceSet:
        """The same sentences, said in this room; empty for an unknown room.

        If the sentences declare only one room, it is that one. An undeclared room counts as
        unknown, because nothing may happen in an undeclared place.
        """
        shared = self._shared or self
        declared = shared.areas
        if area and declared:
            known = declared.get(normalise(area))
        else:
            known = area or (min(declared.values()) if len(set(declared.values())) == 1 else None)
        return replace(shared, area=known, asked_area=area, _shared=shared)

    @cached_property
    def areas(self) -> Mapping[str, str]:
        """The declared rooms, as they are published, by each of their normalised names."""
        return self.spellings(AREA)

    def with_names(self, names: Iterable[str]) -> SentenceSet:
        """The same sentences, with these names added to the names of devices.

        A name that is declared already keeps its meaning. Sentences without a list `name` stay as
        they are. What is compiled is not kept on disk.
        """
        values = self.intents.slot_lists.get(NAME)
        known = self.spellings(NAME)
        wanted = {normalise(name): name for name in names}
        more = [name for spelling, name in wanted.items() if spelling and spelling not in known]
        if not isinstance(values, TextSlotList) or not more:
            return self
        added = [TextSlotValue(TextChunk(name), name, metadata=ANY_CONTEXT) for name in more]
        widened = TextSlotList(NAME, [*values.values, *added])
        intents = replace(self.intents, slot_lists={**self.intents.slot_lists, NAME: widened})
        other = replace(self, intents=intents, cache=None, _shared=None)
        return other.in_area(self.asked_area)

    def spellings(self, list_name: str) -> dict[str, str]:
        """The values of a list, as they are published, by each of their normalised names."""
        values = self.intents.slot_lists.get(list_name)
        if not isinstance(values, TextSlotList):
            return {}
        counter = SentenceCounter(
            self.language, self.intents.slot_lists, self.intents.expansion_rules
        )
        found: dict[str, str] = {}
        for value in values.values:
            texts = [
                counter.pick(value.text_in, index)
                for index in evenly_spaced(counter.count(value.text_in), SPELLINGS)
            ]
            out = str(texts[0] if value.value_out is None else value.value_out)
            for text in (out, *texts):
                found.setdefault(normalise(text), out)
        return found

    @property
    def grammar(self) -> Grammar:
        """The compiled sentences, the same for text and speech.

        Raises:
            SentencesError: the sentences allow nothing, or more than a grammar can hold.

        """
        with self._compiling:
            return self._grammar

    @cached_property
    def _grammar(self) -> Grammar:
        if self._shared is not None:
            return self._shared.grammar.in_area(self.area)
        return Grammar.of(self.intents, cache=self.cache)

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 of everything that is declared."""
        declared = repr(sorted(self.declared.items()))
        content = f"{fingerprint(self.intents, None)}\n{declared}"
        return hashlib.sha256(content.encode()).hexdigest()

    def how_many(self, name: str | None = None) -> str:
        """The number of sentences of one intent or of all, as text for a person."""
        count, endless = self.count(name)
        return describe_count(count, endless=endless)

    def count(self, name: str | None = None) -> tuple[int, bool]:
        """The number of sentences, with each wildcard as one value; and if there is a wildcard."""
        count, endless = 0, False
        for _, counter, sentence in self._templates(name):
            count += counter.count(sentence.expression)
            endless = endless or counter.wildcard_met
        return count, endless

    def examples(self, per_template: int, name: str | None = None) -> Iterator[tuple[str, str]]:
        """Pairs of intent and sentence: up to `per_template` of each template, evenly spaced."""
        for intent, counter, sentence in self._templates(name):
            for index in evenly_spaced(counter.count(sentence.expression), per_template):
                yield intent, counter.pick(sentence.expression, index)

    def examples_of(self, template: str, most: int) -> Iterator[str]:
        """Up to `most` sentences that a template would allow here, evenly spaced.

        Raises:
            TemplateError: it is not a template.
            KeyError: it names a rule or a list that is not declared.

        """
        sentence = template_check.read(template)
        lists, rules = self.intents.slot_lists, self.intents.expansion_rules
        counter = SentenceCounter(self.language, lists, rules)
        for index in evenly_spaced(counter.count(sentence.expression), most):
            yield counter.pick(sentence.expression, index)

    def _templates(self, name: str | None) -> Iterator[tuple[str, SentenceCounter, Sentence]]:
        for intent in self.intents.intents.values():
            if name is None or intent.name == name:
                for block in intent.data:
                    counter = SentenceCounter(self.language, *self._lists_and_rules(block))
                    yield from ((intent.name, counter, sentence) for sentence in block.sentences)

    def _lists_and_rules(self, block: IntentData) -> tuple[dict[str, Any], dict[str, Sentence]]:
        return (
            {**self.intents.slot_lists, **block.slot_lists},
            {**self.intents.expansion_rules, **block.expansion_rules},
        )


def load(  # noqa: PLR0913  (where the sentences come from)
    folder: Path | None,
    language: str,
    *,
    builtin: bool = False,
    area: str = "",
    included: bool = False,
    cache: Path | None = None,
    more_values: Mapping[str, list[Any]] | None = None,
) -> SentenceSet:
    """Read the sentences of a language.

    Args:
        folder: with the owner's files; None for the starter set, or with `builtin` for no files.
        language: ISO 639-1 code.
        builtin: add Home Assistant's own sentences; the owner declares areas, floors and names.
        area: room of the speaker; empty if it is not known.
        included: add the sentences for timers, clock and questions about the appliance.
        cache: folder for compiled grammars; None for no cache.
        more_values: values that are added to lists, such as the names of devices, by list.

    Raises:
        SentencesError: lists every problem in the files, as `file:line: what`.

    """
    try:
        gathered = _gathered(
            folder, language, more_values or {}, builtin=builtin, included=included
        )
        loaded = _load(*gathered, folder, cache).in_area(area)
    except RecursionError:
        what = "the rules call one another too deeply; put some of them together"
        raise SentencesError([f"{SHIPPED if folder is None else folder}: {what}"]) from None
    if area and loaded.area is None:
        warning = f"device.area: {undeclared_area(area, loaded.areas)}"
        loaded = replace(loaded, warnings=(*loaded.warnings, warning))
    return loaded


def undeclared_area(area: str, areas: Mapping[str, str]) -> str:
    """The message that no sentence file declares a room, for a person."""
    declared = ", ".join(sorted(set(areas.values())))
    return f"{area!r} is none of the areas that the sentences declare ({declared})"


def _gathered(
    folder: Path | None,
    language: str,
    more_values: Mapping[str, list[Any]],
    *,
    builtin: bool,
    included: bool,
) -> tuple[Gathered, Problems]:
    """The owner's files, Home Assistant's sentences and the included ones, as asked for."""
    findings = Problems()
    if folder is None and builtin:
        gathered = Gathered(language)
    else:
        gathered = gather(SHIPPED if folder is None else folder, language, findings)
    if builtin:
        add_builtin(gathered, findings)
    add_values(gathered, more_values)
    if included and (gathered.blocks or folder is None):
        add_included(gathered)
    return gathered, findings


def _load(
    gathered: Gathered, findings: Problems, folder: Path | None, cache: Path | None
) -> SentenceSet:
    language = gathered.language
    check_references(gathered, findings)
    if not findings.errors and not gathered.blocks:
        place = SHIPPED if folder is None else folder
        raise SentencesError([f"{place}: no sentence is declared in it for language {language}"])
    if findings.errors:
        raise SentencesError(findings.lines(findings.errors))
    intents = _compile(gathered)
    check_sentences(gathered, intents, findings)
    if findings.errors:
        raise SentencesError(findings.lines(findings.errors))
    # The owner cannot change the sentences of Home Assistant, so their warnings are left out.
    shipped = (BUILTIN, INCLUDED)
    own = [one for one in findings.warnings if not one[0].startswith(shipped)]
    warnings = tuple(findings.lines(own))
    return SentenceSet(language, intents, gathered.declared, warnings, cache)


def _compile(gathered: Gathered) -> Intents:
    intents = Intents.from_dict(
        {
            "language": gathered.language,
            "intents": {
                name: {"data": [_block(placed.value) for placed in blocks]}
                for name, blocks in gathered.blocks.items()
            },
            "lists": {name: placed.value for name, placed in gathered.lists.items()},
            "expansion_rules": {name: placed.value for name, placed in gathered.rules.items()},
            "skip_words": gathered.skip_words or list(shared_data(gathered.language)["skip_words"]),
            "settings": gathered.settings,
        }
    )
    for intent in intents.intents.values():
        for block in intent.data:
            _ = block.sentences  # parse now, so that the first utterance need not wait
    return intents


def _block(block: dict[str, Any]) -> dict[str, Any]:
    """The block without empty keys, which hassil does not accept."""
    return {key: value for key, value in block.items() if value is not None}
