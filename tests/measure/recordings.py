"""Where the recordings for measuring are, and noise mixed into them."""

from __future__ import annotations

import json
import os
import wave
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from hassil import Intents
from numpy.typing import NDArray

from appliance.config import Config

Sound = NDArray[np.float32]

_BLOCK = 2048
_PEAK = 0.5


class NoRecordings(Exception):
    """They are not part of the repository; the message says where they are looked for."""


def folder() -> Path:
    """APPLIANCE_SPEECH, else `shared/speech` beside the checkout."""
    named = os.environ.get("APPLIANCE_SPEECH")
    beside = Path(__file__).resolve().parents[2].parent / "shared" / "speech"
    found = Path(named) if named else beside
    if not (found / "coffee" / "manifest.jsonl").is_file():
        raise NoRecordings(f"no recordings in {found}: set APPLIANCE_SPEECH to their folder")
    return found


def model_folder(name: str) -> Path:
    """A model in APPLIANCE_MODELS, else among those that the appliance has fetched."""
    chosen = os.environ.get("APPLIANCE_MODELS")
    return (Path(chosen) if chosen else Config().models_directory) / name


def sound(path: Path) -> Sound:
    """A mono 16-bit WAV file of 16 kHz, -1 to 1."""
    with wave.open(str(path)) as file:
        data = file.readframes(file.getnframes())
    return (np.frombuffer(data, np.int16) / 32768).astype(np.float32)


def mixed(speech: Sound, noise: Sound, snr: float | None, number: int) -> Sound:
    """`noise` added at `snr` decibels, measured on the loudest block; from a place of its own
    for each `number`, so that a measurement can be made again."""
    if snr is None:
        return speech
    begin = number * 104_729 % max(1, len(noise) - len(speech))
    under = np.resize(noise[begin:], len(speech))
    scale = np.sqrt(_loudest(speech) / _loudest(under) / 10 ** (snr / 10))
    together = speech + scale * under
    return np.asarray(together / np.abs(together).max() * _PEAK, np.float32)


def _loudest(samples: Sound) -> float:
    blocks = len(samples) // _BLOCK
    return float(np.square(samples[: blocks * _BLOCK]).reshape(blocks, _BLOCK).sum(axis=1).max())


def coffee_orders(recordings: Path) -> list[tuple[Sound, dict[str, Any]]]:
    """Each spoken order with the slots that it asks for."""
    lines = (recordings / "coffee" / "manifest.jsonl").read_text().splitlines()
    manifest = [json.loads(line) for line in lines]
    return [(sound(recordings / "coffee" / one["audio"]), one["slots"]) for one in manifest]


def coffee_intents(lacking: tuple[str, str] | None = None) -> Intents:
    """The orders that can be placed, as the recordings' description gives them.

    `lacking` is a list and the value of it that cannot be ordered here.
    """
    source = yaml.safe_load((Path(__file__).parent / "coffee.yaml").read_text())
    if lacking is not None:
        name, value = lacking
        values = source["lists"][name]["values"]
        left = [one for one in values if meant(one).casefold() != value.casefold()]
        assert len(left) < len(values), lacking
        source["lists"][name]["values"] = left
    return Intents.from_dict(source)


def meant(value: str | dict[str, str]) -> str:
    """What a value of a list stands for."""
    return value if isinstance(value, str) else str(value.get("out", value["in"]))
