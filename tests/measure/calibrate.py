"""Fit the confidence to recordings whose meaning is known, and say how well it fits others.

    APPLIANCE_SPEECH=… APPLIANCE_MODELS=… python tests/measure/calibrate.py [--keep FILE]

Pieces are the orders at each noise level (with noise from other places for each `--offsets`),
faster, slower, and in a room that echoes; other speech and noise, which are never right. What is
printed of each level was found with weights that were fitted without that order: ten folds, all
recordings that ask for the same in one fold.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import numpy as np

from appliance.config import SpeechSettings
from appliance.decoding.calibration import Calibration
from appliance.decoding.calibration_fit import ScoredClip, confidence, fit_both, reliability_table
from appliance.decoding.sentence_recogniser import RecognisedSentence, RejectionLimits
from appliance.grammar.grammar import Grammar
from measure.accuracy import FAR, LEVELS, OneOrTwoModels, right
from measure.recordings import (
    NoRecordings,
    Sound,
    coffee_intents,
    coffee_orders,
    folder,
    mixed,
)
from measure.recordings import sound as read
from measure.refusals import other_speech

FOLDS = 10
Piece = tuple[str, str, str, Sound, dict[str, Any] | None]
"""Name, kind, what the fold goes by, sound, slots."""

Measured = dict[str, Any]


def pieces(recordings: Path, offsets: int) -> Iterator[Piece]:
    noise = read(recordings / "coffee" / "noise_kitchen.wav")
    for number, (speech, slots) in enumerate(coffee_orders(recordings)):
        same = json.dumps(slots, sort_keys=True)
        for snr in LEVELS:
            for offset in range(offsets if snr is not None else 1):
                level = "clean" if snr is None else f"{snr:g}"
                clip = mixed(speech, noise, snr, number + FAR * offset)
                yield f"{number}/{level}/{offset}", level, same, clip, slots
        changed = {"0.93": faster(speech, 0.93), "1.07": faster(speech, 1.07)}
        changed["echo"] = echoing(speech, number)
        for name, sound in changed.items():
            noisy = mixed(sound, noise, 12.0, number + 5 * FAR)
            yield f"{number}/{name}", f"12, {name}", same, noisy, slots
    for number, (kind, said, sound) in enumerate(other_speech(recordings)):
        yield f"{kind}/{number}", kind, said or str(number), sound, None


def faster(samples: Sound, times: float) -> Sound:
    """Like a tape; the pitch goes with it."""
    places = np.arange(int(len(samples) / times)) * times
    return np.asarray(np.interp(places, np.arange(len(samples)), samples), np.float32)


def echoing(samples: Sound, seed: int) -> Sound:
    """In a room where sound dies away by 60 dB in 0.35 s."""
    count = int(0.35 * 16_000)
    room = np.random.default_rng(seed).normal(size=count) * np.exp(-6.9 * np.linspace(0, 1, count))
    room[:40] = 0.0
    room *= 0.5 / np.sqrt(np.square(room).sum())
    room[0] += 1.0
    size = len(samples) + count
    heard = np.fft.irfft(np.fft.rfft(samples, size) * np.fft.rfft(room, size), size)
    return np.asarray(heard[: len(samples)] / np.abs(heard).max() / 2, np.float32)


def measured(recordings: Path, options: argparse.Namespace) -> Iterator[Measured]:
    """What was found of each piece; those in the file that is kept are not heard again."""
    known = {}
    if options.keep and options.keep.exists():
        lines = options.keep.read_text().splitlines()
        known = {one["name"]: one for one in map(json.loads, lines)}
    recogniser = OneOrTwoModels(
        options.model, options.second, RejectionLimits(least_confidence=0.0)
    )
    grammar = Grammar.of(coffee_intents())
    for name, kind, fold, sound, slots in pieces(recordings, options.offsets):
        if name in known:
            yield known[name]
            continue
        found = recogniser.understand(sound, grammar)
        row: Measured = {"name": name, "kind": kind, "fold": fold, "calls": found.calls}
        row |= {"heard": found.free_text, "as": found.text, "believed": found.refused is None}
        row["measured"] = figures(found, slots)
        row["alone"] = figures(found.by_first_model or found, slots)
        if options.keep:
            with options.keep.open("a") as file:
                file.write(json.dumps(row) + "\n")
        yield row


def figures(found: RecognisedSentence, slots: dict[str, Any] | None) -> list[Any] | None:
    """What is measured of a piece, as it can be kept; None where it is like no sentence."""
    one = ScoredClip.of(found, right=slots is not None and right(found, slots))
    if one is None:
        return None
    margin = min(one.margin, 99.0)
    return [one.fit, one.deficit, margin, one.right, one.declared_share, one.models_asked]


def maps(rows: Sequence[Measured]) -> list[Calibration]:
    """For one model's opinion and for two."""
    starts = Calibration(), Calibration.of(SpeechSettings().second_calibration)
    alone = [ScoredClip(*row["alone"]) for row in rows if row["alone"]]
    return fit_both([heard(row) for row in rows if row["measured"]], alone, starts)


