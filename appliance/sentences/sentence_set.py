"""The operator's sentence files as one set, and the intent that a text means."""

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
from appliance.sentences.sentence_count import SentenceEnumerator, describe_count, evenly_spaced
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


@dataclass(frozen=True)
class SentenceSet:
    """The sentences of one language; new files make a new object."""

    language: str
    intents: Intents
    """As hassil parsed the templates."""
    declared: Mapping[str, DeclaredIntent]
    """By the intent's name: confirm, never_by_voice, response."""
    warnings: tuple[str, ...] = ()
    """Suspicious lines of the files, as `file:line: what`."""
    cache: Path | None = None
    """Folder for compiled grammars; None keeps none."""
    _compiling: threading.Lock = field(
        default_factory=threading.Lock, init=False, repr=False, compare=False
    )

    def parse(self, text: str) -> Intent | None:
        """The intent whose sentence `text` is, and its slots; None if no sentence fits.

        Capitals, punctuation and skip words do not matter; numbers may be digits or words, in
        the text as in the sentences: "12 ounce" is "twelve ounce".
        The same text always gives the same intent; `Parser.readings` says which of several.
        """
        if self.intents.settings.ignore_whitespace:
            text = CJK_WHITESPACE.sub("", text)
        for reading in self.grammar.readings(text)[:1]:
            slots = dict(reading.slots)
            return Intent(name=reading.intent, slots=slots, confidence=1.0, by="grammar")
        return None

    @property
    def grammar(self) -> Grammar:
        """The sentences compiled, once for text and speech.

        Raises:
            SentencesError: nothing can be said, or more than a grammar holds.

        """
        with self._compiling:
            return self._grammar

    @cached_property
    def _grammar(self) -> Grammar:
        return Grammar.of(self.intents, cache=self.cache)

    def how_many(self, name: str | None = None) -> str:
        """How many sentences are allowed, of one intent or of all, for a person to read."""
        count, endless = self.count(name)
        return describe_count(count, endless=endless)

    def count(self, name: str | None = None) -> tuple[int, bool]:
        """Sentences allowed with each wildcard as one value, and whether there is a wildcard."""
        count, endless = 0, False
        for _, enumerator, sentence in self._templates(name):
            count += enumerator.count(sentence.expression)
            endless = endless or enumerator.wildcard_met
        return count, endless

    def examples(self, per_template: int, name: str | None = None) -> Iterator[tuple[str, str]]:
        """Intent and sentence, up to `per_template` of each template, evenly spread over it."""
        for intent, enumerator, sentence in self._templates(name):
            for index in evenly_spaced(enumerator.count(sentence.expression), per_template):
                yield intent, enumerator.pick(sentence.expression, index)

    def _templates(self, name: str | None) -> Iterator[tuple[str, SentenceEnumerator, Sentence]]:
        for intent in self.intents.intents.values():
            if name is None or intent.name == name:
                for block in intent.data:
                    enumerator = SentenceEnumerator(self.language, *self._lists_and_rules(block))
                    yield from ((intent.name, enumerator, sentence) for sentence in block.sentences)

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
        folder: of the owner's files; None is the starter set, or with `builtin` nothing.
        language: ISO 639-1 code.
        builtin: Home Assistant's own sentences, too; areas, floors and names are the owner's.
        cache: folder for compiled grammars; None keeps none.

    Raises:
        SentencesError: with every problem in the files, as `file:line: what`.

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
            _ = block.sentences  # parsed now, so that the first person to speak need not wait
    return intents


def _block(block: dict[str, Any]) -> dict[str, Any]:
    """Without the keys that have no value; hassil accepts none of those."""
    return {key: value for key, value in block.items() if value is not None}


def _check_wildcards(gathered: Gathered, intents: Intents, findings: Problems) -> None:
    """A wildcard first is slow and hears anything; one alone would take every sound."""
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
                    findings.error(placed.document, path, f"{text!r} allows to say nothing at all")
                elif not template_check.words_needed(expression, rules, wild):
                    what = f"{text!r} is nothing but a wildcard; it would take whatever is said"
                    findings.error(placed.document, path, what)
                elif starts:
                    what = f"{text!r} may begin with the wildcard {{{min(starts)}}}"
                    findings.warn(placed.document, path, f"{what}; it is easily misheard")
