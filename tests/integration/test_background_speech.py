"""A talker with a television behind: the sentence ends, and in time. Recorded sound throughout."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

import numpy as np
import pytest
from measure.endings import AtOnce, recognised
from measure.recordings import coffee_intents, coffee_orders
from support.daemon_process import SAMPLES
from support.recordings import sound_of

from appliance.config import ListeningSettings
from appliance.decoding.calibration import Calibration
from appliance.decoding.sentence_recogniser import RejectionLimits
from appliance.endpointing.segmenter import Segmenter
from appliance.engines.silero import Silero
from appliance.engines.whisper.model import Whisper
from appliance.protocols import FRAME_SAMPLES
from appliance.recognition.early_recogniser import EarlyRecogniser
from appliance.recognition.grammar_recogniser import GrammarRecogniser
from appliance.sentences.sentence_set import SentenceSet
from appliance.values import SAMPLE_RATE

if TYPE_CHECKING:
    from pathlib import Path

    from appliance.values import Samples

TALK_SECONDS = 4.0
"""Of the weather report, without the silence around it."""


def television(seconds: float) -> Samples:
    """Somebody who talks on and on."""
    talk = sound_of(SAMPLES / "weather_talk.flac")
    loud = np.flatnonzero(np.abs(talk) > 0.05 * np.abs(talk).max())
    talk = talk[loud[0] : loud[-1]][: int(TALK_SECONDS * SAMPLE_RATE)]
    return np.resize(talk, int(seconds * SAMPLE_RATE))


def level(samples: Samples) -> float:
    """Of the vowels."""
    frames = samples[: len(samples) // FRAME_SAMPLES * FRAME_SAMPLES].reshape(-1, FRAME_SAMPLES)
    return float(np.percentile(frames.std(axis=1), 80))


def without_silence(said: Samples) -> Samples:
    loud = np.flatnonzero(np.abs(said) > 0.05 * np.abs(said).max())
    return said[max(0, loud[0] - SAMPLE_RATE // 4) : loud[-1]]


def heard_in_a_room(
    said: Samples, behind: Samples, meaning: AtOnce | None = None
) -> tuple[float, Samples]:
    """Seconds from the last of the sentence to where it is taken to be over, and its sound."""
    room = behind.copy()
    room[: len(said)] += said
    segmenter = Segmenter(Silero(), ListeningSettings(), meaning)
    segmenter.reset()
    for start in itertools.count(0, FRAME_SAMPLES):
        frame = np.asarray(room[start : start + FRAME_SAMPLES], np.float32)
        for segment in segmenter.feed(frame):
            return float(start - len(said)) / SAMPLE_RATE, segment.samples
    raise AssertionError


def ended_after(decibels: float) -> float:
    said = without_silence(sound_of(SAMPLES / "kitchen_light.flac"))
    behind = television(20.0)
    behind *= 10 ** (decibels / 20) * level(said) / level(behind)
    return heard_in_a_room(said, behind)[0]


@pytest.mark.parametrize(
    ("decibels", "seconds"), [(-18.0, 3.0), (-12.0, 3.5), (-6.0, 3.5), (-3.0, 8.0), (0.0, 15.1)]
)
def test_a_television_behind_the_talker_does_not_keep_the_ear_open(
    decibels: float, seconds: float
) -> None:
    assert ended_after(decibels) <= seconds


@pytest.mark.parametrize(
    ("order", "most"),
    [
        pytest.param(38, 2.0, id="understood while the other talks on"),
        pytest.param(24, 3.5, id="understood once the talker has left off"),
    ],
)
def test_a_whole_sentence_is_over_although_somebody_half_as_loud_talks_on(
    order: int, most: float, speech: Path, models_directory: Path
) -> None:
    whisper = Whisper(models_directory / "whisper-tiny.en", threads=1)
    recogniser = GrammarRecogniser(
        whisper, limits=RejectionLimits(), calibration=Calibration(), cache=None
    )
    sentences = SentenceSet("en", coffee_intents(), {})
    early = EarlyRecogniser(recogniser)
    spoken, slots = coffee_orders(speech)[order]
    said = without_silence(spoken)
    behind = television(25.0)
    behind *= 10 ** (-6.0 / 20) * level(said) / level(behind)
    seconds, sound = heard_in_a_room(said, behind, AtOnce(early, sentences))
    result = recognised(early, recogniser, sound, sentences)

    assert 0.0 <= seconds <= most
    assert result.intent is not None
    assert result.intent.slots == slots
