"""Loads the variant of llama.cpp for this CPU, if the library was built for several."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

VARIANTS = "libggml-cpu-*.so"
"""Pattern of variants, such as `libggml-cpu-armv8.2_2.so`. A library for one CPU has none; it is
linked against its `libggml-cpu.so`."""


def open_variants(folder: Path, open_all: Callable[[bytes], None]) -> bool:
    """Let llama.cpp load the best variant in `folder`; False if there are none.

    Otherwise a library with variants opens no model ("Failed to load model from file").
    """
    if not any(folder.glob(VARIANTS)):
        return False
    open_all(bytes(folder))
    return True
