"""What a text means among the sentences, or which ones are nearest: for who writes them."""

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
"""Of the search for them: the largest number of hypotheses after each letter."""

FARTHEST = 0.4
"""Distance per letter up to which a sentence may help who mistyped it."""


@dataclass(frozen=True, slots=True)
class SentenceFit:
    """What becomes of one text."""

    intents: tuple[Intent, ...] = ()
    """In the order of the commands in it; empty if it fits no sentence."""
    lacking: str | None = None
    """What it needs to be understood, such as a room."""
    nearest: tuple[str, ...] = ()
    """The most similar sentences, if it fits none."""


def fit_of(sentences: SentenceSet, text: str) -> SentenceFit:
    """The meaning of a text, or help with it."""
    if intents := sentences.parse_all(text):
        return SentenceFit(intents)
    found = nearest(sentences.grammar.declared, text, limit=SHOWN, beam=BEAM)
    near = tuple(one.text for one in found if one.distance <= FARTHEST)
    return SentenceFit(lacking=sentences.lacking(text), nearest=near)
