"""A speech model of 17 words whose token likelihoods a test sets."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from appliance.decoding.search_types import Tokens
from appliance.decoding.sentence_search import log_sum
from appliance.grammar.grammar import Grammar
from appliance.grammar.token_mask import TokenVocabulary
from support.sentences import intents_of

TEXTS = [
    " turn",
    " Turn",
    " on",
    " off",
    " the",
    " lamp",
    " lap",
    " light",
    " l",
    "amp",
    ".",
    ",",
    " set",
    " to",
    " bread",
    " milk",
    " add",
]
END = len(TEXTS)
VOCABULARY = TokenVocabulary.of([*TEXTS, None], END)


@dataclass(frozen=True)
class FakeContinuation:
    tokens: Tokens
    logits: NDArray[np.float32]


@dataclass
class FakeWhisper:
    """Gives the same likelihoods at each position, whatever stands before it.

    `heard` has, for each position, how likely some tokens are; the rest get `unlikely`.
    """

    heard: list[dict[str, float]]
    unlikely: float = -12.0
    asked: list[tuple[Tokens, ...]] = field(default_factory=list)

    def likelihoods(self, texts: Sequence[Tokens]) -> list[float]:
        return [
            sum(float(self.row(at)[one] - log_sum(self.row(at))) for at, one in enumerate(text))
            for text in texts
        ]

    def row(self, position: int) -> NDArray[np.float32]:
        row = np.full(END + 1, self.unlikely, np.float32)
        if position >= len(self.heard):
            row[END] = 0.0
            return row
        for text, value in self.heard[position].items():
            row[END if text == "" else TEXTS.index(text)] = value
        return row

    def continuations(self, prefixes: Sequence[Tokens], further: int) -> list[FakeContinuation]:
        self.asked.append(tuple(prefixes))
        longest = max(map(len, prefixes)) + further
        found = []
        for prefix in prefixes:
            tokens = list(prefix)
            while len(tokens) < longest:
                best = int(np.argmax(self.row(len(tokens))))
                if best == END:
                    break
                tokens.append(best)
            rows = np.stack([self.row(i) for i in range(min(len(tokens) + 1, longest))])
            found.append(FakeContinuation(tuple(tokens), rows))
        return found


def grammar(*sentences: str, **parts: Any) -> Grammar:
    return Grammar.of(intents_of({"Say": sentences}, **parts))


def spelled(tokens: Tokens) -> str:
    return "".join(TEXTS[token] for token in tokens).strip()
