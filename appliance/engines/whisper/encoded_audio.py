"""Audio that Whisper has encoded: writes texts for it, and scores given ones."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from appliance.engines.whisper.ctranslate_model import MAXIMUM_TOKENS
from appliance.errors import EngineError
from appliance.values import SAMPLE_RATE

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from appliance.engines.whisper.ctranslate_model import CTranslateModel, Encoded
    from appliance.values import Samples

TOKENS_PER_SECOND = 8
"""Tokens per second, more than anybody speaks."""

BATCH_SIZE = 3
"""Number of texts scored in one pass, each with a copy of the audio. In a pass of 24, each took
twice as long."""

NO_SPEECH_PROBABILITY = 0.6
"""Minimum probability that nobody spoke that is accepted, if the words are UNSURE, too."""

UNSURE = -1.0
"""Mean log probability per token; both limits are those of OpenAI's own decoding."""


@dataclass(frozen=True, slots=True, eq=False)
class GreedyContinuation:
    """A prefix and what the model wrote after it."""

    tokens: tuple[int, ...]
    logits: NDArray[np.float32]
    """Shape (steps, vocabulary); row i is about token i."""


@dataclass(frozen=True, slots=True)
class FreeText:
    """The text that the model wrote without a prefix."""

    tokens: list[int]
    score: float
    """Mean log probability per token, natural."""
    no_speech: float
    """Probability that nobody spoke."""

    @property
    def is_no_speech(self) -> bool:
        """Whether the model probably invented these words because nobody spoke."""
        return self.no_speech > NO_SPEECH_PROBABILITY and self.score < UNSURE


class EncodedAudio:
    """One encoded piece of audio; each method raises EngineError if the model fails."""

    def __init__(
        self,
        model: CTranslateModel,
        encoded: Encoded | None,
        start: tuple[int, ...],
        language: str,
        samples: Samples,
    ) -> None:
        """`encoded` is None for silence; `start` are the model's tokens for `language`."""
        self.language = language
        self.samples = samples
        """The sound without the silence around the speech."""
        self.seconds = len(samples) / SAMPLE_RATE
        self.no_speech: float | None = None if encoded is not None else 1.0
        """Probability that nobody spoke; known after the first text."""
        self._model = model
        self._encoded = encoded
        self._start = list(start)
        self._batches: dict[int, Encoded] = {}

    @property
    def silent(self) -> bool:
        """Whether there is no sound at all; no method may be called then."""
        return self._encoded is None

    def free_text(self) -> FreeText:
        """The text that the model writes without a prefix, greedily."""
        return self._free_text(self._batch(1))

    def free_text_of(self, encoded: Encoded) -> FreeText:
        """The text for another encoding of this audio."""
        return self._free_text(encoded)

    def continuations(
        self, prefixes: Sequence[tuple[int, ...]], further: int
    ) -> list[GreedyContinuation]:
        """Read each prefix, then continue it greedily by at most `further` tokens."""
        tokens = max(map(len, prefixes)) + min(further, self._maximum_tokens)
        prompts = [[*self._start, *prefix] for prefix in prefixes]
        results = self._model.generate(self._batch(len(prefixes)), prompts, tokens, logits=True)
        self.no_speech = float(results[0].no_speech_prob)
        found = []
        for result in results:
            rows = [np.atleast_2d(np.array(view)) for view in result.logits]
            logits = np.concatenate([row.reshape(-1, row.shape[-1]) for row in rows])
            found.append(GreedyContinuation(tuple(result.sequences_ids[0][: len(logits)]), logits))
        return found

    def likelihoods(self, texts: Sequence[tuple[int, ...]]) -> list[float]:
        """Natural log probability of each text, without its end; quicker than `continuations`."""
        found: list[float] = []
        for begin in range(0, len(texts), BATCH_SIZE):
            batch = texts[begin : begin + BATCH_SIZE]
            found += self._model.likelihoods(self._batch(len(batch)), self._start[:-1], batch)
        return found

    def _free_text(self, encoded: Encoded) -> FreeText:
        result = self._model.generate(encoded, [self._start], self._maximum_tokens)[0]
        self.no_speech = float(result.no_speech_prob)
        return FreeText(result.sequences_ids[0], float(result.scores[0]), self.no_speech)

    @property
    def _maximum_tokens(self) -> int:
        return min(MAXIMUM_TOKENS, 10 + int(TOKENS_PER_SECOND * self.seconds))

    def _batch(self, size: int) -> Encoded:
        if size not in self._batches:
            if self._encoded is None:
                raise EngineError("the recording is silent: there is nothing to decode")
            self._batches[size] = np.ascontiguousarray(np.repeat(self._encoded, size, axis=0))
        return self._batches[size]
