"""Fits the calibration to clips whose meaning is known, and counts how reliable it is."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

from appliance.decoding.calibration import fit_calibration

if TYPE_CHECKING:
    from collections.abc import Sequence

    from appliance.decoding.calibration import Calibration
    from appliance.decoding.sentence_recogniser import RecognisedSentence

EDGES = (0.0, 0.2, 0.5, 0.7, 0.85, 0.95, 0.99, 1.0)
"""Limits of the confidence for the rows of the table."""

WRONG_ACTION_COST = 3.0
"""Cost of a wrong action, in rejected sentences that have to be repeated."""

CHANGE_COST = 4.0
"""Cost of moving the threshold by 0.1, so that a few clips do not move it."""


@dataclass(frozen=True, slots=True)
class ScoredClip:
    """The scores of a clip's best sentence, and whether that was the one that was said."""

    fit: float
    deficit: float
    margin: float
    right: bool
    declared_share: float = 1.0
    models_asked: int = 1
    """Number of models, 1 or 2; each has a calibration of its own."""
    objection: float = 0.0

    @classmethod
    def of(cls, found: RecognisedSentence, *, right: bool) -> ScoredClip | None:
        """The scores of a result; None if no sentence was reached, or it is contradicted."""
        score, deficit, margin = found.score, found.deficit, found.margin
        share = found.declared_share
        if score is None or deficit is None or margin is None or share is None:
            return None
        if found.confidence == 0.0:  # contradicted: no calibration gives exactly 0
            return None
        fit = min(score, -deficit)
        return cls(fit, deficit, margin, right, share, found.models_asked, found.objection)


@dataclass(frozen=True, slots=True)
class CalibrationRow:
    """A row of the table: results of similar confidence."""

    low: float
    high: float
    results: int
    right: int


def fit_to_clips(clips: Sequence[ScoredClip], start: Calibration) -> Calibration:
    """The calibration for these clips, held near `start`."""
    scores = [
        (one.fit, one.deficit, one.margin, one.declared_share, one.objection) for one in clips
    ]
    return fit_calibration(scores, [one.right for one in clips], start)


def fit_both(
    clips: Sequence[ScoredClip],
    by_first_model: Sequence[ScoredClip],
    starts: Sequence[Calibration],
) -> list[Calibration]:
    """The calibrations for one model and for two, in the order of `starts`.

    The first calibration also decides when the second model is asked, so it is fitted to the first
    model's results for all clips, the doubtful ones included.
    """
    by_two = [one for one in clips if one.models_asked > 1]
    pairs = zip((by_first_model, by_two), starts, strict=True)
    return [fit_to_clips(some, start) for some, start in pairs]


def reliability_table(results: Sequence[tuple[float, bool]]) -> list[CalibrationRow]:
    """Number of right results by confidence; `results` are (confidence, right)."""
    rows = []
    for low, high in pairwise(EDGES):
        last = high == EDGES[-1]
        inside = [right for one, right in results if low <= one and (one < high or last)]
        rows.append(CalibrationRow(low, high, len(inside), sum(inside)))
    return rows


def least_confidence(
    clips: Sequence[ScoredClip], calibrations: Sequence[Calibration], before: float
) -> float:
    """The rejection threshold with the fewest wrong actions and rejections, near `before`."""

    def cost(least: float) -> float:
        accepted = [one.right for one in clips if confidence(one, calibrations) >= least]
        wrong = len(accepted) - sum(accepted)
        rejected = sum(one.right for one in clips) - sum(accepted)
        return WRONG_ACTION_COST * wrong + rejected + CHANGE_COST * 10 * abs(least - before)

    return min((round(0.05 * step, 2) for step in range(4, 20)), key=cost)


def confidence(clip: ScoredClip, calibrations: Sequence[Calibration]) -> float:
    """The probability of being right; `calibrations` are those for one model and for two."""
    calibration = calibrations[clip.models_asked - 1]
    return calibration.confidence(
        clip.fit, clip.deficit, clip.margin, clip.declared_share, clip.objection
    )


@dataclass(frozen=True, slots=True)
class JudgedClip:
    """A clip with the scores of its best sentence, by all models and by the first one alone."""

    best: ScoredClip | None
    """None if it is similar to no sentence."""
    by_first: ScoredClip | None
    must_be_refused: bool


@dataclass(frozen=True, slots=True)
class OutcomeCounts:
    """The number of clips by what became of them."""

    right: int = 0
    wrong: int = 0
    """Another meaning than the expected one, or one where none was expected."""
    missed: int = 0
    """A sentence that was refused."""
    refused: int = 0
    """No sentence, and refused."""


@dataclass(frozen=True, slots=True)
class FittedSettings:
    """The settings of the confidence."""

    calibrations: Sequence[Calibration]
    """For one model, and for two."""
    least_confidence: float


FOLDS = 5
"""Parts of the clips; each is judged by the settings from the others."""


def fitted_settings(clips: Sequence[JudgedClip], before: FittedSettings) -> FittedSettings:
    """The settings for these clips, near the ones before."""
    best = [one.best for one in clips if one.best is not None]
    first = [one.by_first for one in clips if one.by_first is not None]
    maps = fit_both(best, first, before.calibrations)
    return FittedSettings(maps, least_confidence(best, maps, before.least_confidence))


def outcomes(clips: Sequence[JudgedClip], settings: FittedSettings) -> OutcomeCounts:
    """What becomes of the clips with these settings."""
    counts = Counter(_outcome(one, settings) for one in clips)
    return OutcomeCounts(**counts)


def held_out_outcomes(clips: Sequence[JudgedClip], before: FittedSettings) -> OutcomeCounts:
    """What becomes of each clip with settings from the other parts of the clips only.

    Settings that are judged by the clips that they were computed from look better than they are.
    """
    counts: Counter[str] = Counter()
    for part in range(FOLDS):
        others = [one for at, one in enumerate(clips) if at % FOLDS != part]
        settings = fitted_settings(others, before)
        counts.update(_outcome(one, settings) for one in clips[part::FOLDS])
    return OutcomeCounts(**counts)


def _outcome(clip: JudgedClip, settings: FittedSettings) -> str:
    best = clip.best
    if best is None or confidence(best, settings.calibrations) < settings.least_confidence:
        return "refused" if clip.must_be_refused else "missed"
    return "right" if best.right else "wrong"
