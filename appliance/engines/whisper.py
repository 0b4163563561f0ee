"""Whisper through CTranslate2: the only room that imports faster_whisper and ctranslate2."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from faster_whisper import WhisperModel

from appliance.errors import EngineError
from appliance.values import Transcript

if TYPE_CHECKING:
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

NEEDED_FILES = ("config.json", "model.bin", "tokenizer.json")
"""Without tokenizer.json faster-whisper would ask the network for one; so it is demanded here."""

SHORTEST = 0.1
"""Seconds; less than this holds no word."""

SAMPLE_RATE = 16_000


class Whisper:
    """A Whisper model in a folder on disk, opened without ever touching the network."""

    def __init__(self, model_folder: Path, *, compute_type: str = "int8", threads: int = 2) -> None:
        """Load the model.

        Raises:
            EngineError: a file is missing, or the files are not a Whisper model.

        """
        self.name = model_folder.name
        missing = [name for name in NEEDED_FILES if not (model_folder / name).is_file()]
        if missing:
            message = f"no Whisper model in {model_folder}: {', '.join(missing)} missing"
            raise EngineError(f"{message}; run: appliance models pull")
        try:
            self._model = WhisperModel(
                str(model_folder),
                device="cpu",
                compute_type=compute_type,
                cpu_threads=threads,
                local_files_only=True,
            )
        except Exception as error:
            message = f"the Whisper model in {model_folder} cannot be opened ({error})"
            raise EngineError(f"{message}; run: appliance models verify") from error

    def transcribe(self, samples: NDArray[np.float32], language: str) -> Transcript:
        """Write down what is said.

        Args:
            samples: mono, 16 kHz, -1 to 1, any length.
            language: ISO 639-1 code.

        Raises:
            EngineError: the model does not know the language, or failed.

        """
        if len(samples) < SHORTEST * SAMPLE_RATE:
            return Transcript(text="", language=language, confidence=None, no_speech=None)
        if language != "en" and not self._model.model.is_multilingual:
            raise EngineError(f"this Whisper model knows English only, not {language!r}")
        try:
            found, _ = self._model.transcribe(
                samples,
                language=language,
                beam_size=1,
                temperature=0.0,
                without_timestamps=True,
                condition_on_previous_text=False,
            )
            segments = list(found)
        except (RuntimeError, ValueError) as error:
            raise EngineError(f"speech recognition failed: {error}") from error
        if not segments:
            return Transcript(text="", language=language, confidence=None, no_speech=1.0)
        kept = [s for s in segments if s.compression_ratio < 2.4]  # noqa: PLR2004 (OpenAI's bound)
        words = sum(len(s.tokens) for s in kept)
        score = sum(s.avg_logprob * len(s.tokens) for s in kept) / words if words else None
        return Transcript(
            text=" ".join(s.text.strip() for s in kept),
            language=language,
            confidence=None if score is None else math.exp(score),
            no_speech=max(s.no_speech_prob for s in segments),
        )
