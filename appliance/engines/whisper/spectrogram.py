"""Prepares audio for Whisper: log-mel spectrogram, silence cut off, long audio cut into pieces."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from appliance.values import SAMPLE_RATE

if TYPE_CHECKING:
    from appliance.values import Samples

WINDOW = 400
"""Samples in one Fourier window, 25 ms."""

HOP = 160
"""Samples between frames, 10 ms."""

Mel = NDArray[np.float32]
"""Shape (mel bands, frames); frames even, as the encoder halves them."""


def log_mel(samples: Samples, bands: int) -> Mel:
    """The spectrogram that Whisper was trained on (Radford et al. 2022, section 2.2).

    A frame is added if the number would be odd.
    """
    frames = -(-len(samples) // (2 * HOP)) * 2
    padded = np.pad(samples, (0, frames * HOP - len(samples)))
    padded = np.pad(padded, WINDOW // 2, mode="reflect")
    views = sliding_window_view(padded, WINDOW)[: frames * HOP : HOP]
    power = np.abs(np.fft.rfft(views * _hann(), axis=1)).astype(np.float32) ** 2
    mel = np.log10(np.maximum(_filters(bands) @ power.T, 1e-10))
    floored = np.maximum(mel, mel.max() - 8.0)
    return np.ascontiguousarray((floored + 4.0) / 4.0, dtype=np.float32)


@cache
def _hann() -> NDArray[np.float32]:
    return np.hanning(WINDOW + 1)[:-1].astype(np.float32)


@cache
def _filters(bands: int) -> NDArray[np.float32]:
    """Slaney's mel scale: linear to 1 kHz, logarithmic above; all bands have the same area."""
    edges = _hertz(np.linspace(0.0, _mels(SAMPLE_RATE / 2), bands + 2))
    bins = np.linspace(0.0, SAMPLE_RATE / 2, WINDOW // 2 + 1)
    rising = (bins - edges[:-2, None]) / (edges[1:-1] - edges[:-2])[:, None]
    falling = (edges[2:, None] - bins) / (edges[2:] - edges[1:-1])[:, None]
    triangles = np.maximum(0.0, np.minimum(rising, falling))
    return (triangles * (2.0 / (edges[2:] - edges[:-2]))[:, None]).astype(np.float32)


_KNEE_HERTZ = 1000.0
_KNEE_MELS = 15.0
_LOG_STEP = np.log(6.4) / 27.0


def _mels(hertz: float) -> float:
    """Mels of a frequency above the knee."""
    return float(_KNEE_MELS + np.log(hertz / _KNEE_HERTZ) / _LOG_STEP)


def _hertz(mels: NDArray[np.float64]) -> NDArray[np.float64]:
    above = _KNEE_HERTZ * np.exp(_LOG_STEP * (mels - _KNEE_MELS))
    return np.where(mels < _KNEE_MELS, mels * (_KNEE_HERTZ / _KNEE_MELS), above)


QUIET_DB = 40.0
"""Decibels below the loudest 10 ms frames; quieter audio at either end is cut off."""

BEFORE_S, AFTER_S = 0.25, 0.35
"""Seconds kept at either end, for soft consonants and for the silence that makes the decoder
end."""


def without_silence(samples: Samples) -> Samples:
    """The audio from its first to its last loud frame; a view."""
    count = len(samples) // HOP
    if count == 0:
        return samples
    energy = np.square(samples[: count * HOP]).reshape(count, HOP).mean(axis=1)
    smooth = np.convolve(energy, np.full(5, 0.2, np.float32), mode="same")
    loud = np.flatnonzero(smooth > np.quantile(smooth, 0.98) * 10 ** (-QUIET_DB / 10))
    if not len(loud):
        return samples
    begin = max(0, int(loud[0]) * HOP - int(BEFORE_S * SAMPLE_RATE))
    end = (int(loud[-1]) + 1) * HOP + int(AFTER_S * SAMPLE_RATE)
    return samples[begin:end]


LONGEST_S = 28.0
"""Maximum length of a piece of long audio, in seconds; Whisper knows positions up to 30 s."""


def pieces(samples: Samples) -> list[Samples]:
    """Long audio cut where it is quietest, each piece at most LONGEST_S."""
    found: list[Samples] = []
    longest = int(LONGEST_S * SAMPLE_RATE)
    while len(samples) > longest:
        low = longest // 2
        block = SAMPLE_RATE // 5
        count = (longest - low) // block
        energy = np.square(samples[low : low + count * block]).reshape(count, block).sum(axis=1)
        cut = low + int(np.argmin(energy)) * block + block // 2
        found.append(samples[:cut])
        samples = samples[cut:]
    return [*found, samples]
