"""Level meter: level, peak, noise floor and clipping of the microphone's signal, in dBFS."""

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
"""Seconds of sound that the figures describe, about the interval of `health`."""

NOISE_FLOOR_QUANTILE = 0.1
"""Percentile of the frames' loudness that is taken for the room without speech."""

CLIPPED_FROM = 0.999
"""A sample of at least this size was clipped by the converter."""

NEWEST_FRAMES = 8
"""Number of frames, 32 ms each, that a moving display of the level shows."""

MINIMUM_DBFS = -120.0
"""Stands for exact silence, which has no logarithm."""


class LevelMeter:
    """Measures the last ten seconds; one thread feeds it, any thread may read it."""

    def __init__(self) -> None:
        frames = round(WINDOW_SECONDS * SAMPLE_RATE / FRAME_SAMPLES)
        self._frames: deque[tuple[float, float, float]] = deque(maxlen=frames)

    def feed(self, frame: Samples) -> None:
        """Take FRAME_SAMPLES samples."""
        size = np.abs(frame)
        # The standard deviation, because cheap microphones add a constant to every sample.
        clipped = float(np.count_nonzero(size >= CLIPPED_FROM)) / len(frame)
        self._frames.append((float(np.std(frame)), float(size.max()), clipped))

    def reset(self) -> None:
        """Forget the frames, which are of another device, or from before a gap."""
        self._frames.clear()

    def newest_dbfs(self) -> float | None:
        """The level of the last quarter of a second; None before the first frame."""
        frames = list(self._frames)[-NEWEST_FRAMES:]
        return decibels(max(loudness for loudness, _, _ in frames)) if frames else None

    def level(self) -> SoundLevel | None:
        """The figures, or None before the first frame."""
        frames = list(self._frames)
        if not frames:
            return None
        loudness, peaks, clipped = np.array(frames, dtype=np.float64).T
        return SoundLevel(
            level_dbfs=decibels(float(np.sqrt(np.mean(loudness**2)))),
            peak_dbfs=decibels(float(peaks.max())),
            noise_floor_dbfs=decibels(float(np.quantile(loudness, NOISE_FLOOR_QUANTILE))),
            clipped_share=round(float(clipped.mean()), 5),
        )


def decibels(amplitude: float) -> float:
    """Decibels below full scale, in tenths: no microphone is more exact."""
    if amplitude <= 0.0:
        return MINIMUM_DBFS
    return max(MINIMUM_DBFS, round(20 * math.log10(amplitude), 1))
