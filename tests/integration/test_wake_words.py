"""Real wake word models detect their word, and nothing else."""

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
from appliance.engines.whisper.model import Whisper
from appliance.errors import EngineError
from appliance.listening.checked_wake_words import CheckedWakeWords
from appliance.models.store import Store
from appliance.protocols import FRAME_SAMPLES
from appliance.values import Samples, Wake

if TYPE_CHECKING:
    from collections.abc import Sequence

    from appliance.protocols import WakeWordDetector

MICRO = Path(pymicro_wakeword.__file__).parent / "models"
OPEN = Path(pyopen_wakeword.__file__).parent / "models"

SECOND = np.zeros(16_000, dtype=np.float32)


def loaded(*words: str) -> list[WakeWordDetector]:
    return wake_words.load(wake_words.find(words, {}))


def heard(detectors: Sequence[WakeWordDetector], samples: Samples) -> list[Wake]:
    for detector in detectors:
        detector.reset()
    frames = len(samples) // FRAME_SAMPLES
    found = [
        detector.feed(frame)
        for frame in np.split(samples[: frames * FRAME_SAMPLES], frames)
        for detector in detectors
    ]
    return [wake for wake in found if wake is not None]


@pytest.mark.parametrize("word", WORDS)
def test_every_recording_of_a_word_is_detected_clean_and_in_kitchen_noise(
    speech: Path, word: str
) -> None:
    detectors = loaded(word)
    noise = sound_of(speech / "coffee" / "noise_kitchen.wav")
    clips = wake_clips(speech, word)
    assert len(clips) >= 3
    for clip in clips:
        said = np.concatenate([sound_of(clip), SECOND])
        for samples in (said, mixed(said, noise, 15)):
            wakes = heard(detectors, samples)
            assert wakes, clip.name
            assert {wake.word for wake in wakes} == {word}
            assert all(wake.score > wake.threshold for wake in wakes)


def test_kitchen_noise_and_other_speech_are_not_detected(speech: Path) -> None:
    detectors = loaded(*WORDS)
    # A third of the orders and of the kitchen; tests/measure/wake_words.py takes all of it.
    others = [sound_of(clip) for clip in sorted((speech / "coffee").glob("*-*.wav"))[::3]]
    assert len(others) >= 15
    others += [sound_of(clip) for clip in sorted((speech / "home").glob("*.wav"))]
    assert len(others) >= 22
    kitchen = sound_of(speech / "coffee" / "noise_kitchen.wav")
    for samples in [*others, kitchen[: 16_000 * 40]]:
        assert heard(detectors, samples) == []


def test_a_word_is_not_detected_as_another(speech: Path) -> None:
    detectors = loaded("okay_nabu", "hey_jarvis")
    for word in ("hey_mycroft", "alexa"):
        for clip in wake_clips(speech, word):
            assert heard(detectors, np.concatenate([sound_of(clip), SECOND])) == [], clip.name


def test_two_words_of_different_engines_are_detected_at_once(speech: Path) -> None:
    detectors = loaded("okay_nabu", "open/hey_mycroft")
    for word in ("okay_nabu", "hey_mycroft"):
        said = np.concatenate([sound_of(speech / "wake" / word / "2.wav"), SECOND])
        assert {wake.word for wake in heard(detectors, said)} == {word}


def test_the_second_run_gives_the_result_of_the_first(speech: Path) -> None:
    detectors = loaded("alexa", "open/hey_mycroft")
    said = np.concatenate([sound_of(speech / "wake" / "alexa" / "1.wav"), SECOND])

    assert heard(detectors, said) == heard(detectors, said)


@pytest.mark.parametrize(
    ("names", "file"),
    [
        (["alexa.json", "alexa.tflite"], "alexa.json"),
        (["hey_rhasspy.tflite"], "hey_rhasspy.tflite"),
    ],
)
def test_an_owner_s_file_can_be_loaded_and_closed(
    tmp_path: Path, names: list[str], file: str
) -> None:
    folder = MICRO if file.endswith("json") else OPEN
    for name in names:
        shutil.copy(folder / name, tmp_path / name)

    detectors = loaded(str(tmp_path / file))

    assert heard(detectors, np.tile(SECOND, 2)) == []
    for detector in detectors:
        detector.close()
        detector.close()


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
def test_a_bad_file_is_an_error_and_does_not_crash_the_appliance(
    tmp_path: Path, bad: object
) -> None:
    assert callable(bad)
    with pytest.raises(EngineError, match=r"mine\.\w+ is not a model for (micro|open)Wake"):
        loaded(str(bad(tmp_path)))


class ModelAlone:
    """The part of the recognition service that the check of a wake word asks."""

    def __init__(self, models_directory: Path) -> None:
        folder = Store(models_directory).path_of("whisper-tiny.en")
        self._whisper = Whisper(folder, threads=1)

    def phrase_score(self, samples: Samples, phrase: str) -> float | None:
        return self._whisper.phrase_score(samples, phrase)


@pytest.fixture(scope="module")
def recognition(models_directory: Path) -> ModelAlone:
    return ModelAlone(models_directory)


def checked(recognition: ModelAlone, *words: str) -> CheckedWakeWords:
    found = wake_words.find(words, {})
    detectors = wake_words.load(found, first_look=True)
    return CheckedWakeWords(detectors, found, recognition)  # type: ignore[arg-type]


@pytest.mark.parametrize("word", WORDS)
def test_a_word_that_is_checked_twice_is_found_in_louder_noise(
    speech: Path, recognition: ModelAlone, word: str
) -> None:
    detector = checked(recognition, word)
    noise = sound_of(speech / "coffee" / "noise_kitchen.wav")
    said = [np.concatenate([sound_of(clip), SECOND]) for clip in wake_clips(speech, word)]
    for samples in said:
        assert {wake.word for wake in heard([detector], samples)} == {word}
    in_noise = [heard([detector], mixed(samples, noise, 10)) for samples in said]
    assert sum(map(bool, in_noise)) >= len(said) - 1


@pytest.mark.long
def test_of_many_people_nearly_all_wake_it_and_nobody_who_says_another_word(
    speech: Path, recognition: ModelAlone
) -> None:
    detector = checked(recognition, "alexa")
    noise = sound_of(speech / "coffee" / "noise_kitchen.wav")
    people = sorted((speech / "wake_people" / "alexa").glob("*.flac"))[::4]
    assert len(people) >= 25
    clean, noisy = 0, 0
    for clip in people:
        said = np.concatenate([sound_of(clip), SECOND])
        clean += bool(heard([detector], said))
        noisy += bool(heard([detector], mixed(said, noise, 10)))
    assert clean >= 0.97 * len(people) - 1
    assert noisy >= 0.92 * len(people)
    for word in ("computer", "jarvis"):
        for clip in sorted((speech / "wake_people" / word).glob("*.flac"))[::2]:
            assert heard([detector], np.concatenate([sound_of(clip), SECOND])) == [], clip.name


def test_a_part_of_a_wake_word_is_not_the_wake_word(speech: Path, recognition: ModelAlone) -> None:
    detector = checked(recognition, "hey_jarvis")
    noise = sound_of(speech / "coffee" / "noise_kitchen.wav")
    for clip in sorted((speech / "wake_people" / "jarvis").glob("*.flac"))[::2]:
        said = mixed(np.concatenate([sound_of(clip), SECOND]), noise, 10)
        assert heard([detector], said) == [], clip.name
