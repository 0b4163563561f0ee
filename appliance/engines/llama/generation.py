"""A text while it is written: which token comes next, and when it is enough."""

from __future__ import annotations

import codecs
import functools
import secrets
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from appliance.engines.llama.json_grammar import JsonOf, vocabulary_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from appliance.engines.llama_library import Weights

REPEAT_PENALTY = 1.1
"""Without it the smallest models say one thing again and again."""

REPEAT_WINDOW = 64
"""Tokens back that count as repeated."""

LIKELY = 40
"""Of the tokens, only so many of the likeliest are drawn from."""

SENTENCE_ENDS = (".", "!", "?", "…", "。")

_vocabulary = functools.cache(vocabulary_of)


@dataclass(frozen=True, slots=True)
class Style:
    """How a text is to be written."""

    most: int
    """Tokens at most."""
    temperature: float
    json: JsonOf | None

    @classmethod
    def of(cls, weights: Weights, settings: dict[str, Any], order: dict[str, Any]) -> Style:
        """From the configuration, and what the request wants otherwise."""
        schema = order.get("schema")
        wanted = order.get("maximum_tokens")
        usual = settings["maximum_json_tokens" if schema is not None else "maximum_tokens"]
        return cls(
            most=usual if wanted is None else wanted,
            temperature=settings["temperature"],
            json=None if schema is None else JsonOf(schema, _vocabulary(weights)),
        )


class Generation:
    """Takes the scores of the tokens that may follow, gives the token that does."""

    def __init__(self, weights: Weights, style: Style, most: int) -> None:
        self._weights = weights
        self._style = style
        self._most = most
        self._tokens: list[int] = []
        self._pieces: list[str] = []
        self._decoder = codecs.getincrementaldecoder("utf-8")("ignore")  # a letter may be 3 tokens
        self._chance = np.random.default_rng(secrets.randbits(64))
        self.over = False
        """Whether nothing more is to be written."""
        self.last_words = ""
        """What the tokens of the last `next` stand for."""

    @property
    def generated(self) -> int:
        """Tokens written so far."""
        return len(self._tokens)

    def next(self, scores: NDArray[np.float32]) -> list[int]:
        """The next token, and those that a schema forces behind it; none at the end."""
        token = self._chosen(scores)
        if self._weights.is_end(token):
            self.over = True
            return []
        piece = self._decoder.decode(self._weights.piece(token))
        if self._style.json is None and self._enough(piece):
            self.over = True
            return []
        tokens = [token]
        if self._style.json is not None:
            self._style.json.take(token)
            tokens += self._style.json.forced()
        self.last_words = piece + "".join(
            self._decoder.decode(self._weights.piece(forced)) for forced in tokens[1:]
        )
        self._pieces.append(self.last_words)
        self._tokens += tokens
        stopped = self._style.json is not None and self._style.json.over
        self.over = stopped or len(self._tokens) >= self._most
        return tokens

    def finished(self) -> str:
        """The whole text; ModelError where it had to be of a schema and is not."""
        text = "".join(self._pieces)
        if self._style.json is not None:
            self._style.json.check(text)
            return text
        return self._whole_sentences(text.strip())

    def _chosen(self, scores: NDArray[np.float32]) -> int:
        if self._style.json is not None:
            return int(self._drawn(self._style.json.allow(scores)))
        seen = np.array(sorted(set(self._tokens[-REPEAT_WINDOW:])), dtype=np.int64)
        if len(seen):
            values = scores[seen]
            scores[seen] = np.where(
                values > 0, values / REPEAT_PENALTY, values * REPEAT_PENALTY
            ).astype(np.float32)
        return int(self._drawn(scores))

    def _drawn(self, scores: NDArray[np.float32]) -> int:
        if self._style.temperature == 0.0:
            return int(np.argmax(scores))
        likely = np.argpartition(scores, -LIKELY)[-LIKELY:] if len(scores) > LIKELY else None
        chosen = np.arange(len(scores)) if likely is None else likely
        weights = scores[chosen].astype(np.float64) / self._style.temperature
        weights = np.exp(weights - weights.max())
        return int(chosen[self._chance.choice(len(chosen), p=weights / weights.sum())])

    def _enough(self, piece: str) -> bool:
        """No further sentence is begun in the second half of the tokens, to end in good time."""
        sentence_over = piece[:1].isspace() and _ends("".join(self._pieces[-2:]))
        return sentence_over and len(self._tokens) * 2 >= self._most

    def _whole_sentences(self, text: str) -> str:
        """Without a last sentence that the bound cut off, where one before it is whole."""
        if len(self._tokens) < self._most or _ends(text):
            return text
        last = max(text.rfind(f"{end} ") for end in SENTENCE_ENDS)
        return text[: last + 1] if last > 0 else text


def _ends(text: str) -> bool:
    return text.rstrip().endswith(SENTENCE_ENDS)
