"""A speaker with a television in the background: the utterance ends in time. All recorded sound."""

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
"""Length of the weather report without the silence around it."""


def television(seconds: float) -> Samples:
    """Somebody who talks without end."""
    talk = sound_of(SAMPLES / "weather_talk.flac")
    loud = np.flatnonzero(np.abs(talk) > 0.05 * np.abs(talk).max())
    talk = talk[loud[0] : loud[-1]][: int(TALK_SECONDS * SAMPLE_RATE)]
    return np.resize(talk, int(seconds * SAMPLE_RATE))


def level(samples: Samples) -> float:
    """The root mean square of the vowels."""
    frames = samples[: len(samples) // FRAME_SAMPLES * FRAME_SAMPLES].reshape(-1, FRAME_SAMPLES)
    return float(np.percentile(frames.std(axis=1), 80))


def without_silence(said: Samples) -> Samples:
    loud = np.flatnonzero(np.abs(said) > 0.05 * np.abs(said).max())
    return said[max(0, loud[0] - SAMPLE_RATE // 4) : loud[-1]]


def heard_with(
    said: Samples, background: Samples, verdicts: AtOnce | None = None
) -> tuple[float, Samples]:
    """Seconds from the end of the sentence to the endpoint, and the sound of the utterance."""
    mixed = background.copy()
    mixed[: len(said)] += said
    segmenter = Segmenter(Silero(), ListeningSettings(), verdicts)
    segmenter.reset()
    for start in itertools.count(0, FRAME_SAMPLES):
        frame = np.asarray(mixed[start : start + FRAME_SAMPLES], np.float32)
        for segment in segmenter.add_frame(frame):
            return float(start - len(said)) / SAMPLE_RATE, segment.samples
    raise AssertionError


def ended_after(decibels: float) -> float:
    said = without_silence(sound_of(SAMPLES / "kitchen_light.flac"))
    background = television(20.0)
    background *= 10 ** (decibels / 20) * level(said) / level(background)
    return heard_with(said, background)[0]


@pytest.mark.parametrize(
    ("decibels", "seconds"), [(-18.0, 3.0), (-12.0, 3.5), (-6.0, 3.5), (-3.0, 8.0), (0.0, 15.1)]
)
def test_a_television_in_the_background_does_not_keep_the_utterance_open(
    decibels: float, seconds: float
) -> None:
    assert ended_after(decibels) <= seconds


@pytest.mark.parametrize(
    ("order", "most"),
    [
        pytest.param(38, 2.0, id="recognised while the other continues"),
        pytest.param(4, 3.5, id="recognised after the speaker has stopped"),
    ],
)
def test_a_whole_sentence_is_over_although_a_speaker_half_as_loud_goes_on(
    order: int, most: float, speech: Path, models_directory: Path
) -> None:
    whisper = Whisper(models_directory / "whisper-tiny.en", threads=1)
    recogniser = GrammarRecogniser(whisper, limits=RejectionLimits(), calibration=Calibration())
    sentences = SentenceSet("en", coffee_intents(), {})
    early = EarlyRecogniser(recogniser)
    spoken, slots = coffee_orders(speech)[order]
    said = without_silence(spoken)
    background = television(25.0)
    background *= 10 ** (-6.0 / 20) * level(said) / level(background)
    seconds, sound = heard_with(said, background, AtOnce(early, sentences))
    result = recognised(early, recogniser, sound, sentences)

    assert 0.0 <= seconds <= most
    assert [intent.slots for intent in result.intents] == [slots]
