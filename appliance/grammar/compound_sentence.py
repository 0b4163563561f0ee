"""Several commands in one sentence: "turn off the light and lock the door", "in hall and kitchen".

A sentence is taken apart at its conjunctions and commas (`conjunctions` in `text/word_lists/`).
Either both sides are sentences, or they share words: then each side's own words, put in place of
the other's, must make a sentence of the same intent. Every word must be part of a sentence, and if
the text can be taken apart in two ways that mean different things, it is not taken apart at all.
"""

from __future__ import annotations

import itertools
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from appliance.grammar.text_parser import ParsedSentence
from appliance.text.normalise import words_of
from appliance.text.word_lists import word_lists_for

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from typing import Any, Protocol

    from appliance.text.word_lists import WordLists
    from appliance.values import Intent

    class PartReader(Protocol):
        """Says what a part of a sentence means."""

        def __call__(self, text: str, before: Part | None, /) -> Part | None:
            """The meaning of `text`; None if there is none. `before` is the part before it."""


MOST_COMMANDS = 5
"""Maximum number of commands in one sentence."""

MOST_CONJUNCTIONS = 8
MOST_WORDS = 48
"""Bounds on the work; people say less in one breath."""

MOST_LETTERS = 2000
"""Maximum length of a text that is taken apart at all; the time to find its words grows faster."""

MOST_READ = 100
"""Maximum number of texts read before a sentence counts as not understood. Each takes as long as a
whole sentence; two commands need up to 44, three 64."""

MOST_SHARED = 8
"""Maximum number of own words on one side of a conjunction if both sides share the rest."""

TARGETS = frozenset({"name", "area", "floor", "domain", "device_class"})
"""Slots that say what a command is about."""

OVER_ALL = ("negation", "condition")
"""Kinds of guard words that are about all commands of a sentence or about none."""

TAKES_BACK = "HassNevermind"
"""The intent that cancels the commands before it."""

QUESTION = "question"
"""Kind of a guard word that applies to everything after it: "is the light on and the fan off"."""

_TOKEN = re.compile(r"[,;](?=\s)|[.!?]+(?=\s)|[^\s]+?(?=[,;.!?]*(?:\s|$))")
"""A mark between two parts, or a word without the marks at its end."""

_MARKS = frozenset(",;.!?")

Tokens = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Part:
    """One command of a sentence."""

    text: str
    """The command as a complete sentence; words shared with another part are filled in."""
    intent: Intent
    reading: ParsedSentence | None = None
    """The declared sentence that the text is; None if it only means one."""

    @property
    def slots(self) -> Mapping[str, Any]:
        """Slots of its intent."""
        return self.intent.slots

    @property
    def meaning(self) -> tuple[str, str]:
        """Equal for two parts that mean the same."""
        same = sorted((name, str(value).casefold()) for name, value in self.slots.items())
        return self.intent.name, repr(same)


Parts = tuple[Part, ...]


def conjunctions_in(text: str, language: str) -> list[tuple[int, int]]:
    """The conjunctions after a word of a text, as (begin, end) among its words; commas are none."""
    words = (*text.split(), "")  # the last word may be one: somebody goes on
    return list(_conjunctions(words, word_lists_for(language)))


def goes_on(heard: str, sentence: str, language: str) -> bool:
    """Whether conjunctions were heard that a sentence does not have; both texts normalised."""
    return len(conjunctions_in(heard, language)) > len(conjunctions_in(sentence, language))


def parts_of(text: str, language: str, read: PartReader) -> Parts:
    """The commands of a sentence in their order; empty if it is not several in one clear way.

    The caller has tried the whole text as one sentence before. Times are not checked here; see
    `times_of_several_commands.unclear_time`.
    """
    if len(text) > MOST_LETTERS:
        return ()
    tokens = _tokens(text)
    lists = word_lists_for(language)
    if not lists.conjunctions or len(tokens) > MOST_WORDS:
        return ()
    splitter = _Splitter(lists, read)
    splitter.forbid(tokens)
    if not 0 < len(splitter.cuts(tokens)) <= MOST_CONJUNCTIONS:
        return ()
    try:
        ways = [
            parts
            for parts in splitter.ways(tokens, None)
            if 1 < len(parts) <= MOST_COMMANDS and _is_sound(parts, lists)
        ]
    except _TooManyWays:
        return ()
    fewest = min(map(_wildcard_letters, ways), default=0)
    found = {
        tuple(part.meaning for part in parts): parts
        for parts in ways
        if _wildcard_letters(parts) == fewest
    }
    return next(iter(found.values())) if len(found) == 1 else ()


def _wildcard_letters(parts: Parts) -> int:
    """Number of letters taken by wildcards. They take any letter, so a lower number is better."""
    return sum(part.reading.wildcard_characters for part in parts if part.reading is not None)


def _tokens(text: str) -> Tokens:
    """Words and marks; a mark at the end of the text says nothing."""
    found = _TOKEN.findall(text)
    while found and found[-1] in _MARKS:
        found.pop()
    return tuple(found)


class _TooManyWays(Exception):
    """More than MOST_READ texts would have to be read."""


