"""What is no sentence, and whether it was refused: other speech, noise, orders, halves of orders,
and orders of what cannot be had: one of the values that is said is taken out of its list.

    APPLIANCE_SPEECH=… APPLIANCE_MODELS=… python tests/measure/refusals.py [--model NAME]

Other speech is that of other_speech.txt, a voice of eSpeak NG each, and the recordings that are no
orders. Each piece is another one; none is made twice with other noise.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from appliance.grammar.grammar import Grammar
from appliance.sentences.sentence_set import SHIPPED, load
from measure.accuracy import OneOrTwoModels
from measure.recordings import (
    NoRecordings,
    Sound,
    coffee_intents,
    coffee_orders,
    folder,
    mixed,
    sound,
)
from measure.voices import espeak

if TYPE_CHECKING:
    from collections.abc import Iterator

VOICES = (
    "en-us",
    "en-gb",
    "en-us+f2",
    "en-gb+m3",
    "en-gb-scotland",
    "en-us+f4",
    "en-029",
    "en-gb+f3",
    "en-gb-x-rp",
    "en-us+m5",
)
NOISES = 40
"""Stretches of kitchen noise, 3 s each."""

Piece = tuple[str, str, Sound]
"""Kind, what is said, how it sounds."""


def other_speech(recordings: Path) -> Iterator[Piece]:
    """All that is no order, more than two hundred pieces."""
    lines = (Path(__file__).parent / "other_speech.txt").read_text().splitlines()
    for number, text in enumerate(lines):
        speed = 135 + 7 * (number % 7)
        yield "speech", text, espeak(text, VOICES[number % len(VOICES)], words_per_minute=speed)
    recorded = [*(recordings / "home").glob("*.wav"), *(recordings / "wake").rglob("*.wav")]
    for path in sorted(recorded):
        yield "recording", path.stem.replace("_", " "), sound(path)
    noise = sound(recordings / "coffee" / "noise_kitchen.wav")
    step = (len(noise) - 48_000) // (NOISES - 1)
    for number in range(NOISES):
        yield "noise", "", noise[number * step : number * step + 48_000]


def halves(recordings: Path) -> Iterator[Piece]:
    """Orders that were cut off; some are whole orders as far as they go."""
    for number, (samples, _) in enumerate(coffee_orders(recordings)):
        for share in (0.35, 0.6):
            yield "half", f"order {number}, {share:.0%}", samples[: int(share * len(samples))]


def orders(recordings: Path) -> Iterator[Piece]:
    for number, (samples, _) in enumerate(coffee_orders(recordings)):
        yield "order", f"order {number}", samples


def undeclared(recordings: Path, snr: float | None) -> Iterator[tuple[Piece, Grammar]]:
    """Each order with one of its values, each time another one, that the grammar lacks."""
    noise = sound(recordings / "coffee" / "noise_kitchen.wav")
    for number, (samples, slots) in enumerate(coffee_orders(recordings)):
        name = sorted(slots)[number % len(slots)]
        kind = "order, clean" if snr is None else f"order, {snr:g} dB"
        said = f"order {number} with {slots[name]}"
        lacking = Grammar.of(coffee_intents((name, slots[name])))
        yield (kind, said, mixed(samples, noise, snr, number)), lacking


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", default="whisper-tiny.en")
    parser.add_argument("--second", metavar="MODEL", help="asked where the first is in doubt")
    options = parser.parse_args()
    try:
        recordings = folder()
    except NoRecordings as missing:
        print(missing)
        return 69
    recogniser = OneOrTwoModels(options.model, options.second)
    coffee, house = Grammar.of(coffee_intents()), Grammar.of(load(SHIPPED, "en").intents)
    print("| pieces | under | number | refused |\n|---|---|---|---|")
    for snr in (None, 9.0):
        count(recogniser, undeclared(recordings, snr), "orders without one of their values")
    count(recogniser, under(coffee, other_speech(recordings)), "orders")
    count(recogniser, under(coffee, halves(recordings)), "orders")
    count(recogniser, under(house, other_speech(recordings)), "sentences for a house")
    count(recogniser, under(house, orders(recordings)), "sentences for a house")
    return 0


def under(grammar: Grammar, pieces: Iterator[Piece]) -> Iterator[tuple[Piece, Grammar]]:
    """Those that the grammar does not allow."""
    return ((piece, grammar) for piece in pieces if not (piece[1] and grammar.allows(piece[1])))


def count(recogniser: OneOrTwoModels, pieces: Iterator[tuple[Piece, Grammar]], what: str) -> None:
    """Print what was taken, and a line for each kind."""
    asked: dict[str, list[bool]] = {}
    for (kind, said, samples), grammar in pieces:
        found = recogniser.understand(samples, grammar)
        asked.setdefault(kind, []).append(found.reading is None)
        if found.reading is not None:
            print(f"  {kind}: {said!r} as {found.text!r}, {found.confidence:.2f}")
    for kind, refused in asked.items():
        print(f"| {kind} | {what} | {len(refused)} | {sum(refused)} |", flush=True)


if __name__ == "__main__":
    sys.exit(main())
