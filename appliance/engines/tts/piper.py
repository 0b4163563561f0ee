"""Speech synthesis by Piper, a neural voice; the only file that imports piper (optional)."""

from __future__ import annotations

import importlib
import threading
from pathlib import Path
from typing import Any

import numpy as np

from appliance.errors import EngineError
from appliance.values import Spoken

INSTALL = "pip install 'appliance[piper]'"


class Piper:
    """A synthesizer that needs the package piper-tts and the file of a voice."""

    name = "piper"

    def __init__(self, voice: str) -> None:
        """`voice` is an .onnx file with its .onnx.json in the same folder.

        Raises:
            EngineError: the package is not installed, or the file is not a voice.

        """
        try:
            library: Any = importlib.import_module("piper")
        except ImportError as error:
            raise EngineError(f"the package piper-tts is not installed; run: {INSTALL}") from error
        path = file_of(voice)
        self._lock = threading.Lock()
        try:
            self._voice = library.PiperVoice.load(path)
        except Exception as error:  # it has no errors of its own
            raise EngineError(
                f"speaking.voice: {path.name} is not a Piper voice: {error}"
            ) from error

    def speak(self, sentence: str) -> Spoken:
        """One sentence as audio; EngineError if the engine fails."""
        try:
            with self._lock:  # its phonemizer is not made for several threads
                pieces = list(self._voice.synthesize(sentence))
        except Exception as error:  # it has no errors of its own
            raise EngineError(f"piper cannot speak: {error}") from error
        if not pieces:
            return Spoken(np.zeros(0, dtype=np.float32), 22_050)
        sound = np.concatenate([piece.audio_float_array for piece in pieces])
        return Spoken(sound.astype(np.float32), int(pieces[0].sample_rate))


def file_of(voice: str) -> Path:
    """The path of a voice; EngineError if one of its two files is missing."""
    path = Path(voice).expanduser()
    if not path.is_file():
        raise EngineError(f"speaking.voice: there is no file {voice!r}; it must be an .onnx file")
    if not path.with_name(f"{path.name}.json").is_file():
        raise EngineError(
            f"speaking.voice: {path.name}.json is missing; a voice requires both files"
        )
    return path
