"""How loud the talker is, and whether for a while only somebody fainter has been speaking."""

from __future__ import annotations

import numpy as np

NEAR = 31
"""Frames of speech (1 s) whose loudest second there was is the talker's level."""

LOUD = 90.0
"""Percentile of the frames' loudness that is the level of some speech: its vowels."""

FAINTER = 0.53
"""Times the talker's level (-5.5 dB) below which some speech is another's, or no longer meant for
us. For a second a talker's own level falls by as much, but not for LEFT frames: by 3.5 dB at most
in sixty orders, clean and in a kitchen's noise. Somebody else who is 3 dB fainter comes to -6.7 dB
or less, since both together were louder before, and since nobody's vowels are all alike."""

HUSH = 16
"""Frames of fainter speech (0.5 s) after which it is asked what was said before them."""

LEFT = 94
"""Frames of fainter speech (3 s) after which the talker has left off, whatever was said."""


class SpeakerLevel:
    """Fed the loudness of each frame of speech in a sentence; the rest of it is silence."""

    def __init__(self) -> None:
        self._heard: list[float] = []
        self._level = 0.0

    def begin(self) -> None:
        """Another sentence, perhaps another's."""
        self._heard, self._level = [], 0.0

    def hear(self, loudness: float) -> None:
        """Take the root mean square of a frame of speech."""
        self._heard.append(loudness)
        if len(self._heard) >= NEAR:
            self._level = max(self._level, self._recent(NEAR))

    def is_fainter(self, frames: int) -> bool:
        """Whether so many frames of speech were all in all fainter than the talker was."""
        enough = len(self._heard) >= NEAR + frames
        return enough and self._recent(frames) < FAINTER * self._level

    def _recent(self, frames: int) -> float:
        return float(np.percentile(self._heard[-frames:], LOUD))
