"""Loads sentence files into one set, which parses a text to its intent."""

from __future__ import annotations

import importlib.resources
import threading
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hassil import Intents
from hassil.intents import WildcardSlotList
from hassil.util import CJK_WHITESPACE

from appliance.errors import SentencesError
from appliance.grammar.grammar import Grammar
from appliance.sentences import template_check
from appliance.sentences.home_assistant_builtins import shared_data
from appliance.sentences.problems import Problems
from appliance.sentences.reference_check import check_references
from appliance.sentences.sentence_count import SentenceCounter, describe_count, evenly_spaced
from appliance.sentences.sentence_files import (
    BUILTIN,
    DeclaredIntent,
    Gathered,
    add_builtin,
    gather,
)
from appliance.values import Intent

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from hassil.expression import Sentence
    from hassil.intents import IntentData

SHIPPED = Path(str(importlib.resources.files("appliance"))) / "intents"
"""The starter set."""

ADD_WORD = "add a word that must be said"


@dataclass(frozen=True)
class SentenceSet:
    """The sentences of one language; immutable, changed files make a new object."""

    language: str
    intents: Intents
    """As hassil parsed the templates."""
    declared: Mapping[str, DeclaredIntent]
    """By the intent's name: confirm, never_by_voice, response."""
    warnings: tuple[str, ...] = ()
    """Lines of the files that may be mistakes, as `file:line: what`."""
    cache: Path | None = None
    """Folder for compiled grammars; None for no cache."""
    _compiling: threading.Lock = field(
        default_factory=threading.Lock, init=False, repr=False, compare=False
    )

    def parse(self, text: str) -> Intent | None:
        """The intent and slots of the best sentence that fits `text`; None if no sentence fits.

        Capitals, punctuation and skip words do not matter; numbers may be in digits or in words,
        both in the text and in the sentences: "12 ounce" is "twelve ounce".
        If several sentences fit, `Parser.readings` ranks them; the result is always the same.
        """
        if self.intents.settings.ignore_whitespace:
            text = CJK_WHITESPACE.sub("", text)
        for reading in self.grammar.readings(text)[:1]:
            slots = dict(reading.slots)
            return Intent(name=reading.intent, slots=slots, confidence=1.0, by="grammar")
        return None

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
        return Grammar.of(self.intents, cache=self.cache)

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


def load(
    folder: Path | None, language: str, *, builtin: bool = False, cache: Path | None = None
) -> SentenceSet:
    """Read the sentences of a language.

    Args:
        folder: with the owner's files; None for the starter set, or with `builtin` for no files.
        language: ISO 639-1 code.
        builtin: add Home Assistant's own sentences; the owner declares areas, floors and names.
        cache: folder for compiled grammars; None for no cache.

    Raises:
        SentencesError: lists every problem in the files, as `file:line: what`.

    """
    try:
        return _load(folder, language, builtin=builtin, cache=cache)
    except RecursionError:
        what = "the rules call one another too deeply; put some of them together"
        raise SentencesError([f"{SHIPPED if folder is None else folder}: {what}"]) from None


def _load(folder: Path | None, language: str, *, builtin: bool, cache: Path | None) -> SentenceSet:
    findings = Problems()
    if folder is None and builtin:
        gathered = Gathered(language)
    else:
        gathered = gather(SHIPPED if folder is None else folder, language, findings)
    if builtin:
        add_builtin(gathered, findings)
    check_references(gathered, findings)
    if not findings.errors and not gathered.blocks:
        place = SHIPPED if folder is None else folder
        raise SentencesError([f"{place}: no sentence is declared in it for language {language}"])
    if findings.errors:
        raise SentencesError(findings.lines(findings.errors))
    intents = _compile(gathered)
    _check_wildcards(gathered, intents, findings)
    if findings.errors:
        raise SentencesError(findings.lines(findings.errors))
    # The owner cannot change the sentences of Home Assistant, so their warnings are left out.
    own = [warning for warning in findings.warnings if warning[0] != BUILTIN]
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


def _check_wildcards(gathered: Gathered, intents: Intents, findings: Problems) -> None:
    """Warn of a wildcard at the start, which hears anything; refuse a template with no words."""
    for name, blocks in gathered.blocks.items():
        for placed, block in zip(blocks, intents.intents[name].data, strict=True):
            rules = {**intents.expansion_rules, **block.expansion_rules}
            lists = {**intents.slot_lists, **block.slot_lists}
            wild = frozenset(
                n for n, values in lists.items() if isinstance(values, WildcardSlotList)
            )
            for index, text in enumerate(block.sentence_texts):
                path = (*placed.path, "sentences", index)
                expression = template_check.read(text).expression
                starts = {r.list_name for r in template_check.may_start(expression, rules)} & wild
                if template_check.is_blank(expression, rules):
                    findings.error(placed.document, path, f"{text!r} fits silence; {ADD_WORD}")
                elif not template_check.words_needed(expression, rules, wild):
                    what = f"{text!r} is only a wildcard and fits anything; {ADD_WORD}"
                    findings.error(placed.document, path, what)
                elif starts:
                    what = f"{text!r} may begin with the wildcard {{{min(starts)}}}"
                    findings.warn(placed.document, path, f"{what} and is easily misheard")
