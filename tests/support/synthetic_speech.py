"""Text as sound, by espeak-ng."""

from __future__ import annotations

import os
import shutil
import subprocess
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path


def aloud(folder: Path, text: str) -> Path:
    """A text as sound, in a plain voice, with the room's quiet around it."""
    if shutil.which("espeak-ng") is None:
        reason = "espeak-ng is not installed; run: sudo apt install espeak-ng"
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)
    path = folder / f"{text.replace(' ', '_')}.wav"
    words = ["espeak-ng", "-v", "en-us", "-s", "150", "-w", str(path), text]
    subprocess.run(words, check=True)
    return path
