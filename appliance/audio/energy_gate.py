"""Energy gate: only frames above the noise floor go to the voice activity detector."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from appliance.values import Samples

OPEN_RATIO = 1.5
"""Factor of the noise floor (3.5 dB) that opens the gate; speech as loud as the noise passes it."""

MINIMUM_LOUDNESS = 1e-4
"""Loudness (-80 dBFS, three steps of a 16-bit sample) below which no speech is understood."""

FLOOR_RISE = 1.005
"""Factor of the noise floor per frame, 1.4 dB a second: slower than any sentence, and fast enough
to reach the level of a fan in a quarter of a minute."""

HANGOVER_FRAMES = 16
"""Frames (0.5 s) that the gate stays open after the last loud one."""


class EnergyGate:
    """Follows the noise floor, so that the detector does not run while nobody speaks.

    It only saves work: after it opens, the detector must get the frames from just before, too.
    """

    def __init__(self) -> None:
        self._floor = math.inf
        """The noise floor as a root mean square, 0.0 to 1.0; infinite before the first frame."""
        self._hangover_frames = HANGOVER_FRAMES

    def feed(self, frame: Samples) -> bool:
        """Whether this frame, or one just before it, is above the noise floor."""
        # The standard deviation, because cheap microphones add a constant to every sample.
        loudness = float(np.std(frame))
        self._floor = min(self._floor * FLOOR_RISE, loudness)
        # A floor of exact zeros (a muted microphone) cannot rise by a factor.
        self._floor = max(self._floor, MINIMUM_LOUDNESS / OPEN_RATIO)
        loud = loudness > self._floor * OPEN_RATIO
        self._hangover_frames = HANGOVER_FRAMES if loud else self._hangover_frames - 1
        return self._hangover_frames > 0
