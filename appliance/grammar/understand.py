"""From sound to a declared sentence, or to an honest refusal."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from appliance.grammar.decoder import decode
from appliance.grammar.search import Candidate, Decoding, Effort, Scorer

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from appliance.grammar.grammar import Grammar
    from appliance.grammar.parse import Reading
    from appliance.grammar.vocabulary import TokenWalk, Vocabulary


class Hearing(Scorer, Protocol):
    """Sound that a model has encoded."""

    @property
    def silent(self) -> bool:
        """Whether there is no sound at all; nothing can be asked then."""

    @property
    def seconds(self) -> float:
        """Length without the silence around it."""

    no_speech: float | None
    """Probability that nobody spoke; known once something was written."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """What speaks against a result; found with tests/measure, see docs/accuracy.md."""

    no_speech: float = 0.6
    """Probability from which "nobody spoke" is believed."""
    least_confidence: float = 0.7
    """A result that is less likely to be right is refused."""
    wildcard_deficit: float = 0.8
    """With a wildcard, which fits any words, the declared ones must fit better than this."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Calibration:
    """A logistic map from what was measured to the probability of being right.

    Platt (1999), "Probabilistic outputs for support vector machines".
    """

    bias: float = 4.7
    fit: float = 2.0
    """Weight of the mean log probability per token of the sentence."""
    deficit: float = -1.2
    """Weight of what free speech scores better, per token."""
    margin: float = 0.37
    """Weight of the lead over the next meaning that was tried, nats, at most LARGEST_MARGIN."""

    def confidence(self, fit: float, deficit: float, margin: float, declared: float = 1.0) -> float:
        """Probability of being right, 0.0 to 1.0.

        `declared` is the share of the letters that no wildcard took. The others fit whatever was
        said, so a few declared words among many speak for a sentence by so much less, and what
        speaks against it counts as a whole.
        """
        lead = min(max(margin, -LARGEST_MARGIN), LARGEST_MARGIN)
        favour = declared * (self.bias + self.margin * lead)
        logit = favour + self.fit * fit + self.deficit * deficit
        return 1.0 / (1.0 + math.exp(-min(max(logit, -50.0), 50.0)))


def calibrated(
    measured: Sequence[tuple[float, float, float, float]],
    right: Sequence[bool],
    start: Calibration | None = None,
) -> Calibration:
    """Fit the map to clips whose meaning is known.

    Args:
        measured: score, deficit, margin and declared share of each result that was not refused
            before the map.
        right: whether intent and slots were right; half commands and other speech are not.
        start: what a few clips are not enough to change; each weight is pulled towards it.

    """
    before = start or Calibration()
    prior = np.array([before.bias, before.fit, before.deficit, before.margin])
    if not len(measured):
        return before
    table = np.asarray(measured, float)
    lead, declared = np.clip(table[:, 2], -LARGEST_MARGIN, LARGEST_MARGIN), table[:, 3]
    x = np.column_stack([declared, table[:, :2], declared * lead])  # as `confidence` weighs them
    y, weights = np.asarray(right, float), prior.copy()
    for _ in range(300):  # Newton's method in short steps; it has converged long before
        p = 1.0 / (1.0 + np.exp(-np.clip(x @ weights, -50, 50)))
        slope = x.T @ (y - p) - PULL * (weights - prior)
        bend = (x.T * (p * (1 - p))) @ x + PULL * np.eye(4)
        weights = weights + np.clip(np.linalg.solve(bend, slope), -0.3, 0.3)
    bias, fit, deficit, margin = (float(weight) for weight in weights)
    return Calibration(bias=bias, fit=fit, deficit=deficit, margin=margin)


LARGEST_MARGIN = 5.0