class _Splitter:
    """Finds the ways to take one sentence apart."""

    def __init__(self, lists: WordLists, read: PartReader) -> None:
        self._lists = lists
        self._read = read
        self._known: dict[tuple[str, str | None], Part | None] = {}

    def forbid(self, tokens: Tokens) -> None:
        """Do not read these tokens as one sentence, because the caller has already tried that."""
        self._known[self._text(tokens), None] = None

    def cuts(self, tokens: Tokens) -> list[tuple[int, int]]:
        """Where conjunctions and commas stand between two words, as (begin, end)."""
        marks = [(at, at + 1) for at, token in enumerate(tokens) if token in _MARKS]
        words = tuple(" ".join(words_of(token)) for token in tokens)
        joined: list[tuple[int, int]] = []
        for begin, end in sorted([*marks, *_conjunctions(words, self._lists)]):
            if joined and joined[-1][1] >= begin:
                joined[-1] = joined[-1][0], max(end, joined[-1][1])
            else:
                joined.append((begin, end))
        return [cut for cut in joined if cut[0] > 0 and cut[1] < len(tokens)]

    def ways(self, tokens: Tokens, before: Part | None) -> Iterator[Parts]:
        """Each way to read all of the tokens. If they make one sentence, that is the only way."""
        whole = self._one(tokens, before)
        if whole is not None:
            yield (whole,)
            return
        for begin, end in self.cuts(tokens):
            yield from self._apart(tokens[:begin], tokens[end:], before)
            yield from self._shared(tokens, begin, end, before)

    def _apart(self, left: Tokens, right: Tokens, before: Part | None) -> Iterator[Parts]:
        """Two sentences that share no word."""
        first = self._one(left, before)
        if first is not None:
            for rest in self.ways(right, first):
                yield (first, *rest)

    def _shared(self, tokens: Tokens, begin: int, end: int, before: Part | None) -> Iterator[Parts]:
        """Two sentences that differ in the words beside the conjunction: "in hall and kitchen"."""
        firsts = (
            self._one((*tokens[:begin], *tokens[after:]), before)
            for after in range(end + 1, len(tokens) + 1)
        )
        known = {part.meaning: part for part in firsts if part is not None}
        if not known:
            return
        for at in range(max(0, begin - MOST_SHARED), begin):
            for rest in self.ways((*tokens[:at], *tokens[end:]), before):
                for first in known.values():
                    if _differ_in_one_value(first, rest[0]):
                        yield (first, *rest)

    def _one(self, tokens: Tokens, before: Part | None) -> Part | None:
        text = self._text(tokens)
        key = text, None if before is None else before.text
        if key not in self._known:
            if len(self._known) >= MOST_READ:
                raise _TooManyWays
            self._known[key] = self._read(text, before) if text else None
        return self._known[key]

    @staticmethod
    def _text(tokens: Tokens) -> str:
        return " ".join(token for token in tokens if token not in _MARKS)


def _conjunctions(words: Sequence[str], lists: WordLists) -> Iterator[tuple[int, int]]:
    """The conjunctions among the words, the longest first, as (begin, end)."""
    longest = max(map(len, lists.conjunctions), default=0)
    at = 0
    while at < len(words):
        for size in range(longest, 0, -1):
            if tuple(words[at : at + size]) in lists.conjunctions:
                if at > 0 and at + size < len(words):
                    yield at, at + size
                at += size - 1
                break
        at += 1


def _differ_in_one_value(one: Part, other: Part) -> bool:
    """Whether two commands apply the same action to two different things.

    A number does not name a thing: "for one hour and 30 minutes" is always one duration.
    """
    if one.intent.name != other.intent.name or one.meaning == other.meaning:
        return False
    ours = {key: value for key, value in one.slots.items() if other.slots.get(key) != value}
    theirs = {key: value for key, value in other.slots.items() if one.slots.get(key) != value}
    if any(_is_number(one, key) for one in (ours, theirs) for key in one.keys() - TARGETS):
        return False
    if ours.keys() == theirs.keys():
        return len(ours) == 1
    # A device beside a kind of devices: one command has only a name, the other has none.
    by_name = {"name"} in (ours.keys(), theirs.keys())
    same_targets = one.slots.keys() & other.slots.keys() & TARGETS
    return by_name and (ours.keys() | theirs.keys()) <= TARGETS and not same_targets


def compound(parts: Sequence[ParsedSentence]) -> ParsedSentence:
    """Several sentences as one; it lacks the area if one of them does."""
    return ParsedSentence(
        intent=" + ".join(part.intent for part in parts),
        slots={},
        metadata=None,
        wildcard_characters=sum(part.wildcard_characters for part in parts),
        lacks_area=any(part.lacks_area for part in parts),
        rank=(),
        parts=tuple(parts),
    )


def is_only_a_name(text: str, slot_letters: int, language: str) -> bool:
    """Whether a sentence consists only of slot values and link words: "the study light".

    As the only command it may say what to do; beside another command it does not.

    Args:
        text: the sentence.
        slot_letters: as in `ParsedSentence`.
        language: of both.

    """
    links = word_lists_for(language).links
    own = sum(len(word) for word in words_of(text) if word not in links)
    return slot_letters >= own


def asks_or_reports(text: str, language: str) -> bool:
    """Whether a text has a word that makes it a question or a report."""
    lists = word_lists_for(language)
    words = lists.content(words_of(text), begins=False)
    return any(lists.guard_of_kind(words, kind) for kind in (QUESTION, "report"))


def _is_number(slots: Mapping[str, Any], key: str) -> bool:
    return any(char.isdigit() for char in str(slots[key]))


def _is_sound(parts: Parts, lists: WordLists) -> bool:
    """Whether the commands differ, none cancels another, and no guard word spans two of them."""
    if any(one.meaning == other.meaning for one, other in itertools.combinations(parts, 2)):
        return False
    if any(part.intent.name == TAKES_BACK for part in parts):
        return False
    said = [lists.content(words_of(part.text), begins=False) for part in parts]
    asks = [lists.guard_of_kind(words, QUESTION) for words in said]
    over_all = {
        frozenset(kind for kind in OVER_ALL if lists.guard_of_kind(words, kind)) for words in said
    }
    return asks == sorted(asks) and len(over_all) == 1
