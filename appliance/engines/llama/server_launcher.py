"""The language model's process while it begins: what is looked at before, and what it is told."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from appliance.engines.child_process import Child, ChildDied
from appliance.engines.llama import gguf_file
from appliance.errors import EngineError

if TYPE_CHECKING:
    from appliance.config import LanguageModelSettings

MODULE = "appliance.engines.llama.server"

BESIDE_THE_FILE_MB = 512
"""Memory that the process may take beside the size of its file, where no limit is set."""


def is_own(path: Path, settings: LanguageModelSettings) -> bool:
    """Whether the owner named this very file, and no model of the catalogue."""
    return path == Path(settings.model).expanduser()


def opened(path: Path, settings: LanguageModelSettings, threads: int, states: Path | None) -> Child:
    """A process that has begun to open the model.

    Raises:
        ModelMissing: there is no such file, or no adapter.
        EngineError: one of them is no such file, or there can be no process.
        ChildDied: it died at once.

    """
    gguf_file.check(path, "language_model.model" if is_own(path, settings) else None)
    adapter = settings.adapter and str(Path(settings.adapter).expanduser())
    if adapter:
        gguf_file.check(Path(adapter), "language_model.adapter")
    order = {
        "path": str(path),
        "settings": {**msgspec.to_builtins(settings), "adapter": adapter},
        "threads": threads,
        "states": str(states) if states else None,
        "memory_mb": settings.memory_limit_mb or _usual_mb(path),
    }
    try:
        child = Child(MODULE, threads)
    except OSError as error:
        raise EngineError(f"no process for the language model can be begun: {error}") from error
    try:
        child.send(order)
    except ChildDied:
        child.kill()
        raise
    return child


def _usual_mb(path: Path) -> int:
    own = path.stat().st_size // 1_000_000  # where weights are laid out anew
    return own + BESIDE_THE_FILE_MB
