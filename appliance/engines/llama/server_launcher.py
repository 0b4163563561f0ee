"""Starts the process of the language model, after a check of the model file."""

from __future__ import annotations

import importlib.util
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from appliance.child_process import Child, ChildDied
from appliance.engines.llama import model_file_check
from appliance.errors import EngineError, EngineMissing

if TYPE_CHECKING:
    from appliance.config import LanguageModelSettings

MODULE = "appliance.engines.llama.server_main"

LIBRARY = "llama_cpp"
"""Built on the board, after everything else; until then there is no language model."""

EXTRA_MEMORY_MB = 512
"""Memory that the process may use in addition to the file's size, if no limit is set."""


@dataclass(frozen=True, slots=True)
class ServerLauncher:
    """The model and settings for the process, which it starts."""

    path: Path
    """The model, a GGUF file."""
    settings: LanguageModelSettings
    threads: int
    cache_folder: Path | None = None
    """Folder for saved prefixes of prompts; None: they are not saved."""

    @property
    def is_own_file(self) -> bool:
        """Whether the owner named this file, and not a model of the catalogue."""
        return self.path == Path(self.settings.model).expanduser()

    def launch(self) -> Child:
        """A process that has begun to open the model.

        Raises:
            EngineMissing: llama.cpp is not installed.
            ModelMissing: the model file or the adapter file is missing.
            EngineError: one of them is not a GGUF file, or no process can be started.
            ChildDied: the process died at once.

        """
        if importlib.util.find_spec(LIBRARY) is None:
            raise EngineMissing(
                "llama.cpp is not installed yet; script/run builds it, and it is used from then on"
            )
        model_file_check.check(self.path, "language_model.model" if self.is_own_file else None)
        adapter = self.settings.adapter and str(Path(self.settings.adapter).expanduser())
        if adapter:
            model_file_check.check(Path(adapter), "language_model.adapter")
        # The whole size of the file counts: weights that are repacked are no longer mapped.
        usual_mb = self.path.stat().st_size // 1_000_000 + EXTRA_MEMORY_MB
        start = {
            "path": str(self.path),
            "settings": {**msgspec.to_builtins(self.settings), "adapter": adapter},
            "threads": self.threads,
            "cache_folder": str(self.cache_folder) if self.cache_folder else None,
            "memory_mb": self.settings.memory_limit_mb or usual_mb,
        }
        try:
            child = Child(MODULE, self.threads)
        except OSError as error:
            raise EngineError(f"cannot start the language model process: {error}") from error
        try:
            child.send(start)
        except ChildDied:
            child.kill()
            raise
        return child
