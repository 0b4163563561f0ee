"""Calibration: maps the scores of a result to the probability that it is right."""

from __future__ import annotations

import math
from dataclasses import astuple, dataclass, fields
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

LARGEST_MARGIN_NATS = 5.0
"""Bound of the lead, because a larger one says no more, and one without a rival is infinite."""

USUAL_PRIOR = 0.9
"""Probability that speech is a command among the clips that the shipped weights were fitted to."""

PRIOR_STRENGTH = 0.5
"""Strength with which the fit is held near its starting weights, as in ridge regression."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Calibration:
    """A logistic map from scores to the probability of being right.

    Platt (1999), "Probabilistic outputs for support vector machines".
    """

    bias: float = 0.3
    fit: float = 1.3
    """Weight of the mean log probability per token of the sentence."""
    deficit: float = -0.1
    """Weight of how much better the free text scores, nats per token."""
    margin: float = 1.1
    """Weight of the lead over the next meaning, nats, at most LARGEST_MARGIN_NATS."""
    objection: float = -0.6
    """Weight of the evidence of clearly heard words against the sentence."""

    @classmethod
    def of(cls, weights: Sequence[float]) -> Calibration:
        """Make it from weights in the order above; shipped weights replace missing last ones."""
        names = (one.name for one in fields(cls))
        return cls(**dict(zip(names, weights, strict=False)))

    @property
    def weights(self) -> tuple[float, ...]:
        """Its weights, in the same order."""
        return astuple(self)

    def confidence(
        self,
        fit: float,
        deficit: float,
        margin: float,
        declared_share: float = 1.0,
        objection: float = 0.0,
    ) -> float:
        """Probability of being right, 0.0 to 1.0, under USUAL_PRIOR.

        `under_prior` converts it to another prior.

        Args:
            fit: mean log probability per token, nats.
            deficit: how much better the free text scores, nats per token.
            margin: lead over the next meaning, nats.
            declared_share: share of the sentence's letters that no wildcard took. A wildcard fits
                any words, so evidence for the sentence counts by this share, and evidence against
                it in full.
            objection: as `word_differences.largest_difference` measures it, letters.

        """
        lead = min(max(margin, -LARGEST_MARGIN_NATS), LARGEST_MARGIN_NATS)
        favour = declared_share * (self.bias + self.margin * lead)
        against = self.fit * fit + self.deficit * deficit + self.objection * objection
        return _probability(favour + against)


def under_prior(confidence: float, prior: float) -> float:
    """The confidence if speech is a command with probability `prior`, by Bayes' rule.

    A confidence of 0.0 stays 0.0. USUAL_PRIOR changes nothing.
    """
    if confidence in (0.0, 1.0):
        return confidence
    return _probability(_logit(confidence) + _logit(prior) - _logit(USUAL_PRIOR))


def _logit(probability: float) -> float:
    return math.log(probability / (1.0 - probability))


def _probability(logit: float) -> float:
    return 1.0 / (1.0 + math.exp(-min(max(logit, -50.0), 50.0)))


def fit_calibration(
    scores: Sequence[tuple[float, float, float, float, float]],
    right: Sequence[bool],
    start: Calibration | None = None,
) -> Calibration:
    """Fit the map to results whose meaning is known.

    Args:
        scores: fit, deficit, margin, declared share and objection of each result.
        right: whether intent and slots were right; half commands and other speech are not.
        start: weights near which the fit is held, so that a few results change little.

    """
    before = start or Calibration()
    prior = np.array(before.weights)
    if not len(scores):
        return before
    table = np.asarray(scores, float)
    lead = np.clip(table[:, 2], -LARGEST_MARGIN_NATS, LARGEST_MARGIN_NATS)
    share = table[:, 3]
    # As `confidence` weighs them.
    x = np.column_stack([share, table[:, :2], share * lead, table[:, 4]])
    y, weights = np.asarray(right, float), prior.copy()
    for _ in range(300):  # Newton's method in short steps; it converges much earlier
        p = 1.0 / (1.0 + np.exp(-np.clip(x @ weights, -50, 50)))
        gradient = x.T @ (y - p) - PRIOR_STRENGTH * (weights - prior)
        hessian = (x.T * (p * (1 - p))) @ x + PRIOR_STRENGTH * np.eye(len(prior))
        weights = weights + np.clip(np.linalg.solve(hessian, gradient), -0.3, 0.3)
    return Calibration.of(weights.tolist())
