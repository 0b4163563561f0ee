"""The grammar of a set of sentences: compiled once, cached on disk, used for text and speech."""

from __future__ import annotations

import copy
import hashlib
import threading
from importlib.metadata import version
from typing import TYPE_CHECKING

from appliance.grammar.cache import load, save
from appliance.grammar.compile import compile_network
from appliance.grammar.compound_sentence import (
    Part,
    compound,
    conjunctions_in,
    is_only_a_name,
    parts_of,
)
from appliance.grammar.lazy_automaton import DEAD, Automaton
from appliance.grammar.network import ANY
from appliance.grammar.number_respellings import respellings
from appliance.grammar.skip_words import SkipWords
from appliance.grammar.text_parser import ParsedSentence, Parser
from appliance.grammar.times_of_several_commands import unclear_time
from appliance.grammar.token_mask import TokenVocabulary, TokenWalk
from appliance.grammar.written_words import WrittenWords
from appliance.text.normalise import folded, normalise
from appliance.values import Intent

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from hassil.intents import Intents, SlotList

    from appliance.grammar.network import Network

CACHE_VERSION = 9
"""Raise it if the file's layout changes, or if the same sentences compile to another network."""

COMPILED_WITH = ("hassil", "unicode-rbnf")
"""Packages that parse the templates and spell the numbers; a new version compiles again."""


class Grammar:
    """Everything that may be said in one language; immutable.

    If the files change, a new grammar replaces this one between two utterances; a decoder that
    is running finishes with the one that it has.
    """

    def __init__(
        self,
        network: Network,
        language: str,
        words: WrittenWords | None = None,
        skip_words: SkipWords | None = None,
    ) -> None:
        """`words` says how those of the sentences are written."""
        self.area: str | None = None
        """The room of the speaker."""
        self.language = language
        self.network = network
        self._skip_words = skip_words or SkipWords()
        self.automaton = Automaton(network, self._skip_words)
        self.declared = (
            Automaton(network, self._skip_words, wildcards=False)
            if ANY in network.labels
            else self.automaton
        )
        """The automaton without the sentences that have a wildcard."""
        self._parser = Parser(network, self._skip_words)
        self._words = words or WrittenWords()
        self.words = self._words.plain
        """All words of the sentences, folded."""
        self._walks: dict[int, TokenWalk] = {}
        self._lock = threading.Lock()

    @classmethod
    def of(
        cls,
        intents: Intents,
        slot_lists: Mapping[str, SlotList] | None = None,
        *,
        cache: Path | None = None,
    ) -> Grammar:
        """Compile, or load what was compiled before from the same content.

        Args:
            intents: as hassil parsed them.
            slot_lists: lists that replace those of `intents` with the same name.
            cache: folder for compiled networks; a damaged file is compiled again.

        Raises:
            SentencesError: a list or rule is missing, a rule calls itself, or the sentences
                allow nothing.

        """
        words = WrittenWords.of(_content(intents, slot_lists), intents.language)
        skip_words = SkipWords(intents.skip_words)
        if cache is None:
            compiled = compile_network(intents, slot_lists)
            return cls(compiled, intents.language, words, skip_words)
        path = cache / f"grammar-{fingerprint(intents, slot_lists)}"
        network = load(path, CACHE_VERSION)
        if network is None:
            network = compile_network(intents, slot_lists)
            save(path, network, CACHE_VERSION)
        return cls(network, intents.language, words, skip_words)

    def in_area(self, area: str | None) -> Grammar:
        """The same grammar, for a speaker in this room; it shares all that was computed."""
        other = copy.copy(self)
        other.area = area
        return other

    def prepare(self, vocabulary: TokenVocabulary) -> None:
        """Compute what the first utterance needs; takes up to several seconds."""
        self.walk(vocabulary).prepare()

    def readings(self, text: str) -> list[ParsedSentence]:
        """The best parse for each meaning of `text`, best first; empty if no sentence fits.

        If no sentence fits without a wildcard, its numbers are tried in other spellings: "1h25".
        """
        found = self._as_one(text)
        if found and found[0].wildcard_characters:
            conjunctions = conjunctions_in(normalise(text), self.language)
            first = self._first_command(text) if conjunctions else None
            if first is not None:
                found = [one for one in found if not _took(one, first)]
        return found

    def _as_one(self, text: str) -> list[ParsedSentence]:
        """As `readings`, but a wildcard may take another command, because parts are not checked."""
        found = self._parser.readings(text, self.area)
        if found and not found[0].wildcard_characters:
            return found
        for other in respellings(text, self.language):
            declared = [
                reading
                for reading in self._parser.readings(other, self.area)
                if not reading.wildcard_characters
            ]
            if declared:
                return [*declared, *found]
        return found

    def _first_command(self, text: str) -> str | None:
        """The first of several commands, normalised; None if it is not one without a wildcard."""
        first = next(iter(self._parts_at_any_time(text)), None)
        if first is None or first.reading is None or first.reading.wildcard_characters:
            return None
        return normalise(first.text)

    def part(self, text: str) -> Part | None:
        """`text` as a sentence that is part of a longer one; None if it is not a sentence."""
        for reading in self._as_one(text)[:1]:
            if not is_only_a_name(text, reading.slot_letters, self.language):
                intent = Intent(reading.intent, dict(reading.slots), 1.0, "grammar")
                return Part(text, intent, reading)
        return None

    def parts(self, text: str) -> tuple[Part, ...]:
        """The commands in `text`, if several sentences make it up; otherwise empty.

        For a text that is not a sentence as a whole. Empty, too, if the times of the commands are
        unclear.
        """
        found = self._parts_at_any_time(text)
        return () if unclear_time(text, found, self.language) else found

    def _parts_at_any_time(self, text: str) -> tuple[Part, ...]:
        return parts_of(text, self.language, lambda part, _: self.part(part))

    def best_reading(self, text: str) -> ParsedSentence | None:
        """The best parse as one sentence, otherwise as several commands; None if nothing fits."""
        for reading in self.readings(text)[:1]:
            return reading
        found = [part.reading for part in self.parts(text) if part.reading is not None]
        return compound(found) if found else None

    def allows(self, text: str) -> bool:
        """Whether speech may be decoded as `text`, a whole sentence."""
        state = self.automaton.walk(self.automaton.start, folded(text))
        return state != DEAD and self.automaton.accepts(state)

    def walk(self, vocabulary: TokenVocabulary) -> TokenWalk:
        """The automaton in the tokens of a model; cached for each vocabulary."""
        with self._lock:
            return self._walks.setdefault(
                id(vocabulary),
                TokenWalk(self.automaton, vocabulary, self._words, self.declared),
            )


