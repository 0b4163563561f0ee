"""How well a sound fits a phrase of a few words, in the judgement of the speech model."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from appliance.engines.whisper.model import Whisper
    from appliance.values import Samples

LANGUAGE = "en"
"""Of the wake words; every model knows it."""

SPELLINGS = {"okay": ("Okay", "OK")}


def phrase_score(whisper: Whisper, samples: Samples, phrase: str) -> float | None:
    """Natural log probability of the phrase per token; None if the sound is silent.

    Of the phrase's spellings the likeliest counts. It is divided by the number of tokens of the
    shortest one: a rare word has several, each of them less likely than a common word.

    Raises:
        EngineError: the model failed.

    """
    audio = whisper.encode(samples, LANGUAGE)
    if audio.silent:
        return None
    spellings = [whisper.tokens_of(text) for text in _spellings(phrase)]
    return max(audio.likelihoods(spellings)) / min(map(len, spellings))


def _spellings(phrase: str) -> list[str]:
    first, *others = phrase.split()
    rest = [word.capitalize() for word in others]
    found = {
        f" {separator.join([start, *rest])}"
        for start in SPELLINGS.get(first, (first.capitalize(),))
        for separator in (" ", ", ")
    }
    return sorted(found)
