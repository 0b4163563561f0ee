"""Rephrases a text: a wish as a command, empty words left out, synonyms.

The meanings of the words are in `text/word_lists/`; the code here is the same for all languages.
"""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

from appliance.text.normalise import words_of

if TYPE_CHECKING:
    from collections.abc import Container, Iterator, Sequence

    from appliance.text.word_lists import WordLists, Words

MOST_WAYS = 48
"""Maximum number of rephrasings of a text."""


def as_command(words: Sequence[str], lists: WordLists) -> Words:
    """A wish as the command that it means: "make sure the gate is locked" is "the gate lock".

    In a question about the present, "today" and similar words are left out. Other texts are
    unchanged.
    """
    begin = _begin_of_wish(words, lists)
    if begin is None or _begins_with_state(words[begin:], lists):
        return _without_present(words, lists)
    found: list[str] = []
    at = begin
    has_state = False
    while at < len(words):
        phrase, link = _wish_link(words, at, lists)
        if link and at > begin:  # "make sure is the gate locked" is not a wish
            at += len(phrase)
        elif (words[at],) in lists.states:
            found += lists.states[(words[at],)]
            has_state = True
            at += 1
        else:
            found.append(words[at])
            at += 1
    return tuple(found) if has_state else _without_present(words, lists)


def _begins_with_state(words: Sequence[str], lists: WordLists) -> bool:
    """Whether it was done already: "have opened the gate", "make sure it turned off the lamp"."""
    at = 0
    while at < len(words):
        if (words[at],) in lists.states:
            return True
        phrase, meant = lists.phrase_at(words, at)
        if meant:
            return False
        at += len(phrase)
    return False


def in_declared_words(text: str, lists: WordLists, declared: Container[str]) -> str:
    """The text with synonyms in place of phrases with undeclared words."""
    words, at = words_of(text), 0
    found: list[str] = []
    while at < len(words):
        phrase, _ = lists.phrase_at(words, at)
        at += len(phrase)
        known = (way for way in lists.alike(phrase) if all(word in declared for word in way))
        found += phrase if all(word in declared for word in phrase) else next(known, phrase)
    return " ".join(found)


def _begin_of_wish(words: Sequence[str], lists: WordLists) -> int | None:
    """Index of the word after "please make sure that"; None if the text is not a wish."""
    at = 0
    while at < len(words):
        opening = _longest(words, at, lists.wishes)
        if opening:
            return at + opening
        phrase, meant = lists.phrase_at(words, at)
        if meant:
            return None
        at += len(phrase)
    return None


def _wish_link(words: Sequence[str], at: int, lists: WordLists) -> tuple[Sequence[str], bool]:
    length = _longest(words, at, lists.wish_links)
    return words[at : at + max(1, length)], length > 0


def _longest(words: Sequence[str], at: int, phrases: frozenset[Words]) -> int:
    """Number of words of the longest of `phrases` that begins there; 0 if none does."""
    lengths = (length for length in range(6, 0, -1) if tuple(words[at : at + length]) in phrases)
    return min(next(lengths, 0), len(words) - at)


def _without_present(words: Sequence[str], lists: WordLists) -> Words:
    content = lists.content(words, begins=False)
    guard = lists.guard_in(content[:1])
    if guard is None or guard[0] != "question":
        return tuple(words)
    found: list[str] = []
    at = 0
    while at < len(words):
        length = _longest(words, at, lists.present)
        found += words[at : at + 1] if not length else ()
        at += max(1, length)
    return tuple(found)


def other_ways(words: Sequence[str], lists: WordLists) -> Iterator[Words]:
    """The text without empty words, with each other word or one of its synonyms."""
    choices: list[tuple[Words, ...]] = []
    at = 0
    while at < len(words):
        phrase, meant = lists.phrase_at(words, at)
        at += len(phrase)
        if meant and lists.nouns.issuperset(meant):
            choices.append((phrase,))  # "lights" for "light" would mean more of them
        elif meant:
            choices.append((phrase, *(other for other in lists.alike(phrase) if other != phrase)))
        elif len(phrase) == 1 and phrase[0] in lists.links:
            choices.append((phrase,))
    for ways in itertools.islice(itertools.product(*choices), MOST_WAYS):
        yield tuple(itertools.chain.from_iterable(ways))
