"""Baseline of `appliance bench`: faster-whisper, which pads audio to a window of 30 seconds."""

from __future__ import annotations

from typing import TYPE_CHECKING

from faster_whisper import WhisperModel

from appliance.errors import EngineError

if TYPE_CHECKING:
    from pathlib import Path

    from appliance.values import Samples


class PaddedWhisper:
    """The same weights, decoded by faster-whisper."""

    def __init__(self, model_folder: Path, *, compute_type: str, threads: int) -> None:
        """Load the model; EngineError if that fails."""
        try:
            self._model = WhisperModel(
                str(model_folder),
                device="cpu",
                compute_type=compute_type,
                cpu_threads=threads,
                local_files_only=True,
            )
        except (RuntimeError, ValueError, OSError) as error:
            raise EngineError(f"faster-whisper cannot open {model_folder}: {error}") from error

    def transcribe(self, samples: Samples, language: str) -> str:
        """What was said; greedy, without timestamps and without retries at higher temperatures."""
        segments, _ = self._model.transcribe(
            samples,
            language=language,
            beam_size=1,
            temperature=0.0,
            without_timestamps=True,
            condition_on_previous_text=False,
        )
        return " ".join(segment.text.strip() for segment in segments)
