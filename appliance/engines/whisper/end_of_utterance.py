"""Whether a sound ends as a sentence ends: what Whisper would write there, a stop or a comma."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from appliance.engines.whisper.model import Whisper
    from appliance.values import Samples

STOPS, COMMA = ".?!", ","

CLEARLY = 2.0
"""Times as likely that a stop must be; one to one is no more than a guess."""


def sounds_over(whisper: Whisper, samples: Samples, language: str, text: str) -> bool:
    """Whether a stop is CLEARLY likelier than a comma behind `text`, which the sound says.

    The sound is heard without silence behind it: that would make an end of anything.

    Raises:
        EngineError: the model failed.

    """
    hearing = whisper.hear(samples, language, silence=False)
    if hearing.silent:
        return False
    words = whisper.tokens_of(" " + text.rstrip(STOPS + COMMA))
    [written] = hearing.continuations([words], 1)
    row = written.logits[len(words)]
    stop = np.logaddexp.reduce([row[whisper.tokens_of(mark)[0]] for mark in STOPS])
    return bool(stop - row[whisper.tokens_of(COMMA)[0]] > np.log(CLEARLY))
