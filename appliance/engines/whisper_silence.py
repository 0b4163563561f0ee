"""What follows a sentence, encoded once for a model and kept on disk for the next starts.

It takes the full window, which costs a board seconds at each start.
"""

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

LOOKED_AT = 1 << 20
"""Bytes at either end of the weights: another training has others there."""

_DIGEST = 32


def kept_or_made(
    folder: Path, weights: Path, made_by: str, make: Callable[[], NDArray[np.float32]]
) -> NDArray[np.float32]:
    """What `folder` keeps of these weights, else what `make` gives, which is kept there.

    Args:
        folder: is made where it is not there; one that cannot be written costs only time.
        weights: the model's file.
        made_by: what else the result depends on, in words.
        make: the long way.

    """
    path = folder / f"silence-{_name(weights, made_by)}"
    found = _read(path)
    if found is None:
        found = make()
        _keep(path, found)
    return found


def _name(weights: Path, made_by: str) -> str:
    size = weights.stat().st_size
    digest = hashlib.sha256(f"{made_by} {size}".encode())
    with weights.open("rb") as file:
        digest.update(file.read(LOOKED_AT))
        file.seek(max(0, size - LOOKED_AT))
        digest.update(file.read(LOOKED_AT))
    return digest.hexdigest()[:32]


def _read(path: Path) -> NDArray[np.float32] | None:
    try:
        data = path.read_bytes()
        if hashlib.sha256(data[_DIGEST:]).digest() != data[:_DIGEST]:
            return None  # cut off by a power failure, or the card has lost a bit
        found: NDArray[np.float32] = np.load(io.BytesIO(data[_DIGEST:]), allow_pickle=False)
    except (OSError, ValueError, EOFError):
        return None
    return found


def _keep(path: Path, content: NDArray[np.float32]) -> None:
    """Beside, then renamed; those of other weights go, as an owner uses one model."""
    written = io.BytesIO()
    np.save(written, content, allow_pickle=False)
    data = written.getvalue()
    beside = path.with_suffix(f".{os.getpid()}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        beside.write_bytes(hashlib.sha256(data).digest() + data)
        for other in path.parent.glob("silence-*"):
            if other not in {path, beside}:
                other.unlink(missing_ok=True)
        beside.replace(path)
    except OSError:
        with contextlib.suppress(OSError):
            beside.unlink()
