"""The shipped recordings with the real voice activity detector, and in real time."""

from __future__ import annotations

import json
import re
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from support.pipeline_parts import RecordedIntake

import appliance
from appliance.audio.decode import decode
from appliance.config import ListeningSettings
from appliance.demo.file_microphone import FileMicrophone
from appliance.dialogue.listener_control import ListenerControl
from appliance.endpointing.segmenter import segments_in, utterance_from
from appliance.engines.silero import Silero
from appliance.engines.whisper.model import Whisper
from appliance.listening.frames_to_utterances import FramesToUtterances
from appliance.listening.listener import Listener
from appliance.values import SAMPLE_RATE, Activity, MicrophoneState, Trigger, Utterance

SAMPLES = Path(appliance.__file__).parent / "samples"
MANIFEST: list[dict[str, Any]] = [
    json.loads(line) for line in (SAMPLES / "manifest.jsonl").read_text("utf-8").splitlines()
]

if TYPE_CHECKING:
    from appliance.values import Samples


def recording(name: str) -> Samples:
    return decode(SAMPLES / name, maximum_seconds=30)


def words(text: str) -> list[str]:
    """Lower case words, with numbers as digits: Whisper writes them in both ways."""
    digits = {"three": "3", "five": "5"}
    return [digits.get(word, word) for word in re.findall(r"[a-z]+|\d+", text.lower())]


@pytest.fixture(scope="module")
def silero() -> Silero:
    return Silero()


@pytest.fixture(scope="module")
def whisper(models_directory: Path) -> Whisper:
    return Whisper(models_directory / "whisper-tiny.en", threads=1)


def test_the_manifest_names_every_recording_and_no_other() -> None:
    assert sorted(line["audio"] for line in MANIFEST) == sorted(
        path.name for path in SAMPLES.glob("*.flac")
    )


@pytest.mark.parametrize("line", MANIFEST, ids=lambda line: line["audio"])
def test_a_shipped_recording_is_one_utterance_with_the_words_of_the_manifest(
    line: dict[str, Any], silero: Silero, whisper: Whisper
) -> None:
    samples = recording(line["audio"])
    utterance = utterance_from(samples, silero, ListeningSettings(), new_id="1")

    if line.get("outcome") == "no_speech":
        assert utterance.speech_seconds == 0.0
        return
    assert len(list(segments_in(samples, silero, ListeningSettings()))) == 1
    assert words(whisper.transcribe(utterance.samples, "en").text) == words(line["text"])


@pytest.mark.parametrize("loudness", [0.001, 0.03, 0.3])
def test_noise_is_not_speech(silero: Silero, loudness: float) -> None:
    noise = np.random.default_rng(3).standard_normal(5 * SAMPLE_RATE).astype(np.float32)
    utterance = utterance_from(loudness * noise, silero, ListeningSettings(), new_id="1")

    assert utterance.speech_seconds == 0.0


def test_a_reset_detector_gives_the_same_probabilities_as_a_new_one(silero: Silero) -> None:
    frames = np.split(recording("kitchen_light.flac")[: 40 * 512], 40)
    silero.reset()
    first = [silero.probability(frame) for frame in frames]
    silero.reset()

    assert [silero.probability(frame) for frame in frames] == pytest.approx(first, abs=1e-4)


def test_recordings_are_heard_in_real_time_as_from_a_microphone(silero: Silero) -> None:
    """Each is handed over before the next begins, so that results find their recording."""
    names = ["machine_fast.flac", "silence.flac", "kitchen_light.flac"]
    playing: list[int] = []
    heard: list[tuple[int, Utterance]] = []

    def take(utterance: Utterance) -> bool:
        heard.append((playing[-1], utterance))
        return True

    sounds = [recording(name) for name in names]
    microphone = FileMicrophone(sounds, silence_seconds=1.0, on_recording=playing.append)
    intake = RecordedIntake(take)
    listening = FramesToUtterances(
        silero,
        ListeningSettings(),
        intake,
        always=Trigger.SAMPLE,
    )
    listener = Listener(microphone, listening, ListenerControl())
    began = time.monotonic()
    listener.start()
    while not microphone.ended.is_set():
        listener.turn()
    took = time.monotonic() - began
    listener.stop()

    assert took >= sum(map(len, sounds)) / SAMPLE_RATE + 3 * 1.0
    assert playing == [0, 1, 2]
    assert [index for index, _ in heard] == [0, 2]
    assert intake.activities == [Activity.LISTENING, Activity.IDLE] * 2
    assert all(utterance.trigger is Trigger.SAMPLE for _, utterance in heard)
    assert began < heard[0][1].speech_ended < heard[1][1].speech_ended <= began + took
    assert microphone.state is MicrophoneState.ABSENT


def test_after_the_last_recording_read_waits_and_returns_none() -> None:
    microphone = FileMicrophone([np.zeros(100, np.float32)], silence_seconds=0.0)
    microphone.open()
    assert microphone.read(1.0) is not None
    assert microphone.read(0.05) is None
    assert microphone.ended.is_set()

    began = time.monotonic()
    assert microphone.read(0.05) is None
    assert time.monotonic() - began >= 0.05


def test_a_closed_file_microphone_continues_its_recording_when_it_is_opened_again() -> None:
    microphone = FileMicrophone(
        [np.linspace(0.0, 0.5, 2048, endpoint=False, dtype=np.float32)], silence_seconds=0.0
    )
    microphone.open()
    first = microphone.read(1.0)
    microphone.close()
    assert microphone.read(0.05) is None
    microphone.open()
    second = microphone.read(1.0)

    assert first is not None
    assert second is not None
    assert second[0] == pytest.approx(0.125)


def test_a_pause_inside_an_order_does_not_cut_it(speech: Path, silero: Silero) -> None:
    for path in sorted((speech / "coffee").glob("*-*.wav"))[:10]:
        samples = np.pad(decode(path, maximum_seconds=30), SAMPLE_RATE)

        assert len(list(segments_in(samples, silero, ListeningSettings()))) == 1, path.name
