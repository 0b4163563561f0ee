"""Refusal and confidence, from what was measured."""

from __future__ import annotations

import numpy as np

from appliance.grammar.understand import Calibration, calibrated


def test_confidence_grows_with_fit_and_lead_and_falls_with_the_deficit() -> None:
    weights = Calibration()
    good = weights.confidence(-0.1, 0.0, 4.0)
    assert good > 0.95
    assert weights.confidence(-0.1, 0.0, 0.3) < good
    assert weights.confidence(-0.1, 0.8, 4.0) < good
    assert weights.confidence(-1.5, 0.0, 4.0) < good
    assert weights.confidence(-2.5, 1.6, 0.5) < 0.5


def test_confidence_survives_what_no_sound_gives() -> None:
    assert 0.0 <= Calibration().confidence(-1e9, 1e9, -np.inf) < 1e-6
    assert 0.0 <= Calibration().confidence(0.0, 0.0, np.inf) <= 1.0


def test_of_those_given_nine_in_ten_nine_in_ten_are_right() -> None:
    rng = np.random.default_rng(3)
    truth = Calibration(bias=2.0, fit=1.5, deficit=-2.0, margin=0.8)
    measured = [
        (-rng.exponential(0.5), rng.exponential(0.4), rng.uniform(0, 4)) for _ in range(4000)
    ]
    right = [bool(rng.random() < truth.confidence(*one)) for one in measured]
    fitted = calibrated(measured, right)
    given = np.array([fitted.confidence(*one) for one in measured])
    near = (given > 0.85) & (given < 0.95)
    assert abs(np.mean(np.array(right)[near]) - 0.9) < 0.04


def test_no_clips_change_nothing() -> None:
    assert calibrated([], []) == Calibration()
