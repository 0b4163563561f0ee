"""Sound at another rate: the only file that imports soxr."""

from __future__ import annotations

from typing import TYPE_CHECKING

import soxr

if TYPE_CHECKING:
    from appliance.values import Samples


class Resampler:
    """Changes the rate of a stream that comes in pieces."""

    def __init__(self, from_rate: float, to_rate: float) -> None:
        """Rates in hertz; the pieces may have any length."""
        self._stream = soxr.ResampleStream(from_rate, to_rate, 1, dtype="float32")

    def feed(self, piece: Samples) -> Samples:
        """What can be given of the sound so far."""
        resampled: Samples = self._stream.resample_chunk(piece)
        return resampled

    @property
    def delay(self) -> float:
        """Samples, at the new rate, that are held back."""
        return float(self._stream.delay())


def resampled(samples: Samples, from_rate: float, to_rate: float) -> Samples:
    """A whole sound at another rate."""
    if from_rate == to_rate:
        return samples
    changed: Samples = soxr.resample(samples, from_rate, to_rate)
    return changed