def held_out(rows: Sequence[Measured]) -> dict[str, float]:
    """The confidence of each piece by weights that were fitted without its fold."""
    given: dict[str, float] = {}
    for fold in range(FOLDS):
        weights = maps([row for row in rows if fold_of(row) != fold])
        for row in rows:
            if fold_of(row) == fold:
                sure = row["measured"] and row["believed"]
                given[row["name"]] = confidence(heard(row), weights) if sure else 0.0
    return given


def heard(row: Measured) -> ScoredClip:
    return ScoredClip(*row["measured"])


def fold_of(row: Measured) -> int:
    return int(hashlib.sha256(row["fold"].encode()).hexdigest(), 16) % FOLDS


def show(rows: Sequence[Measured], least: float) -> None:
    given = held_out(rows)
    print(maps(rows))
    print("| pieces | number | found % | right % | wrong % | right from 0.3, 0.4, 0.6, 0.7, 0.8 |")
    print("|---|---|---|---|---|---|")
    for kind in dict.fromkeys(row["kind"] for row in rows):
        some = [row for row in rows if row["kind"] == kind]
        good = np.array([bool(row["measured"] and row["measured"][3]) for row in some])
        sure = np.array([given[row["name"]] for row in some])
        others = [
            f"{100 * (good & (sure >= at)).mean():.1f}/{100 * (~good & (sure >= at)).mean():.1f}"
            for at in (0.3, 0.4, 0.6, 0.7, 0.8)
        ]
        print(
            f"| {kind} | {len(some)} | {100 * good.mean():.1f} "
            f"| {100 * (good & (sure >= least)).mean():.1f} "
            f"| {100 * (~good & (sure >= least)).mean():.1f} | {', '.join(others)} |"
        )
    print("| held out: confidence | results | right % |\n|---|---|---|")
    tried = [row for row in rows if row["measured"] and row["believed"]]
    as_given = [
        (given[row["name"]], row["measured"][3]) for row in tried if given[row["name"]] > 0.0
    ]
    for row in reliability_table(as_given):
        share = f"{100 * row.right / row.results:.0f}" if row.results else ""
        print(f"| {row.low:.2f} to {row.high:.2f} | {row.results} | {share} |")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", default="whisper-tiny.en")
    parser.add_argument("--second", metavar="MODEL", help="asked where the first is in doubt")
    parser.add_argument("--offsets", type=int, default=2, help="places in the noise")
    parser.add_argument("--least", type=float, default=RejectionLimits().least_confidence)
    parser.add_argument("--keep", type=Path, metavar="FILE", help="what was found, to go on from")
    options = parser.parse_args()
    try:
        recordings = folder()
    except NoRecordings as missing:
        print(missing)
        return 69
    show(list(measured(recordings, options)), options.least)
    return 0


if __name__ == "__main__":
    sys.exit(main())
