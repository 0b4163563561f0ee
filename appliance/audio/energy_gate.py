"""Whether a frame is worth asking the speech detector about: louder than the room is."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from appliance.values import Samples

LOUDER = 1.5
"""Times the room's floor (3.5 dB) that open the gate; speech as loud as the noise passes it."""

FAINTEST = 1e-4
"""Loudness (-80 dBFS, three steps of a 16-bit sample) below which nobody can be understood."""

RISE = 1.005
"""Growth of the floor per frame, 1.4 dB a second: slower than any sentence, fast enough to
have learned a fan after a quarter of a minute."""

HANG = 16
"""Frames (0.5 s) that the gate stays open after the last loud one."""


class EnergyGate:
    """Follows the loudness of the room; without it an idle room costs as much as a busy one.

    It only saves work: frames held back must be given to the detector once the gate opens.
    """

    def __init__(self) -> None:
        self.floor = math.inf
        """Loudness of the quiet room, 0.0 to 1.0; infinite before the first frame."""
        self._hang = HANG

    def feed(self, frame: Samples) -> bool:
        """Whether something may be heard in this frame or was just before it."""
        # The deviation, not the energy: cheap microphones add a constant to every sample.
        loudness = float(np.std(frame))
        self.floor = min(self.floor * RISE, loudness)
        # A floor of exact zeros (a muted microphone) could not rise again by multiplying.
        self.floor = max(self.floor, FAINTEST / LOUDER)
        self._hang = HANG if loudness > self.floor * LOUDER else self._hang - 1
        return self._hang > 0