PULL = 0.5
"""Strength of the pull towards the weights before, as in ridge regression."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Understood:
    """What was said, as far as the grammar goes."""

    text: str
    """The allowed sentence that fits best; empty where none was reached."""
    reading: Reading | None
    """What it means; None when it was refused."""
    refused: str | None
    """Why: `silence`, `no_speech`, `no_sentence` or `unlikely`; None for a result."""
    confidence: float
    """Probability of intent and slots being right, 0.0 to 1.0."""
    free_text: str
    """What the model would have written without a grammar."""
    score: float | None
    """Natural log probability per token of the sentence."""
    free_score: float | None
    """The same of the free text."""
    deficit: float | None
    """What the free text scores better, per token of the declared words; 0.0 at least."""
    margin: float | None
    """Lead over the best sentence of another meaning that was tried, nats; inf without one."""
    declared: float | None
    """Share of the sentence's letters that no wildcard took, 0.0 to 1.0."""
    no_speech: float | None
    calls: int
    tokens: int

    @property
    def intent(self) -> str | None:
        """Name of the intent."""
        return self.reading.intent if self.reading else None

    @property
    def slots(self) -> Mapping[str, Any]:
        """Of the intent; none when refused."""
        return self.reading.slots if self.reading else {}


@dataclass(slots=True)
class _Meant:
    """A meaning, its best candidate, and the score of all its candidates together."""

    candidate: Candidate
    text: str
    reading: Reading
    together: float = -math.inf


@dataclass(frozen=True, slots=True, kw_only=True)
class Understanding:
    """How to understand: a model's words and the bounds that were measured for it."""

    vocabulary: Vocabulary
    spell: Callable[[Sequence[int]], str]
    """The text of tokens."""
    effort: Effort = field(default_factory=Effort)
    refusal: Refusal = field(default_factory=Refusal)
    calibration: Calibration = field(default_factory=Calibration)

    def understand(self, hearing: Hearing, grammar: Grammar) -> Understood:
        """Find the sentence of the grammar that was said; the same input, the same result."""
        if hearing.silent:
            return _nothing("silence")
        walk: TokenWalk = grammar.walk(self.vocabulary)
        decoding = decode(hearing, walk, self.effort)
        return self._judged(decoding, self._readings(decoding, grammar), hearing.no_speech)

    def _readings(self, decoding: Decoding, grammar: Grammar) -> list[_Meant]:
        """The meanings of the candidates, best first; several texts of one speak for it."""
        found: dict[Any, _Meant] = {}
        for candidate in decoding.candidates:
            text = self.spell(candidate.tokens)
            for reading in grammar.readings(text)[:1]:
                best = found.setdefault(reading.meaning, _Meant(candidate, text, reading))
                best.together = float(np.logaddexp(best.together, candidate.score))
        return sorted(found.values(), key=lambda one: -one.together)

    def _judged(
        self, decoding: Decoding, meant: list[_Meant], no_speech: float | None
    ) -> Understood:
        free, free_tokens = decoding.free.score, len(decoding.free.tokens) + 1
        best = meant[0] if meant else None
        if best is None:
            fit, deficit, margin, declared, confidence = None, None, None, None, 0.0
        else:
            margin = best.together - meant[1].together if meant[1:] else math.inf
            score, tokens = best.candidate.score, len(best.candidate.tokens) + 1
            fit = score / tokens
            # Free words of a wildcard are no evidence for the words around it.
            taken = best.reading.free_characters
            declared = 1 - taken / max(1, len(best.text))
            deficit = max(0.0, free - score) / max(1.0, tokens * declared)
            confidence = self.calibration.confidence(min(fit, -deficit), deficit, margin, declared)
            if taken and deficit > self.refusal.wildcard_deficit:
                confidence = 0.0
        refused = self._refused(best is None, confidence, no_speech)
        return Understood(
            text=best.text if best else "",
            reading=best.reading if best and refused is None else None,
            refused=refused,
            confidence=confidence,
            free_text=self.spell(decoding.free.tokens),
            score=fit,
            free_score=free / free_tokens,
            deficit=deficit,
            margin=margin,
            declared=declared,
            no_speech=no_speech,
            calls=decoding.calls,
            tokens=decoding.tokens,
        )

    def _refused(self, nothing: bool, confidence: float, no_speech: float | None) -> str | None:  # noqa: FBT001
        if nothing:
            return "no_sentence"
        if no_speech is not None and no_speech > self.refusal.no_speech:
            return "no_speech"
        return "unlikely" if confidence < self.refusal.least_confidence else None


def _nothing(why: str) -> Understood:
    return Understood(
        text="",
        reading=None,
        refused=why,
        confidence=0.0,
        free_text="",
        score=None,
        free_score=None,
        deficit=None,
        margin=None,
        declared=None,
        no_speech=1.0,
        calls=0,
        tokens=0,
    )
