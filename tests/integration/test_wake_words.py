"""Real wake word models: they hear their word, and nothing else."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pymicro_wakeword
import pyopen_wakeword
import pytest
from support.recordings import WORDS, mixed, sound_of, wake_clips

from appliance.engines.wake_word import wake_words
from appliance.errors import EngineError
from appliance.protocols import FRAME_SAMPLES
from appliance.values import Samples, Wake

if TYPE_CHECKING:
    from collections.abc import Sequence

    from appliance.protocols import WakeSpotter

MICRO = Path(pymicro_wakeword.__file__).parent / "models"
OPEN = Path(pyopen_wakeword.__file__).parent / "models"

SECOND = np.zeros(16_000, dtype=np.float32)


def loaded(*words: str) -> list[WakeSpotter]:
    return wake_words.spotters(wake_words.find(words, {}))


def heard(spotters: Sequence[WakeSpotter], samples: Samples) -> list[Wake]:
    for spotter in spotters:
        spotter.reset()
    frames = len(samples) // FRAME_SAMPLES
    found = [
        spotter.feed(frame)
        for frame in np.split(samples[: frames * FRAME_SAMPLES], frames)
        for spotter in spotters
    ]
    return [wake for wake in found if wake is not None]


@pytest.mark.parametrize("word", WORDS)
def test_every_recording_of_a_word_wakes_clean_and_in_a_noisy_kitchen(
    speech: Path, word: str
) -> None:
    spotters = loaded(word)
    noise = sound_of(speech / "coffee" / "noise_kitchen.wav")
    clips = wake_clips(speech, word)
    assert len(clips) >= 3
    for clip in clips:
        said = np.concatenate([sound_of(clip), SECOND])
        for samples in (said, mixed(said, noise, 15)):
            wakes = heard(spotters, samples)
            assert wakes, clip.name
            assert {wake.word for wake in wakes} == {word}
            assert all(wake.score > wake.threshold for wake in wakes)


def test_nothing_wakes_in_a_kitchen_and_among_orders_and_commands(speech: Path) -> None:
    spotters = loaded(*WORDS)
    # A third of the orders and of the kitchen; tests/measure/wake_words.py takes all of it.
    others = [sound_of(clip) for clip in sorted((speech / "coffee").glob("*-*.wav"))[::3]]
    assert len(others) >= 15
    others += [sound_of(clip) for clip in sorted((speech / "home").glob("*.wav"))]
    assert len(others) >= 22
    kitchen = sound_of(speech / "coffee" / "noise_kitchen.wav")
    for samples in [*others, kitchen[: 16_000 * 40]]:
        assert heard(spotters, samples) == []


def test_a_word_is_not_taken_for_another(speech: Path) -> None:
    spotters = loaded("okay_nabu", "hey_jarvis")
    for word in ("hey_mycroft", "alexa"):
        for clip in wake_clips(speech, word):
            assert heard(spotters, np.concatenate([sound_of(clip), SECOND])) == [], clip.name


def test_two_words_of_different_engines_are_heard_at_once(speech: Path) -> None:
    spotters = loaded("okay_nabu", "open/hey_mycroft")
    for word in ("okay_nabu", "hey_mycroft"):
        said = np.concatenate([sound_of(speech / "wake" / word / "2.wav"), SECOND])
        assert {wake.word for wake in heard(spotters, said)} == {word}


def test_the_second_time_is_like_the_first(speech: Path) -> None:
    spotters = loaded("alexa", "open/hey_mycroft")
    said = np.concatenate([sound_of(speech / "wake" / "alexa" / "1.wav"), SECOND])

    assert heard(spotters, said) == heard(spotters, said)


@pytest.mark.parametrize(
    ("names", "file"),
    [
        (["alexa.json", "alexa.tflite"], "alexa.json"),
        (["hey_rhasspy.tflite"], "hey_rhasspy.tflite"),
    ],
)
def test_a_model_of_the_owner_is_a_file(tmp_path: Path, names: list[str], file: str) -> None:
    folder = MICRO if file.endswith("json") else OPEN
    for name in names:
        shutil.copy(folder / name, tmp_path / name)

    spotters = loaded(str(tmp_path / file))

    assert heard(spotters, np.tile(SECOND, 2)) == []
    for spotter in spotters:
        spotter.close()
        spotter.close()


def cut_off(folder: Path) -> Path:
    whole = (OPEN / "alexa.tflite").read_bytes()
    file = folder / "mine.tflite"
    file.write_bytes(whole[: len(whole) // 2])
    return file


def of_another_shape(folder: Path) -> Path:
    return Path(shutil.copy(MICRO / "alexa.tflite", folder / "mine.tflite"))


def without_its_entries(folder: Path) -> Path:
    file = folder / "mine.json"
    file.write_text('{"wake_word": "mine"}', encoding="utf-8")
    return file


def no_json(folder: Path) -> Path:
    file = folder / "mine.json"
    file.write_text("okay nabu", encoding="utf-8")
    return file


@pytest.mark.parametrize("bad", [cut_off, of_another_shape, without_its_entries, no_json])
def test_a_file_that_is_no_wake_word_is_an_error_and_crashes_nobody(
    tmp_path: Path, bad: object
) -> None:
    assert callable(bad)
    with pytest.raises(EngineError, match=r"mine\.\w+ is no wake word model of (micro|open)Wake"):
        loaded(str(bad(tmp_path)))
