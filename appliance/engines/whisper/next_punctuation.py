"""Predicts from punctuation whether speech is finished: a full stop or a comma comes next."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from appliance.engines.whisper.model import Whisper
    from appliance.values import Samples

STOPS, COMMA = ".?!", ","

STOP_TO_COMMA = 2.0
"""Minimum ratio of the probabilities for a finished utterance; 1 would be a guess."""


def sounds_finished(whisper: Whisper, samples: Samples, language: str, text: str) -> bool:
    """Whether a stop is STOP_TO_COMMA times as likely as a comma after `text`, the transcript.

    The audio is encoded without silence after it: silence would make anything sound finished.

    Raises:
        EngineError: the model failed.

    """
    audio = whisper.encode(samples, language, add_silence=False)
    if audio.silent:
        return False
    tokens = whisper.tokens_of(" " + text.rstrip(STOPS + COMMA))
    [continuation] = audio.continuations([tokens], 1)
    logits = continuation.logits[len(tokens)]
    stop = np.logaddexp.reduce([logits[whisper.tokens_of(mark)[0]] for mark in STOPS])
    return bool(stop - logits[whisper.tokens_of(COMMA)[0]] > np.log(STOP_TO_COMMA))
