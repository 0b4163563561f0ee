"""Earcons: short signals made of sine tones."""

from __future__ import annotations

import enum

import numpy as np

from appliance.values import SAMPLE_RATE, Samples

AMPLITUDE = 0.25

FADE_SECONDS = 0.01
"""Seconds of fading in and out, without which a tone begins and ends with a click."""


class Earcon(enum.Enum):
    """A message as tones of (hertz, seconds); 0 hertz is silence."""

    LISTENING = ((660.0, 0.07), (880.0, 0.09))
    """Rising: speak now."""
    UNDERSTOOD = ((880.0, 0.08),)
    NOTHING = ((880.0, 0.07), (660.0, 0.09))
    """Falling: nothing was heard, or nothing that is one of the sentences."""
    STOPPED = ((440.0, 0.12),)
    RING = ((880.0, 0.12), (0.0, 0.04), (1047.0, 0.12), (0.0, 0.04), (1319.0, 0.2))
    """A timer or an alarm: three rising tones."""
    FAULT = ((330.0, 0.15), (0.0, 0.08), (330.0, 0.15))


def sound_of(earcon: Earcon) -> Samples:
    """The sound at SAMPLE_RATE."""
    return np.concatenate([_tone(hertz, seconds) for hertz, seconds in earcon.value])


def _tone(hertz: float, seconds: float) -> Samples:
    time_s = np.arange(round(seconds * SAMPLE_RATE)) / SAMPLE_RATE
    tone = AMPLITUDE * np.sin(2 * np.pi * hertz * time_s)
    fade = np.minimum(1.0, np.minimum(time_s, time_s[::-1]) / FADE_SECONDS)
    return (tone * fade).astype(np.float32)
