"""Wake word detection by openWakeWord; the only file that imports pyopen_wakeword."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pyopen_wakeword import Model, OpenWakeWord, OpenWakeWordFeatures

from appliance.engines.wake_word.microwakeword import pcm
from appliance.errors import EngineError
from appliance.values import Wake

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from appliance.values import Samples

BUILT_IN = tuple(str(model.value) for model in Model)
"""Words whose models are a part of the package."""


class OpenWakeWords:
    """Any number of words; they share the features, which are most of the cost."""

    def __init__(self, words: Sequence[tuple[str, Path | None, float]]) -> None:
        """Load the models.

        Args:
            words: name, the owner's file (.tflite) or None, threshold.

        Raises:
            EngineError: a file cannot be used.

        """
        self._features = OpenWakeWordFeatures.from_builtin()
        self._models = [(_load(name, file), name, threshold) for name, file, threshold in words]

    def feed(self, frame: Samples) -> Wake | None:
        best: Wake | None = None
        for embeddings in self._features.process_streaming(pcm(frame)):
            for model, name, threshold in self._models:
                for score in model.process_streaming(embeddings):
                    if score > threshold and (best is None or score > best.score):
                        best = Wake(name, float(score), threshold)
        return best

    def reset(self) -> None:
        self._features.reset()
        for model, _, _ in self._models:
            model.reset()

    def close(self) -> None:
        for model, _, _ in self._models:
            model.close()
        self._features.close()


def _load(name: str, file: Path | None) -> OpenWakeWord:
    try:
        if file is None:
            return OpenWakeWord.from_builtin(Model(name))
        return OpenWakeWord.from_model(file)
    except (OSError, RuntimeError, ValueError, IndexError) as error:
        raise EngineError(f"the wake word {file or name} cannot be used: {error}") from error
