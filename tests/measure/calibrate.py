"""Fit the confidence to recordings whose meaning is known, and say how well it fits.

    APPLIANCE_SPEECH=… APPLIANCE_MODELS=… python tests/measure/calibrate.py [--every N]

Right or wrong are the coffee orders at several noise levels; wrong is all else: other speech,
noise, and orders cut in the middle.
"""

from __future__ import annotations

import argparse
import sys
from itertools import pairwise
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from dataclasses import replace

import numpy as np

from appliance.engines.whisper import Whisper
from appliance.grammar.grammar import Grammar
from appliance.grammar.understand import Refusal, calibrated
from measure.accuracy import right, understanding
from measure.recordings import (
    NoRecordings,
    Sound,
    coffee_intents,
    coffee_orders,
    folder,
    mixed,
    model_folder,
)
from measure.recordings import sound as read


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--every", type=int, default=1)
    parser.add_argument("--model", default="whisper-tiny.en")
    options = parser.parse_args()
    try:
        recordings = folder()
    except NoRecordings as missing:
        print(missing)
        return 69
    whisper = Whisper(model_folder(options.model), threads=1)
    how = replace(understanding(whisper), refusal=Refusal(least_confidence=0.0))
    grammar = Grammar.of(coffee_intents())
    noise = read(recordings / "coffee" / "noise_kitchen.wav")
    pieces: list[tuple[Sound, dict[str, Any] | None]] = []
    for number, (speech, slots) in enumerate(coffee_orders(recordings)[:: options.every]):
        pieces += [(mixed(speech, noise, snr, number), slots) for snr in (None, 15, 9, 6, 3)]
    others = [*(recordings / "home").glob("*.wav"), *(recordings / "wake").rglob("*.wav")]
    pieces += [(read(path), None) for path in sorted(others)]
    pieces += [(noise[at : at + 48_000], None) for at in range(0, len(noise) - 48_000, 96_000)]
    measured, outcome, known = [], [], []
    for sound, wanted in pieces:
        found = how.understand(whisper.hear(sound, "en"), grammar)
        if found.refused or found.score is None:
            continue
        measured.append((found.score, found.deficit or 0.0, found.margin or 0.0))
        outcome.append(wanted is not None and right(found, wanted))
        known.append(wanted is not None)
    show(measured, outcome, known)
    return 0


def show(
    measured: list[tuple[float, float, float]], outcome: list[bool], known: list[bool]
) -> None:
    weights = calibrated(measured, outcome)
    print(weights)
    given = np.array([weights.confidence(*one) for one in measured])
    print("| confidence | results | right | of other speech |\n|---|---|---|---|")
    edges = (0.0, 0.2, 0.5, 0.7, 0.85, 0.95, 0.99, 1.01)
    for low, high in pairwise(edges):
        inside = (given >= low) & (given < high)
        share = np.array(outcome)[inside].mean() if inside.any() else float("nan")
        print(
            f"| {low:.2f} to {min(high, 1.0):.2f} | {inside.sum()} | {share:.2f} "
            f"| {(inside & ~np.array(known)).sum()} |"
        )


if __name__ == "__main__":
    sys.exit(main())
