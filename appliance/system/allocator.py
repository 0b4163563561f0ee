"""Makes glibc return freed memory to the system at once."""

from __future__ import annotations

import contextlib
import ctypes

# Parameters of glibc's mallopt(3), from <malloc.h>.
_TRIM_THRESHOLD, _MMAP_THRESHOLD, _ARENA_MAX = -1, -3, -8

LARGE = 131_072
"""Bytes; glibc's default, which it increases by itself unless it is set."""


def limit_memory() -> None:
    """Use two arenas for all threads, and return large blocks as soon as they are freed.

    Encoding a sentence takes tens of megabytes for a moment. By default, glibc keeps them, once
    per thread that ever did it. Call this before threads are started. Does nothing with another
    C library.
    """
    with contextlib.suppress(OSError, AttributeError):
        mallopt = ctypes.CDLL(None).mallopt
        mallopt(_ARENA_MAX, 2)
        mallopt(_MMAP_THRESHOLD, LARGE)
        mallopt(_TRIM_THRESHOLD, LARGE)
