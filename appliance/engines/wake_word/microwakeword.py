"""Wake word detection by microWakeWord; the only file that imports pymicro_wakeword."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from pymicro_wakeword import MicroWakeWord, MicroWakeWordFeatures, Model

from appliance.errors import EngineError
from appliance.values import Wake

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from appliance.values import Samples

BUILT_IN = tuple(str(model.value) for model in Model)
"""Words whose models are a part of the package."""


class MicroWakeWords:
    """Any number of words; they share the features, and each costs about 0.1 % of a core."""

    def __init__(self, words: Sequence[tuple[str, Path | None, float | None]]) -> None:
        """Load the models.

        Args:
            words: name, the owner's file (.json) or None, threshold or None for the file's own.

        Raises:
            EngineError: a file cannot be used.

        """
        self._features = MicroWakeWordFeatures()
        self._models = [(_load(name, file), name, threshold) for name, file, threshold in words]

    def feed(self, frame: Samples) -> Wake | None:
        best: Wake | None = None
        for features in self._features.process_streaming(pcm(frame)):
            for model, name, threshold in self._models:
                limit = model.probability_cutoff if threshold is None else threshold
                score = model.process_streaming_prob(features) or 0.0
                if score > limit and (best is None or score > best.score):
                    best = Wake(name, float(score), limit)
        return best

    def reset(self) -> None:
        self._features.reset()
        for model, _, _ in self._models:
            model.reset()

    def close(self) -> None:
        for model, _, _ in self._models:
            model.close()


def _load(name: str, file: Path | None) -> MicroWakeWord:
    try:
        if file is None:
            return MicroWakeWord.from_builtin(Model(name))
        return MicroWakeWord.from_config(file)
    except KeyError as error:
        raise EngineError(f"the wake word file {file or name} has no entry {error}") from error
    except (OSError, RuntimeError, ValueError, TypeError) as error:
        raise EngineError(f"the wake word {file or name} cannot be used: {error}") from error


def pcm(frame: Samples) -> bytes:
    """16-bit samples, which both packages require."""
    return (np.clip(frame, -1.0, 1.0) * 32767).astype("<i2").tobytes()
