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

STRIPES, LOOKED_AT = 64, 1 << 14
"""Places all over the weights, and bytes at each: another training has others there, and to read
all of them would cost a card a second."""

KEPT = 4
"""Files: the two models that an owner may use, and the two before them."""

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
        for stripe in range(STRIPES):
            file.seek(max(0, size - LOOKED_AT) * stripe // (STRIPES - 1))
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
    """Beside, then renamed; of those of other weights the oldest go."""
    written = io.BytesIO()
    np.save(written, content, allow_pickle=False)
    data = written.getvalue()
    beside = path.with_suffix(f".{os.getpid()}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        beside.write_bytes(hashlib.sha256(data).digest() + data)
        beside.replace(path)
        kept = sorted(path.parent.glob("silence-*"), key=lambda one: one.stat().st_mtime)
        for old in kept[:-KEPT]:
            old.unlink(missing_ok=True)
    except OSError:
        with contextlib.suppress(OSError):
            beside.unlink()
