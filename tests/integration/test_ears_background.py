"""A talker with a television behind: the sentence ends, and in time. Recorded sound throughout."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

import numpy as np
import pytest
from clips import sound_of
from owner import SAMPLES

from appliance.audio.segmenter import Segmenter
from appliance.config import Listening
from appliance.engines.silero import Silero
from appliance.protocols import FRAME_SAMPLES
from appliance.values import SAMPLE_RATE

if TYPE_CHECKING:
    from appliance.values import Samples

TALK_SECONDS = 4.0
"""Of the weather report, without the silence around it."""


def television(seconds: float) -> Samples:
    """Somebody who talks on and on."""
    talk = sound_of(SAMPLES / "weather_talk.flac")
    loud = np.flatnonzero(np.abs(talk) > 0.05 * np.abs(talk).max())
    talk = talk[loud[0] : loud[-1]][: int(TALK_SECONDS * SAMPLE_RATE)]
    return np.resize(talk, int(seconds * SAMPLE_RATE))


def ended_after(decibels: float) -> float:
    """Seconds from the last of the sentence to where it is taken to be over."""
    said = sound_of(SAMPLES / "kitchen_light.flac")
    last = np.flatnonzero(np.abs(said) > 0.05 * np.abs(said).max())[-1]
    behind = television(20.0)
    behind *= 10 ** (decibels / 20) * float(np.std(said) / np.std(behind))
    room = behind.copy()
    room[: len(said)] += said
    segmenter = Segmenter(Silero(), Listening())
    segmenter.reset()
    for start in itertools.count(0, FRAME_SAMPLES):
        if segmenter.feed(np.asarray(room[start : start + FRAME_SAMPLES], np.float32)):
            return float(start - last) / SAMPLE_RATE
    raise AssertionError


@pytest.mark.parametrize(("decibels", "seconds"), [(-18.0, 3.0), (-12.0, 3.0), (0.0, 15.0)])
def test_a_television_behind_the_talker_does_not_keep_the_ear_open(
    decibels: float, seconds: float
) -> None:
    assert ended_after(decibels) <= seconds
