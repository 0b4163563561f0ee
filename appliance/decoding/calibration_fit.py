"""Whether a confidence can be believed: fitted to clips whose meaning is known, and counted."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

from appliance.decoding.calibration import calibrated

if TYPE_CHECKING:
    from collections.abc import Sequence

    from appliance.decoding.calibration import Calibration
    from appliance.decoding.sentence_recogniser import RecognisedSentence

EDGES = (0.0, 0.2, 0.5, 0.7, 0.85, 0.95, 0.99, 1.0)
"""Of the table's rows; each begins where the one before it ends."""

WRONG_COSTS = 3.0
"""A wrong action is as bad as so many sentences that have to be said again."""

HOLD = 4.0
"""Clips that a threshold one tenth away from the one before must save: a few prove little."""


@dataclass(frozen=True, slots=True)
class ScoredClip:
    """What was measured of a clip, and whether its best sentence was the one that was said."""

    fit: float
    deficit: float
    margin: float
    right: bool
    declared: float = 1.0
    opinions: int = 1
    """Models that were asked; what two make of it has a map of its own."""

    @classmethod
    def of(cls, found: RecognisedSentence, *, right: bool) -> ScoredClip | None:
        """None where nothing near was measured, or another was clearly said."""
        score, deficit, margin, declared = found.score, found.deficit, found.margin, found.declared
        if score is None or deficit is None or margin is None or declared is None:
            return None
        if found.confidence == 0.0:  # no map makes that
            return None
        return cls(min(score, -deficit), deficit, margin, right, declared, found.opinions)


@dataclass(frozen=True, slots=True)
class CalibrationRow:
    """Results of about the same confidence."""

    low: float
    high: float
    results: int
    right: int


def fitted(heard: Sequence[ScoredClip], start: Calibration) -> Calibration:
    """The map to a probability for these clips, held near `start` by ridge regression."""
    measured = [(one.fit, one.deficit, one.margin, one.declared) for one in heard]
    return calibrated(measured, [one.right for one in heard], start)


def maps_of(
    heard: Sequence[ScoredClip], alone: Sequence[ScoredClip], starts: Sequence[Calibration]
) -> list[Calibration]:
    """For one model's opinion and for two, in the order of `starts`.

    The first says also what is put to the second model, so it is fitted to what the first model
    made of everything (`alone`), the doubtful included; the other to what two made of `heard`.
    """
    together = [one for one in heard if one.opinions > 1]
    return [fitted(some, start) for some, start in zip((alone, together), starts, strict=True)]


def table(given: Sequence[tuple[float, bool]]) -> list[CalibrationRow]:
    """How many of the results of each confidence were right."""
    rows = []
    for low, high in pairwise(EDGES):
        inside = [right for one, right in given if low <= one and (one < high or high == EDGES[-1])]
        rows.append(CalibrationRow(low, high, len(inside), sum(inside)))
    return rows


def least_confidence(
    heard: Sequence[ScoredClip], maps: Sequence[Calibration], before: float
) -> float:
    """Where to refuse: as few wrong actions and refusals as can be, not far from `before`."""

    def cost(least: float) -> float:
        accepted = [one.right for one in heard if confidence(one, maps) >= least]
        wrong = len(accepted) - sum(accepted)
        lost = sum(one.right for one in heard) - sum(accepted)
        return WRONG_COSTS * wrong + lost + HOLD * 10 * abs(least - before)

    return min((round(0.05 * step, 2) for step in range(4, 20)), key=cost)


def confidence(one: ScoredClip, maps: Sequence[Calibration]) -> float:
    """The probability that the map gives it; `maps` are those for one model's opinion, for two."""
    calibration = maps[one.opinions - 1]
    return calibration.confidence(one.fit, one.deficit, one.margin, one.declared)
