"""Finds the kind of a question: is any, are all, which, how many, or about one device."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from hassil.recognize import recognize_best

if TYPE_CHECKING:
    from appliance.sentences.sentence_set import SentenceSet

WHICH = "which"
"""Default answer if the sentence has no kind: the names."""


def question_kind(sentences: SentenceSet, intent: str, text: str) -> str:
    """The key of the response that Home Assistant gives to this sentence.

    Only the sentences of the intent are compared, which takes milliseconds. The grammar itself
    does not keep which of an intent's sentences was said.
    """
    known = sentences.intents.intents.get(intent)
    if known is None or not text:
        return WHICH
    only = replace(sentences.intents, intents={intent: known})
    found = recognize_best(text, only, best_slot_name="name")
    return WHICH if found is None or found.response is None else str(found.response)
