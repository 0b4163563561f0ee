"""From what was measured of a result to the probability that it is right."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

LARGEST_MARGIN = 5.0

PULL = 0.5
"""Strength of the pull towards the weights before, as in ridge regression."""


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

    @classmethod
    def of(cls, weights: Sequence[float]) -> Calibration:
        """From its four numbers, in the order above."""
        bias, fit, deficit, margin = weights
        return cls(bias=bias, fit=fit, deficit=deficit, margin=margin)

    @property
    def weights(self) -> tuple[float, float, float, float]:
        """Its four numbers, in the same order."""
        return self.bias, self.fit, self.deficit, self.margin

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
