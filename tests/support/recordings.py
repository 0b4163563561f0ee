"""Recordings of people, and of a kitchen, for tests of what is heard."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from appliance.audio.decode import decode

if TYPE_CHECKING:
    from pathlib import Path

    from appliance.values import Samples

WORDS = ("okay_nabu", "hey_jarvis", "hey_mycroft", "alexa")
"""Wake words that both packages carry."""

LOUDEST = 0.5
"""Peak of a mixture."""


def wake_clips(speech: Path, word: str) -> list[Path]:
    """The recordings of a wake word."""
    folder = speech / "wake"
    return sorted([*(folder / word).glob("*.wav"), *folder.glob(f"{word}_test.wav")])


def sound_of(file: Path) -> Samples:
    """A recording's samples."""
    return decode(file, maximum_seconds=600.0)


def mixed(speech: Samples, noise: Samples, decibels: float) -> Samples:
    """Speech in noise, by the largest energy of any 2048 samples of each."""
    noise = np.resize(noise, len(speech))
    gain = np.sqrt(_largest_energy(speech) / _largest_energy(noise) / 10 ** (decibels / 10))
    both = speech + gain * noise
    louder: Samples = (both * LOUDEST / np.abs(both).max()).astype(np.float32)
    return louder


def _largest_energy(samples: Samples) -> float:
    whole = len(samples) // 2048 * 2048
    return float((samples[:whole].reshape(-1, 2048) ** 2).sum(axis=1).max())
