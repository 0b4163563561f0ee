"""Finds the meaning of a text, or the nearest sentences, for authors of sentences."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from appliance.grammar.nearest_sentence import nearest

if TYPE_CHECKING:
    from appliance.sentences.sentence_set import SentenceSet
    from appliance.values import Intent

SHOWN = 2
"""Nearest sentences that are shown for one that fits none."""

BEAM = 200
"""Beam of the search for them: the largest number of hypotheses after each letter."""

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


def fit_of(sentences: SentenceSet, text: str) -> SentenceFit:
    """The meaning of a text, or help with it."""
    if intents := sentences.parse_all(text):
        return SentenceFit(intents)
    found = nearest(sentences.grammar.declared, text, limit=SHOWN, beam=BEAM)
    near = tuple(one.text for one in found if one.distance <= FARTHEST)
    return SentenceFit(lacking=sentences.lacking(text), nearest=near)
