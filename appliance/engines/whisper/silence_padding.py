"""Keeps a model's encoded silence on disk: to compute it takes a board seconds at each start."""

from __future__ import annotations

import contextlib
import hashlib
import io
import os
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from numpy.typing import NDArray

SAMPLED_PLACES, SAMPLED_BYTES = 64, 1 << 14
"""The fingerprint of the weights reads so many bytes at so many places: other weights differ there,
and reading the whole file would take a second."""

KEPT = 4
"""Files: for the two models that an owner may use, and for the two before them."""

_DIGEST_BYTES = 32


def cached_or_computed(
    folder: Path, weights: Path, version: str, compute: Callable[[], NDArray[np.float32]]
) -> NDArray[np.float32]:
    """The array that `folder` has for these weights, else the result of `compute`, saved there.

    Args:
        folder: is created if needed; if it cannot be written, the array is computed each time.
        weights: the model's file.
        version: what else the array depends on.
        compute: the slow way.

    """
    path = folder / f"silence-{_key(weights, version)}"
    array = _load(path)
    if array is None:
        array = compute()
        _save(path, array)
    return array


def _key(weights: Path, version: str) -> str:
    size = weights.stat().st_size
    digest = hashlib.sha256(f"{version} {size}".encode())
    with weights.open("rb") as file:
        for place in range(SAMPLED_PLACES):
            file.seek(max(0, size - SAMPLED_BYTES) * place // (SAMPLED_PLACES - 1))
            digest.update(file.read(SAMPLED_BYTES))
    return digest.hexdigest()[:32]


def _load(path: Path) -> NDArray[np.float32] | None:
    try:
        data = path.read_bytes()
        if hashlib.sha256(data[_DIGEST_BYTES:]).digest() != data[:_DIGEST_BYTES]:
            return None  # cut off by a power failure, or damaged on the card
        array: NDArray[np.float32] = np.load(io.BytesIO(data[_DIGEST_BYTES:]), allow_pickle=False)
    except (OSError, ValueError, EOFError):
        return None
    return array


def _save(path: Path, array: NDArray[np.float32]) -> None:
    """Write a temporary file and rename it; delete the oldest of more than KEPT."""
    stream = io.BytesIO()
    np.save(stream, array, allow_pickle=False)
    data = stream.getvalue()
    temporary = path.with_suffix(f".{os.getpid()}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        temporary.write_bytes(hashlib.sha256(data).digest() + data)
        temporary.replace(path)
        kept = sorted(path.parent.glob("silence-*"), key=lambda one: one.stat().st_mtime)
        for old in kept[:-KEPT]:
            old.unlink(missing_ok=True)
    except OSError:
        with contextlib.suppress(OSError):
            temporary.unlink()
