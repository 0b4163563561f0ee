"""Speech synthesis by the program espeak-ng: small and fast, with a robotic voice."""

from __future__ import annotations

import io
import shutil
import subprocess
import wave

import numpy as np

from appliance.errors import EngineError
from appliance.values import Samples, Spoken

PROGRAM = "espeak-ng"

TIMEOUT_S = 20.0


class Espeak:
    """A synthesizer that needs the package espeak-ng of the operating system."""

    name = PROGRAM

    def __init__(self, language: str, voice: str = "") -> None:
        """`voice` is one of `espeak-ng --voices`; if it is empty, the language's default.

        Raises:
            EngineError: the program is not installed.

        """
        self._program = shutil.which(PROGRAM)
        self._voice = voice or language
        if self._program is None:
            raise EngineError(f"{PROGRAM} is not installed; run: sudo apt install {PROGRAM}")

    def speak(self, sentence: str) -> Spoken:
        """One sentence as audio; EngineError if the program fails."""
        try:
            done = subprocess.run(  # noqa: S603 (a program of the system, by its path)
                [str(self._program), "-v", self._voice, "--stdout"],
                input=sentence.encode(),  # not as an argument: a text may begin with a dash
                capture_output=True,
                timeout=TIMEOUT_S,
                check=False,
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            raise EngineError(f"{PROGRAM} cannot speak: {error}") from error
        if done.returncode or not done.stdout:
            why = done.stderr.decode(errors="replace").strip() or f"status {done.returncode}"
            raise EngineError(f"{PROGRAM} cannot speak: {why}")
        return _read(done.stdout)


def _read(sound: bytes) -> Spoken:
    try:
        with wave.open(io.BytesIO(sound)) as file:
            rate = file.getframerate()
    except (wave.Error, EOFError) as error:
        raise EngineError(f"{PROGRAM} wrote no audio: {error}") from error
    # It streams: the length in its header is wrong, and the samples are all that follows.
    start = sound.index(b"data") + 8
    data = sound[start : start + (len(sound) - start) // 2 * 2]
    samples: Samples = np.frombuffer(data, "<i2").astype(np.float32) / np.float32(32768)
    return Spoken(samples, rate)
