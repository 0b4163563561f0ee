"""Finds the meaning of a text, or the nearest sentences, for authors of sentences."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from appliance.grammar.nearest_sentence import nearest
from appliance.sentences.template_check import TemplateError

if TYPE_CHECKING:
    from appliance.sentences.sentence_set import SentenceSet
    from appliance.values import Intent

SHOWN = 2
"""Nearest sentences that are shown for one that fits none."""

BEAM = 200
"""Beam of the search for them: the largest number of hypotheses after each letter."""

EXAMPLES = 50
"""Sentences of a new template that are tried."""

LONGEST = 120
"""Characters of a text for which near sentences are looked up; the time grows with the length."""

FARTHEST = 0.4
"""Distance per letter up to which a sentence may help who mistyped it."""


@dataclass(frozen=True, slots=True)
class SentenceFit:
    """The result for one text."""

    intents: tuple[Intent, ...] = ()
    """Intents in the order of the commands; empty if the text fits no sentence."""
    lacking: str | None = None
    """The missing information, such as a room."""
    nearest: tuple[str, ...] = ()
    """The most similar sentences, if it fits none."""


@dataclass(frozen=True, slots=True)
class OtherMeaning:
    """A sentence that a new template would take over."""

    sentence: str
    intents: tuple[Intent, ...]
    """Its meaning until now."""


def other_meaning(sentences: SentenceSet, template: str, intent: str) -> OtherMeaning | None:
    """A sentence of a template that means another intent now; None if there is none.

    EXAMPLES of the template are looked at. A template that cannot be read takes over nothing.
    """
    try:
        for example in sentences.examples_of(template, EXAMPLES):
            found = sentences.parse_all(example)
            if any(one.name != intent for one in found):
                return OtherMeaning(example, found)
    except (TemplateError, KeyError):  # the check of the file says what is wrong
        pass
    return None


def fit_of(sentences: SentenceSet, text: str) -> SentenceFit:
    """The meaning of a text, or help with it."""
    if intents := sentences.parse_all(text):
        return SentenceFit(intents)
    near: tuple[str, ...] = ()
    if len(text) <= LONGEST:
        found = nearest(sentences.grammar.declared, text, limit=SHOWN, beam=BEAM)
        near = tuple(one.text for one in found if one.distance <= FARTHEST)
    return SentenceFit(lacking=sentences.lacking(text), nearest=near)
