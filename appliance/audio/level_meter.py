"""How loud it is: level, clipping and noise floor of what the microphone hears."""

from __future__ import annotations

import math
from collections import deque
from typing import TYPE_CHECKING

import numpy as np

from appliance.protocols import FRAME_SAMPLES
from appliance.values import SAMPLE_RATE, SoundLevel

if TYPE_CHECKING:
    from appliance.values import Samples

WINDOW_SECONDS = 10.0
"""Sound that the figures are about; `health` comes about as often."""

QUIETEST = 0.1
"""Share of the frames that counts as the room by itself."""

FULL_SCALE = 0.999
"""A sample at least so large has been cut off by the converter."""

FAINTEST_DBFS = -120.0
"""Shown for exact silence, which has no logarithm."""


class LevelMeter:
    """Follows the level of the last ten seconds; one thread feeds it, any may read it."""

    def __init__(self) -> None:
        frames = round(WINDOW_SECONDS * SAMPLE_RATE / FRAME_SAMPLES)
        self._frames: deque[tuple[float, float, float]] = deque(maxlen=frames)

    def feed(self, frame: Samples) -> None:
        """Take FRAME_SAMPLES samples."""
        size = np.abs(frame)
        # The deviation, not the energy: cheap microphones add a constant to every sample.
        clipped = float(np.count_nonzero(size >= FULL_SCALE)) / len(frame)
        self._frames.append((float(np.std(frame)), float(size.max()), clipped))

    def reset(self) -> None:
        """Forget what was heard: it came from another device, or from before a gap."""
        self._frames.clear()

    def level(self) -> SoundLevel | None:
        """The figures, or None where nothing was heard yet."""
        frames = list(self._frames)
        if not frames:
            return None
        loudness, peaks, clipped = np.array(frames, dtype=np.float64).T
        return SoundLevel(
            level_dbfs=decibels(float(np.sqrt(np.mean(loudness**2)))),
            peak_dbfs=decibels(float(peaks.max())),
            noise_floor_dbfs=decibels(float(np.quantile(loudness, QUIETEST))),
            clipped_share=round(float(clipped.mean()), 5),
        )


def decibels(amplitude: float) -> float:
    """Below full scale; a whole tenth is all that a microphone can tell."""
    if amplitude <= 0.0:
        return FAINTEST_DBFS
    return max(FAINTEST_DBFS, round(20 * math.log10(amplitude), 1))