def fingerprint(intents: Intents, slot_lists: Mapping[str, SlotList] | None) -> str:
    """A hash of the content and of the versions of the packages that read it."""
    content = _content(intents, slot_lists)
    made_with = [f"{name} {version(name)}" for name in COMPILED_WITH]
    return hashlib.sha256("\n".join([content, *made_with]).encode()).hexdigest()[:32]


def _content(intents: Intents, slot_lists: Mapping[str, SlotList] | None) -> str:
    blocks = [
        (name, [data.sentence_texts, data.slots, data.requires_context, data.excludes_context])
        for name, intent in intents.intents.items()
        for data in intent.data
    ]
    own = [
        (data.metadata, data.slot_lists, data.expansion_rules)
        for intent in intents.intents.values()
        for data in intent.data
    ]
    lists = {**intents.slot_lists, **(slot_lists or {})}
    rules = {name: rule.expression for name, rule in intents.expansion_rules.items()}
    content = (
        CACHE_VERSION,
        intents.language,
        blocks,
        own,
        lists,
        rules,
        intents.skip_words,
        intents.settings.ignore_whitespace,
    )
    return repr(content)


def _took(reading: ParsedSentence, command: str) -> bool:
    """Whether a wildcard took a whole command, as if it were a name."""
    if not reading.wildcard_characters:
        return False
    return any(normalise(str(value)).startswith(command) for value in reading.slots.values())
