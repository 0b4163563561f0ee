"""Level, clipping and noise floor."""

from __future__ import annotations

import numpy as np
import pytest

from appliance.audio.level_meter import FAINTEST_DBFS, LevelMeter
from appliance.protocols import FRAME_SAMPLES
from appliance.values import Samples


def square(loudness: float) -> Samples:
    wave: Samples = np.resize(np.array([loudness, -loudness], dtype=np.float32), FRAME_SAMPLES)
    return wave


def test_before_any_sound_there_is_nothing_to_tell() -> None:
    assert LevelMeter().level() is None


def test_the_floor_is_the_quiet_between_the_words() -> None:
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


def test_what_the_converter_cut_off_is_counted() -> None:
    meter = LevelMeter()
    for _ in range(3):
        meter.feed(square(0.5))
    meter.feed(square(1.0))

    level = meter.level()
    assert level is not None
    assert level.clipped_share == pytest.approx(0.25)
    assert level.peak_dbfs == 0.0


def test_exact_silence_has_a_level_too() -> None:
    meter = LevelMeter()
    meter.feed(np.zeros(FRAME_SAMPLES, dtype=np.float32))

    level = meter.level()
    assert level is not None
    assert level.level_dbfs == level.noise_floor_dbfs == FAINTEST_DBFS


def test_a_constant_added_by_a_cheap_converter_is_no_noise() -> None:
    meter = LevelMeter()
    meter.feed(square(0.001) + np.float32(0.2))

    level = meter.level()
    assert level is not None
    assert level.noise_floor_dbfs == pytest.approx(-60.0, abs=0.1)


def test_after_a_gap_it_begins_anew() -> None:
    meter = LevelMeter()
    meter.feed(square(0.5))
    meter.reset()

    assert meter.level() is None
