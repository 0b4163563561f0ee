"""Level, clipping and noise floor."""

from __future__ import annotations

import numpy as np
import pytest

from appliance.audio.level_meter import MINIMUM_DBFS, LevelMeter
from appliance.protocols import FRAME_SAMPLES
from appliance.values import Samples


def square(loudness: float) -> Samples:
    wave: Samples = np.resize(np.array([loudness, -loudness], dtype=np.float32), FRAME_SAMPLES)
    return wave


def test_before_the_first_frame_there_is_no_level() -> None:
    assert LevelMeter().level() is None


def test_the_noise_floor_is_measured_between_the_words() -> None:
    meter = LevelMeter()
    for _ in range(100):
        meter.feed(square(0.001))
    for _ in range(100):
        meter.feed(square(0.1))

    level = meter.level()
    assert level is not None
    assert level.noise_floor_dbfs == pytest.approx(-60.0, abs=0.1)
    assert level.peak_dbfs == pytest.approx(-20.0, abs=0.1)
    assert level.level_dbfs == pytest.approx(-23.0, abs=0.1)
    assert level.clipped_share == 0.0


def test_clipped_samples_are_counted() -> None:
    meter = LevelMeter()
    for _ in range(3):
        meter.feed(square(0.5))
    meter.feed(square(1.0))

    level = meter.level()
    assert level is not None
    assert level.clipped_share == pytest.approx(0.25)
    assert level.peak_dbfs == 0.0


def test_exact_silence_has_the_minimum_level() -> None:
    meter = LevelMeter()
    meter.feed(np.zeros(FRAME_SAMPLES, dtype=np.float32))

    level = meter.level()
    assert level is not None
    assert level.level_dbfs == level.noise_floor_dbfs == MINIMUM_DBFS


def test_a_constant_on_every_sample_is_not_noise() -> None:
    meter = LevelMeter()
    meter.feed(square(0.001) + np.float32(0.2))

    level = meter.level()
    assert level is not None
    assert level.noise_floor_dbfs == pytest.approx(-60.0, abs=0.1)


def test_a_reset_forgets_the_level() -> None:
    meter = LevelMeter()
    meter.feed(square(0.5))
    meter.reset()

    assert meter.level() is None
