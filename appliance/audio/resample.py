"""Resampling: the only file that imports soxr."""

from __future__ import annotations

from typing import TYPE_CHECKING

import soxr

if TYPE_CHECKING:
    from appliance.values import Samples


class Resampler:
    """Resamples a stream block by block."""

    def __init__(self, from_rate: float, to_rate: float) -> None:
        """Rates in hertz; blocks may have any length."""
        self._stream = soxr.ResampleStream(from_rate, to_rate, 1, dtype="float32")

    def feed(self, block: Samples) -> Samples:
        """Take a block; return the samples that are ready."""
        resampled: Samples = self._stream.resample_chunk(block)
        return resampled

    @property
    def delay(self) -> float:
        """Samples, at the new rate, that are not ready yet."""
        return float(self._stream.delay())


def resampled(samples: Samples, from_rate: float, to_rate: float) -> Samples:
    """A whole sound at another rate."""
    if from_rate == to_rate:
        return samples
    changed: Samples = soxr.resample(samples, from_rate, to_rate)
    return changed
