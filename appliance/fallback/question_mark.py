"""Whether a typed text asks with a question mark, and no verb requests it: "all lights off?"."""

from __future__ import annotations

import re

from appliance.text.normalise import words_of
from appliance.text.word_lists import place_of_any, word_lists_for

_QUESTION_MARK = re.compile("[?\uff1f\u061f]")

_END = re.compile(r"[.!;]\s")
"""The end of a sentence before the question."""

ASKS = 'it ends with "?" and no verb requests it: say it without the mark, or with "please"'


def only_asks(text: str, language: str) -> bool:
    """Whether a sentence of `text` ends with a question mark and requests nothing.

    It requests something if it has a word such as "can you" or "please", or begins with an
    imperative. A language without word lists has no such words, so that each question only asks.
    """
    return any(_lacks_request(question, language) for question in _QUESTION_MARK.split(text)[:-1])


def _lacks_request(question: str, language: str) -> bool:
    sentences = [words for part in _END.split(question) if (words := words_of(part))]
    if not sentences:
        return False
    lists, words = word_lists_for(language), sentences[-1]
    if any(place_of_any(one, words) for one in (lists.requests, lists.wishes)):
        return False
    begin = 0
    while begin < len(words):
        phrase, meant = lists.phrase_at(words, begin)
        if meant:
            return words[begin] not in lists.imperatives
        begin += len(phrase)
    return False
