"""Checks a model file before a process is started for it."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from appliance.errors import EngineError, ModelMissing

if TYPE_CHECKING:
    from pathlib import Path

GGUF = b"GGUF"
"""The first bytes of every model file that llama.cpp opens."""

PAGES = ("SC_PHYS_PAGES", "SC_PAGE_SIZE")


def check(path: Path, key: str | None = None) -> None:
    """Check that a file looks like a model, and that it fits into memory.

    Args:
        path: of the file.
        key: of the configuration, if that names this file.

    Raises:
        ModelMissing: there is no such file.
        EngineError: it is not a GGUF file, cannot be read, or is larger than the memory.

    """
    try:
        with path.open("rb") as file:
            magic = file.read(len(GGUF))
            size = os.fstat(file.fileno()).st_size
    except FileNotFoundError:
        if key:
            raise ModelMissing(f"there is no {path}; correct {key}") from None
        raise ModelMissing(f"there is no {path}; run: appliance models pull") from None
    except OSError as error:
        raise EngineError(f"{path} cannot be read: {error.strerror}") from error
    if magic != GGUF:
        if key:
            raise EngineError(f"{path} is not a GGUF file; correct {key}")
        raise EngineError(f"{path} is not a GGUF file; run: appliance models verify")
    memory = os.sysconf(PAGES[0]) * os.sysconf(PAGES[1])
    if size > memory:
        raise EngineError(
            f"{path.name} is larger ({size // 1_000_000} MB) than this board's memory "
            f"({memory // 1_000_000} MB); choose a smaller model or quantisation"
        )
