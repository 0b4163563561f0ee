"""Caches a model's encoded silence on disk, because computing it takes a board seconds."""

from __future__ import annotations

import hashlib
import io
from typing import TYPE_CHECKING

import numpy as np

from appliance.engines.disk_cache import DiskCache

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from numpy.typing import NDArray

SAMPLED_PLACES, SAMPLED_BYTES = 64, 1 << 14
"""Number of places that the fingerprint of the weights reads, and bytes at each. Other weights
differ there, and reading the whole file would take a second."""


def cached_or_computed(
    folder: Path, weights: Path, version: str, compute: Callable[[], NDArray[np.float32]]
) -> NDArray[np.float32]:
    """The saved array for these weights, otherwise the result of `compute`, which is saved.

    Args:
        folder: of the cache.
        weights: the model's file.
        version: what else the array depends on.
        compute: the slow way.

    """
    cache, key = DiskCache(folder, "silence-{}"), _key(weights, version)
    data = cache.load(key)
    if data is not None:
        array: NDArray[np.float32] = np.load(io.BytesIO(data), allow_pickle=False)
        return array
    array = compute()
    stream = io.BytesIO()
    np.save(stream, array, allow_pickle=False)
    cache.save(key, stream.getvalue())
    return array


def _key(weights: Path, version: str) -> str:
    size = weights.stat().st_size
    digest = hashlib.sha256(f"{version} {size}".encode())
    with weights.open("rb") as file:
        for place in range(SAMPLED_PLACES):
            file.seek(max(0, size - SAMPLED_BYTES) * place // (SAMPLED_PLACES - 1))
            digest.update(file.read(SAMPLED_BYTES))
    return digest.hexdigest()[:32]
