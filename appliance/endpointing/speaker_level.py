"""Foreground speaker level: measures the speaker's loudness to tell background speech from it."""

from __future__ import annotations

import numpy as np

BACKGROUND_FRAME_RATIO = 0.2
"""A frame below this share of the speaker's loudest one (-14 dB) may be somebody else's speech."""

PEAK_DECAY = 0.997
"""Decay per frame of the loudest frame's level: half after 7 s, for a speaker who turns away."""

LEVEL_FRAMES = 31
"""Number of frames (1 s) for the speaker's level, which is that of the loudest second of speech."""

LEVEL_PERCENTILE = 90.0
"""Percentile of the frames' loudness that is the level of a stretch of speech: its vowels."""

BACKGROUND_RATIO = 0.53
"""Speech below this share of the speaker's level (-5.5 dB) is somebody else's, or no longer for the
appliance. A speaker's level falls this much for a second, but not for SPEAKER_GONE_FRAMES: in sixty
orders, clean and in kitchen noise, it fell by 3.5 dB at most. Somebody else who is 3 dB fainter has
-6.7 dB or less, because both voices together were louder before and vowels differ in loudness."""

BACKGROUND_FRAMES = 16
"""Frames of background speech (0.5 s) after which the speaker may have finished before them."""

SPEAKER_GONE_FRAMES = 94
"""Frames of background speech (3 s) after which the speaker has finished in any case."""


class SpeakerLevel:
    """Follows the loudness (root mean square, 0.0 to 1.0) of the frames of one utterance."""

    def __init__(self) -> None:
        self._peak = 0.0
        self._speech: list[float] = []
        self._level = 0.0

    def begin(self, loudness: float) -> None:
        """Begin an utterance, perhaps of another speaker; `loudness` is that of its first frame."""
        self._peak, self._speech, self._level = loudness, [], 0.0

    def is_background_frame(self, loudness: float) -> bool:
        """Take any frame; return whether it is too faint to be certainly the speaker's."""
        self._peak = max(loudness, self._peak * PEAK_DECAY)
        return loudness < self._peak * BACKGROUND_FRAME_RATIO

    def add_speech(self, loudness: float) -> None:
        """Take a frame with speech; pauses do not affect the level."""
        self._speech.append(loudness)
        if len(self._speech) >= LEVEL_FRAMES:
            self._level = max(self._level, self._recent(LEVEL_FRAMES))

    def is_background(self, frames: int) -> bool:
        """Whether the last `frames` of speech, as a whole, are below the speaker's level."""
        enough = len(self._speech) >= LEVEL_FRAMES + frames
        return enough and self._recent(frames) < BACKGROUND_RATIO * self._level

    def _recent(self, frames: int) -> float:
        return float(np.percentile(self._speech[-frames:], LEVEL_PERCENTILE))
