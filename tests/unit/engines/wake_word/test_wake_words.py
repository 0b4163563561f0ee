"""Which engine and threshold each configured wake word gets."""

from __future__ import annotations

from pathlib import Path

import pytest

from appliance.engines.wake_word import wake_words
from appliance.engines.wake_word.wake_words import MICRO, OPEN, Word
from appliance.errors import EngineError, ModelMissing


def test_a_word_of_both_packages_uses_the_one_that_costs_less() -> None:
    assert wake_words.find(["okay_nabu"], {}) == [Word("okay_nabu", MICRO, None, 0.65, 0.3)]


def test_a_prefix_chooses_the_other_package() -> None:
    assert wake_words.find(["open/okay_nabu"], {}) == [Word("okay_nabu", OPEN, None, 0.5, 0.5)]


def test_a_word_of_one_package_needs_no_prefix() -> None:
    assert wake_words.find(["hey_rhasspy"], {}) == [Word("hey_rhasspy", OPEN, None, 0.5, 0.5)]


def test_each_word_has_its_own_threshold() -> None:
    first, second = wake_words.find(["alexa", "open/alexa"], {"open/alexa": 0.8})

    assert (first.threshold, second.threshold) == (0.95, 0.8)


def test_a_threshold_of_the_owner_counts_for_the_first_look_too() -> None:
    assert [one.first_threshold for one in wake_words.find(["alexa"], {"alexa": 0.6})] == [0.6]


def test_only_a_built_in_word_is_spelled_by_its_name(tmp_path: Path) -> None:
    file = tmp_path / "hey_jarvis.tflite"
    file.touch()
    spelled = [one.phrase for one in wake_words.find(["hey_jarvis", str(file)], {})]
    assert spelled == ["hey jarvis", None]


def test_an_unknown_word_is_an_error_that_lists_the_known_ones() -> None:
    with pytest.raises(
        ModelMissing, match=r"no wake word 'computer'; there are okay_nabu, .*your own"
    ):
        wake_words.find(["computer"], {})


def test_a_missing_file_is_an_error() -> None:
    with pytest.raises(ModelMissing, match=r"there is no file /nowhere/mine\.json"):
        wake_words.find(["/nowhere/mine.json"], {})


def test_a_file_that_is_not_a_tensorflow_lite_model_is_an_error(tmp_path: Path) -> None:
    file = tmp_path / "mine.tflite"
    file.write_bytes(b"RIFF....WAVE")

    with pytest.raises(EngineError, match=r"mine\.tflite is not a wake word model"):
        wake_words.load(wake_words.find([str(file)], {}))
