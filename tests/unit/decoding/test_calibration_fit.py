"""A confidence that was counted, and thresholds that a few clips do not overturn."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np

from appliance.decoding.calibration import Calibration
from appliance.decoding.calibration_fit import (
    FittedSettings,
    JudgedClip,
    OutcomeCounts,
    ScoredClip,
    confidence,
    fit_both,
    fit_to_clips,
    held_out_outcomes,
    least_confidence,
    outcomes,
    reliability_table,
)


def clips(number: int, seed: int = 3) -> list[ScoredClip]:
    """Half well fitting and mostly right, half badly fitting and mostly wrong."""
    rng = np.random.default_rng(seed)
    made = []
    for one in range(number):
        good = one % 2 == 0
        fit = float(rng.normal(-0.3 if good else -2.5, 0.2))
        deficit = max(0.0, float(rng.normal(0.1 if good else 1.8, 0.2)))
        right = bool(rng.random() < (0.95 if good else 0.05))
        made.append(ScoredClip(fit, deficit, 3.0 if good else -3.0, right))
    return made


def test_a_confidence_of_many_clips_is_the_share_that_was_right() -> None:
    heard = clips(400)
    weights = fit_to_clips(heard, Calibration())
    for row in reliability_table([(confidence(one, [weights]), one.right) for one in heard]):
        if row.results >= 20:
            assert row.low - 0.07 <= row.right / row.results <= row.high + 0.07


def test_the_first_model_s_map_learns_from_what_was_put_to_both() -> None:
    starts = [Calibration(), Calibration()]
    doubtful = [ScoredClip(-0.9, 0.9, -0.5, right=False)] * 40
    sure = [ScoredClip(-0.1, 0.0, 4.0, right=True)] * 40
    both = [ScoredClip(-0.4, 0.3, 2.0, right=True, models_asked=2)] * 40
    first, second = fit_both([*sure, *both], [*sure, *doubtful], starts)

    assert first == fit_to_clips([*sure, *doubtful], starts[0])
    assert second == fit_to_clips(both, starts[1])
    assert first.confidence(-0.9, 0.9, -0.5) < fit_to_clips(sure, starts[0]).confidence(
        -0.9, 0.9, -0.5
    )


def test_a_clip_in_which_another_sentence_was_clearly_said_teaches_nothing() -> None:
    measured = {
        "score": -0.5,
        "deficit": 0.4,
        "margin": 3.0,
        "declared_share": 1.0,
        "models_asked": 1,
        "objection": 0.0,
    }
    doubtful = SimpleNamespace(**measured, confidence=0.1)
    contradicted = SimpleNamespace(**measured, confidence=0.0)
    assert ScoredClip.of(doubtful, right=False) is not None  # type: ignore[arg-type]
    assert ScoredClip.of(contradicted, right=False) is None  # type: ignore[arg-type]


def test_every_clip_is_in_one_row() -> None:
    given = [(at / 49, at % 2 == 0) for at in range(50)]
    assert sum(row.results for row in reliability_table(given)) == 50
    assert sum(row.right for row in reliability_table(given)) == 25


def test_a_few_clips_change_little_and_no_clips_change_nothing() -> None:
    before = Calibration()
    assert fit_to_clips([], before) == before
    assert least_confidence([], [before], 0.5) == 0.5
    after = fit_to_clips(clips(4), before)
    assert abs(after.fit - before.fit) < 1.0
    assert least_confidence(clips(4), [after], 0.5) == 0.5


def test_many_wrong_actions_raise_the_threshold() -> None:
    # Fits of 0.6, always wrong, beside sure ones that are right.
    between = [ScoredClip(-0.9, 0.9, 1.2, right=False)] * 40
    sure = [ScoredClip(-0.1, 0.0, 4.0, right=True)] * 40
    shipped = Calibration()
    doubtful = shipped.confidence(-0.9, 0.9, 1.2)
    assert doubtful > 0.5
    assert least_confidence([*between, *sure], [shipped], 0.5) > doubtful


def test_the_clips_are_counted_by_what_becomes_of_them_with_settings() -> None:
    settings = FittedSettings([Calibration(), Calibration()], 0.5)
    good = ScoredClip(-0.1, 0.0, 5.0, right=True)
    bad = ScoredClip(-0.1, 0.0, 5.0, right=False)
    poor = ScoredClip(-9.0, 9.0, 0.0, right=True)
    clips = [
        JudgedClip(good, good, must_be_refused=False),
        JudgedClip(bad, bad, must_be_refused=True),
        JudgedClip(poor, poor, must_be_refused=False),
        JudgedClip(None, None, must_be_refused=False),
        JudgedClip(None, None, must_be_refused=True),
    ]
    assert outcomes(clips, settings) == OutcomeCounts(right=1, wrong=1, missed=2, refused=1)


def test_each_clip_is_judged_by_settings_that_do_not_know_it() -> None:
    before = FittedSettings([Calibration(), Calibration()], 0.5)
    alone = JudgedClip(clips(1)[0], clips(1)[0], must_be_refused=False)
    assert held_out_outcomes([alone], before) == outcomes([alone], before)
    assert held_out_outcomes([], before) == OutcomeCounts()
    many = [JudgedClip(one, one, must_be_refused=False) for one in clips(100)]
    counts = held_out_outcomes(many, before)
    assert counts.right + counts.wrong + counts.missed == 100
    assert counts.refused == 0
