"""The models that HTTP clients may name."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from appliance.openai_api.replies import ApiError

if TYPE_CHECKING:
    from appliance.config import Config
    from appliance.protocols import Synthesizer

FIXED_NAMES = frozenset({"whisper-1", "tts-1"})
"""Names of OpenAI's own models, which some programs always send."""


class ModelNames:
    """Names of the models by purpose; None if the purpose is off."""

    def __init__(self, config: Config, synthesizer: Synthesizer | None) -> None:
        self.speech = _name(config.speech.model)
        language_model = config.language_model
        self.chat = _name(language_model.model) if language_model.enabled else None
        self.voice = None if synthesizer is None else synthesizer.name

    @property
    def all(self) -> list[str]:
        """All names, that of the chat first, because some programs choose the first."""
        return [name for name in (self.chat, self.speech, self.voice) if name is not None]

    @staticmethod
    def check(asked: str, known: str | None, what: str) -> str:
        """The name of the model that does `what`.

        Raises:
            ApiError: it is off, or the client wants another one.

        """
        if known is None:
            raise ApiError(404, f"{what} is off on this device", code="model_not_found")
        if asked and asked != known and asked not in FIXED_NAMES:
            why = f"there is no model {asked[:100]!r} here; the one for {what} is {known}"
            raise ApiError(404, why, code="model_not_found", parameter="model")
        return known


def _name(model: str) -> str:
    """The name in the catalogue, or the file name of the owner's model."""
    return Path(model).stem if "/" in model else model
