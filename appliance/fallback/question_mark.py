"""Whether a text is a question, and whether a typed one only asks: "all lights off?"."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from appliance.text.normalise import words_of
from appliance.text.word_lists import place_of_any, word_lists_for

if TYPE_CHECKING:
    from collections.abc import Sequence

    from appliance.fallback.sentence_patterns import Patterns
    from appliance.text.word_lists import Words

_QUESTION_MARK = re.compile("[?\uff1f\u061f\u037e]")

_OPENING = "\u00bf"
"""Spanish; people leave out one of the two marks."""

_END = re.compile(r"[.!;]\s")
"""The end of a sentence before the question."""

OPENING_WORDS = 2
"""A question word is one of them: "in which country is Rome", but not "the code word is Rome"."""

ASKS = 'it ends with "?" and no verb requests it: say it without the mark, or with "please"'


def is_question(text: str, language: str) -> bool:
    """Whether a text has a question mark, or a question word near its beginning.

    A language without word lists has only the question mark.
    """
    words = words_of(text)[:OPENING_WORDS]
    asks = word_lists_for(language).guard_of_kind(words, "question")
    return asks or _QUESTION_MARK.search(text) is not None


def only_asks(text: str, language: str) -> bool:
    """Whether a sentence of `text` ends with a question mark and requests nothing.

    It requests something if it has a word such as "can you" or "please", or begins with an
    imperative. A language without word lists has no such words, so that each question only asks.
    """
    *questions, rest = _QUESTION_MARK.split(text)
    questions += rest.split(_OPENING)[1:]
    return any(_lacks_request(question, language) for question in questions)


def is_asked(intent: str, patterns: Patterns, language: str) -> bool:
    """Whether an intent is a question: one of its sentences begins with a question word.

    Always in a language without word lists, where nobody can tell.
    """
    lists = word_lists_for(language)
    if not lists.guards:
        return True
    for pattern in (*patterns.patterns, *patterns.with_wildcard):
        if pattern.intent == intent:
            slots = (at for at, one in enumerate(pattern.parts) if not isinstance(one, str))
            words = [str(one) for one in pattern.parts[: next(slots, None)]]
            _, meant = _first_meaning(words, language)
            if lists.guard_of_kind(meant, "question"):
                return True
    return False


def _lacks_request(question: str, language: str) -> bool:
    sentences = [words for part in _END.split(question) if (words := words_of(part))]
    if not sentences:
        return False
    lists, words = word_lists_for(language), sentences[-1]
    if any(place_of_any(one, words) for one in (lists.requests, lists.wishes)):
        return False
    said, _ = _first_meaning(words, language)
    return bool(said) and said[0] not in lists.imperatives


def _first_meaning(words: Sequence[str], language: str) -> tuple[Words, Words]:
    """The first phrase that is not harmless, and what it stands for; empty if there is none."""
    lists, begin = word_lists_for(language), 0
    while begin < len(words):
        phrase, meant = lists.phrase_at(words, begin)
        if meant:
            return phrase, meant
        begin += len(phrase)
    return (), ()
