"""Sound as a client sends it, to frames of the rate that the appliance works with."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from appliance.audio.resample import Resampler
from appliance.protocols import FRAME_SAMPLES
from appliance.values import SAMPLE_RATE

if TYPE_CHECKING:
    from collections.abc import Iterator

    from appliance.values import Samples

BYTES_PER_SAMPLE = 2
FULL_SCALE = np.float32(32768)


class PcmFrames:
    """Linear PCM of 16 bits in, mono frames of FRAME_SAMPLES at SAMPLE_RATE out."""

    def __init__(self, rate: int, channels: int) -> None:
        self._channels = channels
        self._resampler = None if rate == SAMPLE_RATE else Resampler(rate, SAMPLE_RATE)
        self._bytes = b""
        """Bytes of an incomplete sample."""
        self._samples: Samples = np.zeros(0, dtype=np.float32)

    def feed(self, pcm: bytes) -> Iterator[Samples]:
        """Take a piece of any length; yields the frames that are complete with it."""
        pcm = self._bytes + pcm
        whole = len(pcm) - len(pcm) % (BYTES_PER_SAMPLE * self._channels)
        self._bytes = pcm[whole:]
        sound = np.frombuffer(pcm[:whole], "<i2").astype(np.float32) / FULL_SCALE
        mono: Samples = sound.reshape(-1, self._channels).mean(axis=1, dtype=np.float32)
        if self._resampler is not None:
            mono = self._resampler.feed(mono)
        samples = np.concatenate((self._samples, mono))
        whole = len(samples) - len(samples) % FRAME_SAMPLES
        self._samples = samples[whole:]
        yield from samples[:whole].reshape(-1, FRAME_SAMPLES)

    def rest(self) -> Samples:
        """The rest at the end, padded with silence to one frame."""
        return np.pad(self._samples, (0, FRAME_SAMPLES - len(self._samples)))


def pcm_of(samples: Samples) -> bytes:
    """Sound as linear PCM of 16 bits."""
    clipped = np.clip(samples * FULL_SCALE, -FULL_SCALE, FULL_SCALE - 1)
    return bytes(clipped.astype("<i2").tobytes())
