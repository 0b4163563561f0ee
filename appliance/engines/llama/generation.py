"""Generates a text token by token: samples the next token, and decides when to stop."""

from __future__ import annotations

import codecs
import functools
import secrets
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from appliance.engines.llama.json_token_mask import JsonMask, tokenizer_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from appliance.engines.llama_library import Weights

REPEAT_PENALTY = 1.1
"""Repetition penalty, without which the smallest models repeat one sentence for ever."""

REPEAT_WINDOW = 64
"""Number of last tokens to which the penalty applies."""

TOP_K = 40
"""Number of likeliest tokens from which one is sampled."""

SENTENCE_ENDS = (".", "!", "?", "…", "。")

_tokenizer = functools.cache(tokenizer_of)


@dataclass(frozen=True, slots=True)
class GenerationLimits:
    """The limits of a text."""

    maximum_tokens: int
    temperature: float
    json: JsonMask | None
    """Mask for an answer in JSON; None for one in words."""

    @classmethod
    def of(
        cls, weights: Weights, settings: dict[str, Any], request: dict[str, Any]
    ) -> GenerationLimits:
        """The limits of the configuration, overridden by those of the request."""
        schema = request.get("schema")
        maximum = request.get("maximum_tokens")
        default = settings["maximum_json_tokens" if schema is not None else "maximum_tokens"]
        return cls(
            maximum_tokens=default if maximum is None else maximum,
            temperature=settings["temperature"],
            json=None
            if schema is None
            else JsonMask(schema, _tokenizer(weights), request.get("extract_from")),
        )


class Generation:
    """One text in progress."""

    def __init__(self, weights: Weights, limits: GenerationLimits, maximum_tokens: int) -> None:
        self._weights = weights
        self._limits = limits
        self._maximum_tokens = maximum_tokens
        self._tokens: list[int] = []
        self._pieces: list[str] = []
        self._log_probabilities: list[float] = []
        self._decoder = codecs.getincrementaldecoder("utf-8")("ignore")  # a letter may be 3 tokens
        self._random = np.random.default_rng(secrets.randbits(64))
        self.is_over = False
        """Whether the text is complete."""
        self.last_piece = ""
        """The text of the tokens of the last `next`."""

    @property
    def generated(self) -> int:
        """Number of tokens written."""
        return len(self._tokens)

    @property
    def certainty(self) -> float | None:
        """Geometric mean of the probabilities of its tokens, 0 to 1; None for JSON or no text."""
        found = self._log_probabilities
        return round(float(np.exp(np.mean(found))), 3) if found else None

    def next(self, scores: NDArray[np.float32]) -> list[int]:
        """The next token, and those that a schema forces after it; none at the end.

        Args:
            scores: logits over the vocabulary, shape (tokens,).

        """
        unpenalised = scores.copy() if self._limits.json is None else None
        token = self._sample(scores)
        if self._weights.is_end(token):
            self.is_over = True
            return []
        piece = self._decoder.decode(self._weights.piece(token))
        if self._limits.json is None and self._is_enough(piece):
            self.is_over = True
            return []
        if unpenalised is not None:
            self._log_probabilities.append(_log_probability(unpenalised, token))
        tokens = [token]
        if self._limits.json is not None:
            self._limits.json.accept(token)
            tokens += self._limits.json.accept_forced()
        self.last_piece = piece + "".join(
            self._decoder.decode(self._weights.piece(forced)) for forced in tokens[1:]
        )
        self._pieces.append(self.last_piece)
        self._tokens += tokens
        complete = self._limits.json is not None and self._limits.json.is_complete
        self.is_over = complete or len(self._tokens) >= self._maximum_tokens
        return tokens

    def text(self) -> str:
        """The whole text; ModelError if it does not match the schema that it must match."""
        text = "".join(self._pieces)
        if self._limits.json is not None:
            self._limits.json.check(text)
            return text
        return self._whole_sentences(text.strip())

    def _sample(self, scores: NDArray[np.float32]) -> int:
        if self._limits.json is not None:
            return int(self._sampled(self._limits.json.masked(scores)))
        seen = np.array(sorted(set(self._tokens[-REPEAT_WINDOW:])), dtype=np.int64)
        if len(seen):
            values = scores[seen]
            scores[seen] = np.where(
                values > 0, values / REPEAT_PENALTY, values * REPEAT_PENALTY
            ).astype(np.float32)
        return int(self._sampled(scores))

    def _sampled(self, scores: NDArray[np.float32]) -> int:
        if self._limits.temperature == 0.0:
            return int(np.argmax(scores))
        tokens = np.arange(len(scores))
        if len(scores) > TOP_K:
            tokens = np.argpartition(scores, -TOP_K)[-TOP_K:]
        weights = scores[tokens].astype(np.float64) / self._limits.temperature
        weights = np.exp(weights - weights.max())
        return int(tokens[self._random.choice(len(tokens), p=weights / weights.sum())])

    def _is_enough(self, piece: str) -> bool:
        """Start no sentence in the second half of the tokens: the limit would cut it off."""
        sentence_ended = piece[:1].isspace() and _ends("".join(self._pieces[-2:]))
        return sentence_ended and len(self._tokens) * 2 >= self._maximum_tokens

    def _whole_sentences(self, text: str) -> str:
        """The text without a last, cut-off sentence, if there is a whole one before it."""
        if len(self._tokens) < self._maximum_tokens or _ends(text):
            return text
        last = max(text.rfind(f"{end} ") for end in SENTENCE_ENDS)
        return text[: last + 1] if last > 0 else text


def _log_probability(scores: NDArray[np.float32], token: int) -> float:
    """Natural log probability of a token; `scores` are logits, shape (tokens,)."""
    top = scores.max()
    return float(scores[token] - top - np.log(np.exp(scores - top).sum()))


def _ends(text: str) -> bool:
    return text.rstrip().endswith(SENTENCE_ENDS)
