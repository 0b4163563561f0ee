"""The C library's memory: given back when it is free, instead of kept for later."""

from __future__ import annotations

import contextlib
import ctypes

# Parameters of glibc's mallopt(3), from <malloc.h>.
_TRIM_THRESHOLD, _MMAP_THRESHOLD, _ARENA_MAX = -1, -3, -8

LARGE = 131_072
"""Bytes; glibc's own first choice, which it raises by itself unless it is set."""


def settle() -> None:
    """Two pools for all threads, and large pieces returned to the system as soon as they are free.

    Encoding a sentence takes tens of megabytes for a moment. Left alone, glibc keeps them, once
    per thread that ever did it. To be called before threads are started; does nothing where the C
    library is another.
    """
    with contextlib.suppress(OSError, AttributeError):
        mallopt = ctypes.CDLL(None).mallopt
        mallopt(_ARENA_MAX, 2)
        mallopt(_MMAP_THRESHOLD, LARGE)
        mallopt(_TRIM_THRESHOLD, LARGE)
