"""Scores a phrase of a few words in a sound with the speech model."""

from __future__ import annotations

import itertools
import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from appliance.engines.whisper.model import Whisper
    from appliance.values import Samples

LANGUAGE = "en"
"""Language of the wake words; every model knows it."""

SPELLINGS = {"okay": ("Okay", "OK"), "rhasspy": ("Rhasspy", "Raspy")}
"""Spellings of words that the model writes in more than one way."""


PART_LIKELIER = 3.0
"""If the natural log of the ratio is above this, only a part of the phrase was said: "Jarvis" in
place of "hey Jarvis". It was 8 and more for ten people who said the part, -1.6 and less for the
whole."""


def phrase_score(whisper: Whisper, samples: Samples, phrase: str) -> float | None:
    """Natural log probability of the phrase per token; None if the sound is silent.

    The likeliest spelling of the phrase counts. Its log probability is divided by the number of
    tokens of the shortest one: a rare word has several tokens, each less likely than a common word.
    It is minus infinity if the phrase without its first word is far likelier.

    Raises:
        EngineError: the model failed.

    """
    audio = whisper.encode(samples, LANGUAGE)
    if audio.silent:
        return None
    whole = [whisper.tokens_of(text) for text in _spellings(phrase)]
    part = [whisper.tokens_of(text) for text in _spellings(phrase.partition(" ")[2])]
    likelihoods = audio.likelihoods([*whole, *part])
    best = max(likelihoods[: len(whole)])
    if max(likelihoods[len(whole) :], default=best) - best > PART_LIKELIER:
        return -math.inf
    return best / min(map(len, whole))


def _spellings(phrase: str) -> list[str]:
    if not phrase:
        return []
    words = [SPELLINGS.get(word, (word.capitalize(),)) for word in phrase.split()]
    found = {
        f" {separator.join(spelled)}"
        for spelled in itertools.product(*words)
        for separator in (" ", ", ")
    }
    return sorted(found)
