"""Accuracy and time of decoding under a grammar, by signal-to-noise ratio.

    APPLIANCE_SPEECH=… APPLIANCE_MODELS=… python tests/measure/accuracy.py [--every N] [--snr …]

Every clip is decoded twice in turn, under the grammar and freely in the padded window, so the
ratio of the two times holds on a busy machine too.
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import numpy as np

from appliance.engines.whisper import Whisper
from appliance.grammar.grammar import Grammar
from appliance.grammar.understand import Understanding, Understood
from appliance.grammar.vocabulary import Vocabulary
from measure.plot import accuracy_plot
from measure.recordings import (
    NoRecordings,
    Sound,
    coffee_intents,
    coffee_orders,
    folder,
    mixed,
    model_folder,
    sound,
)

LEVELS = (None, 24, 21, 18, 15, 12, 9, 6)


def understanding(whisper: Whisper) -> Understanding:
    return Understanding(vocabulary=Vocabulary.of(whisper.tokens, whisper.end), spell=whisper.text)


def right(found: Understood, slots: dict[str, str]) -> bool:
    said = {name: str(value).casefold() for name, value in found.slots.items()}
    return found.intent == "OrderDrink" and said == {k: v.casefold() for k, v in slots.items()}


def timed(
    whisper: Whisper, how: Understanding, grammar: Grammar, clip: Sound, *, compare: bool
) -> tuple[Understood, float, float]:
    """Result, seconds under the grammar, seconds of padded free decoding (nan if not asked)."""
    started = time.perf_counter()
    found = how.understand(whisper.hear(clip, "en"), grammar)
    ours = time.perf_counter() - started
    if not compare:
        return found, ours, float("nan")
    started = time.perf_counter()
    whisper.hear(clip, "en", padded=True).transcript()
    return found, ours, time.perf_counter() - started


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--every", type=int, default=1, help="take each N-th clip")
    parser.add_argument(
        "--snr",
        type=lambda text: None if text == "clean" else float(text),
        nargs="*",
        default=LEVELS,
    )
    parser.add_argument("--errors", action="store_true", help="tell what went wrong")
    parser.add_argument("--compare", action="store_true", help="time padded free decoding too")
    parser.add_argument("--model", default="whisper-tiny.en")
    parser.add_argument("--plot", type=Path, metavar="FILE.svg", help="draw the accuracies")
    return parser.parse_args()


def main() -> int:
    options = arguments()
    try:
        recordings = folder()
    except NoRecordings as missing:
        print(missing)
        return 69
    whisper = Whisper(model_folder(options.model), threads=1)
    how, grammar = understanding(whisper), Grammar.of(coffee_intents())
    noise = sound(recordings / "coffee" / "noise_kitchen.wav")
    orders = coffee_orders(recordings)[:: options.every]
    how.understand(whisper.hear(orders[0][0], "en"), grammar)
    print("| SNR dB | right % | wrong % | refused % | calls | tokens | ms | ratio |")
    print("|---|---|---|---|---|---|---|---|")
    drawn: list[float] = []
    for snr in options.snr:
        results = []
        for number, (speech, slots) in enumerate(orders):
            clip = mixed(speech, noise, snr, number)
            found, ours, padded = timed(whisper, how, grammar, clip, compare=options.compare)
            ok = right(found, slots)
            results.append(
                (
                    ok,
                    found.reading is not None and not ok,
                    found.reading is None,
                    found.calls,
                    found.tokens,
                    1000 * ours,
                    ours / padded,
                )
            )
            if options.errors and not ok:
                print(f"  {number} wanted {slots}\n    {found}")
        table = np.array(results, float)
        rates = 100 * table[:, :3].mean(axis=0)
        drawn.append(float(rates[0]))
        print(
            f"| {'clean' if snr is None else f'{snr:g}'} | {rates[0]:.1f} | {rates[1]:.1f} "
            f"| {rates[2]:.1f} | {table[:, 3].mean():.1f} | {table[:, 4].mean():.0f} "
            f"| {np.median(table[:, 5]):.0f} | {np.median(table[:, 6]):.2f} |",
            flush=True,
        )
    if options.plot:
        levels = ["clean" if snr is None else f"{snr:g}" for snr in options.snr]
        options.plot.write_text(accuracy_plot(levels, {options.model: drawn}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
