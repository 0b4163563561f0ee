"""The words of a language by their role in a command: harmless words, synonyms, guard words."""

from __future__ import annotations

import functools
from dataclasses import dataclass, field
from importlib import resources
from typing import TYPE_CHECKING

import msgspec

from appliance.text.normalise import normalise, words_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

Words = tuple[str, ...]


class _WrittenWhen(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The table `when` of a file."""

    units: tuple[str, ...]
    one: tuple[str, ...]
    other_units: tuple[str, ...]
    hours_after: tuple[str, ...]
    timers: tuple[str, ...]
    at_once: tuple[str, ...]
    sequence: tuple[str, ...]
    loose: tuple[str, ...]


class _Written(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A file of `word_lists/`."""

    links: tuple[str, ...]
    articles: tuple[str, ...]
    harmless: tuple[str, ...]
    requests: tuple[str, ...]
    imperatives: tuple[str, ...]
    verbs: tuple[str, ...]
    auxiliaries: tuple[str, ...]
    usual_articles: tuple[str, ...]
    verb_prefixes: tuple[str, ...]
    nouns: tuple[str, ...]
    pronouns: tuple[str, ...]
    again: tuple[str, ...]
    conjunctions: tuple[str, ...]
    little: tuple[str, ...]
    steps: dict[str, dict[str, tuple[str, ...]]]
    plural_endings: tuple[str, ...]
    compounds: bool
    capital_nouns: bool = False
    present: tuple[str, ...]
    wishes: tuple[str, ...]
    wish_links: tuple[str, ...]
    when: _WrittenWhen
    states: dict[str, str]
    same: dict[str, tuple[str, ...]]
    guards: dict[str, tuple[str, ...]]


@dataclass(frozen=True, slots=True)
class TimePhrases:
    """Phrases for the time of one of several commands."""

    units: frozenset[Words] = frozenset()
    """Units of time. "Second" is left out in languages in which it also means the ordinal
    number."""
    one: frozenset[Words] = frozenset()
    """Words before one unit: "in an hour"."""
    other_units: frozenset[Words] = frozenset()
    """Units of other quantities: with one of them, a number is not a time of day."""
    hours_after: frozenset[Words] = frozenset()
    """Phrases before an hour that is only a number: "at 7"."""
    timers: frozenset[Words] = frozenset()
    """Things with a duration, which says nothing about the time of another command."""
    at_once: frozenset[Words] = frozenset()
    sequence: frozenset[Words] = frozenset()
    """Phrases that put one command after the other, and not only beside it."""
    loose: frozenset[Words] = frozenset()
    """Phrases with guard words of the kind `time` that may not mean a time in a command: "next"."""


@dataclass(frozen=True, slots=True)
class WordLists:
    """The words of one language."""

    meant_by: Mapping[Words, Words] = field(default_factory=dict)
    """Phrase → the words that it stands for; none if it has no meaning ("the", "please")."""
    same: Mapping[Words, tuple[Words, ...]] = field(default_factory=dict)
    """Meaning of synonyms → all of them, with itself."""
    links: frozenset[str] = frozenset()
    """Articles and prepositions: they carry no meaning, but no command ends with one."""
    articles: frozenset[str] = frozenset()
    """Those links that are no prepositions."""
    verbs: frozenset[str] = frozenset()
    """Verbs without meaning of their own; only as the first word, as "switch" is a noun, too."""
    nouns: frozenset[str] = frozenset()
    """Kinds of devices, which may be left out of a name."""
    pronouns: frozenset[Words] = frozenset()
    """Phrases that stand for the target of the last command: "it", "that one"."""
    again: frozenset[Words] = frozenset()
    """Phrases before another place for the last command: "the same"."""
    conjunctions: frozenset[Words] = frozenset()
    """Phrases between two commands, or between two things of one command: "and", "and then"."""
    little: frozenset[Words] = frozenset()
    """Phrases that make a step smaller: "a bit"."""
    steps: Mapping[Words, tuple[str, int]] = field(default_factory=dict)
    """Phrases for more or less of a slot's value, with the slot and 1 or -1: "brighter"."""
    plural_endings: tuple[str, ...] = ()
    compounds: bool = False
    """Whether words are joined freely, as in German, so that no list has them all."""
    present: frozenset[Words] = frozenset()
    """Phrases without meaning in a question about the present: "today"."""
    wishes: frozenset[Words] = frozenset()
    """Beginnings of a sentence with a wanted state: "make sure", "i want"."""
    wish_links: frozenset[Words] = frozenset()
    """Phrases without meaning inside such a sentence: "is", "to be"."""
    when: TimePhrases = TimePhrases()
    states: Mapping[Words, Words] = field(default_factory=dict)
    """Word for a state in such a sentence → the words of the command for it, "locked": "lock"."""
    guards: Mapping[str, frozenset[Words]] = field(default_factory=dict)
    """Guard words, by kind: phrases that make a sentence something else than a command."""
    capital_nouns: bool = False
    """Whether nouns are written with a capital, as in German."""
    requests: frozenset[Words] = frozenset()
    """Harmless phrases that make a question a request: "can you", "please"."""
    imperatives: frozenset[str] = frozenset()
    """First words of a command that are a request even before a question mark: "open the gate?"."""
    auxiliaries: tuple[str, ...] = ()
    """Verbs that make a question or a report of words without a verb: "are the lights on"."""
    usual_articles: tuple[str, ...] = ()
    """The articles that most often follow such a verb."""
    verb_prefixes: tuple[str, ...] = ()
    """Prefixes that give a verb another meaning: "reset"."""

    def content(self, words: Sequence[str], *, begins: bool) -> list[str]:
        """The content of `words`: synonyms as one word, words without meaning left out.

        `begins` tells whether they begin the sentence, where a verb may stand.
        """
        found: list[str] = []
        at = 0
        while at < len(words):
            phrase, meant = self.phrase_at(words, at)
            at += len(phrase)
            if begins and not found and len(phrase) == 1 and phrase[0] in self.verbs:
                begins = False
            else:
                found += meant
        return found

    def guard_in(self, words: Sequence[str]) -> tuple[str, str] | None:
        """The first guard word among `words`, with its kind."""
        for at in range(len(words)):
            for kind, phrases in self.guards.items():
                for length in (3, 2, 1):
                    phrase = tuple(words[at : at + length])
                    if len(phrase) == length and phrase in phrases:
                        return kind, " ".join(phrase)
        return None

    def guard_of_kind(self, words: Sequence[str], kind: str) -> bool:
        """Whether there is a guard word of this kind among `words`."""
        phrases = self.guards.get(kind, frozenset())
        return any(
            tuple(words[at : at + length]) in phrases
            for at in range(len(words))
            for length in (1, 2, 3)
        )

    def step_in(self, words: Sequence[str]) -> tuple[str, int, bool] | None:
        """The slot, 1 or -1, and whether it is a small step, if the words mean only this."""
        rest: list[str] = []
        at, small = 0, False
        while at < len(words):
            for length in range(min(LONGEST_PHRASE, len(words) - at), 0, -1):
                phrase = tuple(words[at : at + length])
                if phrase in self.little:
                    small = True
                    break
                harmless = phrase in self.meant_by and not self.meant_by[phrase]
                if (
                    phrase in self.pronouns
                    or harmless
                    or (at == 0 and length == 1 and phrase[0] in self.verbs)
                ):
                    break
            else:
                rest.append(words[at])
            at += length
        found = self.steps.get(tuple(rest))
        return None if found is None else (*found, small)

    def alike(self, phrase: Words) -> tuple[Words, ...]:
        """The phrases that mean the same as `phrase`, with itself."""
        meant = self.meant_by.get(phrase, phrase)
        return self.same.get(meant, (phrase,))

    def phrase_at(self, words: Sequence[str], at: int) -> tuple[Words, Words]:
        """The longest known phrase that begins there, and what it stands for."""
        for length in range(min(LONGEST_PHRASE, len(words) - at), 0, -1):
            phrase = tuple(words[at : at + length])
            if phrase in self.meant_by:
                return phrase, self.meant_by[phrase]
        return (words[at],), (words[at],)


DIRECTIONS = {"more": 1, "less": -1}

LONGEST_PHRASE = 6
"""Words of the longest phrase in the lists."""

_FILES = resources.files(__package__).joinpath("word_lists")


@functools.cache
def word_lists_for(language: str) -> WordLists:
    """The words of a language, `de` for `de-CH`; empty if there is no file."""
    file = _FILES.joinpath(f"{language.partition('-')[0]}.toml")
    if not file.is_file():
        return WordLists()
    written = msgspec.toml.decode(file.read_bytes(), type=_Written)
    harmless = (*written.links, *written.harmless, *written.requests)
    meant: dict[Words, Words] = {words_of(phrase): () for phrase in harmless}
    for word, others in written.same.items():
        for other in others:
            meant[words_of(other)] = words_of(word)
    return WordLists(
        meant,
        {
            words_of(word): tuple(map(words_of, (word, *others)))
            for word, others in written.same.items()
        },
        frozenset(_single(written.links)),
        frozenset(_single(written.articles)),
        frozenset(_single(written.verbs)),
        frozenset(_single(written.nouns)),
        frozenset(map(words_of, written.pronouns)),
        frozenset(map(words_of, written.again)),
        frozenset(map(words_of, written.conjunctions)),
        frozenset(map(words_of, written.little)),
        {
            words_of(phrase): (slot, DIRECTIONS[direction])
            for slot, directions in written.steps.items()
            for direction, phrases in directions.items()
            for phrase in phrases
        },
        written.plural_endings,
        written.compounds,
        frozenset(map(words_of, written.present)),
        frozenset(map(words_of, written.wishes)),
        frozenset(map(words_of, written.wish_links)),
        TimePhrases(
            **{
                name: frozenset(map(words_of, phrases))
                for name, phrases in msgspec.structs.asdict(written.when).items()
            }
        ),
        {words_of(state): words_of(verb) for state, verb in written.states.items()},
        {kind: frozenset(map(words_of, phrases)) for kind, phrases in written.guards.items()},
        written.capital_nouns,
        frozenset(map(words_of, written.requests)),
        frozenset(_single(written.imperatives)),
        written.auxiliaries,
        written.usual_articles,
        written.verb_prefixes,
    )


@functools.cache
def _articles() -> tuple[str, ...]:
    """The articles of every language, each with what separates it from a name."""
    files = (one for one in _FILES.iterdir() if one.name.endswith(".toml"))
    written = (msgspec.toml.decode(one.read_bytes(), type=_Written) for one in files)
    found = dict.fromkeys(article for one in written for article in one.articles)
    return tuple(one if one.endswith("'") else f"{one} " for one in found)


@functools.lru_cache(maxsize=8192)
def without_article(name: str) -> str:
    """A name as sentences are spelled, without an article before it: "The lamp" is "lamp".

    An article of any language counts, because nobody says which one a name is in.
    """
    spelled = name.casefold().replace("\u2019", "'")
    for article in _articles():
        if spelled.startswith(article) and (rest := normalise(spelled[len(article) :])):
            return rest
    return normalise(spelled)


def place_of_any(phrases: frozenset[Words], words: Sequence[str]) -> tuple[int, int] | None:
    """The place of the first and longest of `phrases` among `words`; None if there is none."""
    for at in range(len(words)):
        for length in range(min(LONGEST_PHRASE, len(words) - at), 0, -1):
            if tuple(words[at : at + length]) in phrases:
                return at, at + length
    return None


def _single(words: Iterable[str]) -> Iterable[str]:
    return (word for phrase in words for word in words_of(phrase))
