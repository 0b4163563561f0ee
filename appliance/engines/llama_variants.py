"""llama.cpp built for several CPUs at once: the variant for this one is opened before a model."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

VARIANTS = "libggml-cpu-*.so"
"""`libggml-cpu-armv8.2_2.so` and the like. A library built for one CPU has none of them: its
`libggml-cpu.so` is linked, and opened with it."""


def open_variants(folder: Path, open_all: Callable[[bytes], None]) -> bool:
    """Have llama.cpp look through `folder` for the variant that this CPU runs best.

    Without it a library that has variants opens no model ("Failed to load model from file").
    False where there are none, and nothing is to be done.
    """
    if not any(folder.glob(VARIANTS)):
        return False
    open_all(bytes(folder))
    return True
