"""Speech synthesised by packaged voices, for sentences of which there is no recording."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

from appliance.audio.decode import decode
from measure.recordings import Sound

PICO = {"en": "en-US", "de": "de-DE", "es": "es-ES", "fr": "fr-FR", "it": "it-IT"}
"""SVOX Pico's voices: eSpeak NG has every language, these are easier to understand."""


SPEAK = """
import sys
from py_nanotts import NanoTTS
text, voice, speed, pitch = sys.argv[1:]
data = NanoTTS().speak(text, voice=voice, speed=float(speed), pitch=float(pitch))
sys.stdout.buffer.write(data)
"""

ZEROED = "255"
"""Pico reads memory that it has not written, so that its sound would differ from call to call. With
this value of MALLOC_PERTURB_ glibc gives it zeros (it fills with the inverse), and the sound is
always the same."""


def pico(text: str, language: str, *, speed: float = 1.0, pitch: float = 1.0) -> Sound:
    """Said by Pico; `language` also as one of its voices, such as "en-GB"."""
    words = [text, PICO.get(language, language), str(speed), str(pitch)]
    environment = {**os.environ, "MALLOC_PERTURB_": ZEROED}
    done = subprocess.run(
        [sys.executable, "-c", SPEAK, *words], env=environment, capture_output=True, check=True
    )
    return (np.frombuffer(done.stdout, np.int16) / 32768).astype(np.float32)


def espeak(text: str, voice: str, *, words_per_minute: int = 140) -> Sound:
    """Said by eSpeak NG; FileNotFoundError where it is not installed."""
    if shutil.which("espeak-ng") is None:
        raise FileNotFoundError("espeak-ng is not installed; run: sudo apt install espeak-ng")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "spoken.wav"
        command = ["espeak-ng", "-v", voice, "-s", str(words_per_minute), "-w", str(path), text]
        subprocess.run(command, check=True)
        return decode(path, maximum_seconds=120.0)
