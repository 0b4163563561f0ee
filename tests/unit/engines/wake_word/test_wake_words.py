"""Which wake word is heard by what, and from which score on."""

from __future__ import annotations

from pathlib import Path

import pytest

from appliance.engines.wake_word import wake_words
from appliance.engines.wake_word.wake_words import MICRO, OPEN, Word
from appliance.errors import EngineError, ModelMissing


def test_a_word_that_both_packages_carry_is_heard_by_the_one_that_costs_less() -> None:
    assert wake_words.find(["okay_nabu"], {}) == [Word("okay_nabu", MICRO, None, 0.65)]


def test_the_other_package_can_be_named() -> None:
    assert wake_words.find(["open/okay_nabu"], {}) == [Word("okay_nabu", OPEN, None, 0.5)]


def test_a_word_that_one_package_carries_needs_no_name_of_it() -> None:
    assert wake_words.find(["hey_rhasspy"], {}) == [Word("hey_rhasspy", OPEN, None, 0.5)]


def test_each_word_has_a_threshold_of_its_own() -> None:
    first, second = wake_words.find(["alexa", "open/alexa"], {"open/alexa": 0.8})

    assert (first.threshold, second.threshold) == (0.95, 0.8)


def test_a_word_that_nobody_carries_is_an_error_that_lists_those_there_are() -> None:
    with pytest.raises(ModelMissing, match=r"no wake word 'computer'; there are okay_nabu, .*own"):
        wake_words.find(["computer"], {})


def test_a_file_that_is_not_there_is_an_error() -> None:
    with pytest.raises(ModelMissing, match=r"there is no file /nowhere/mine\.json"):
        wake_words.find(["/nowhere/mine.json"], {})


def test_a_file_without_the_form_of_a_model_is_an_error(tmp_path: Path) -> None:
    file = tmp_path / "mine.tflite"
    file.write_bytes(b"RIFF....WAVE")

    with pytest.raises(EngineError, match=r"mine\.tflite is no wake word model"):
        wake_words.spotters(wake_words.find([str(file)], {}))
