"""Accuracy and time of decoding under a grammar, by signal-to-noise ratio.

    APPLIANCE_SPEECH=… APPLIANCE_MODELS=… python tests/measure/accuracy.py [--every N] [--snr …]

Every clip is decoded twice in turn, under the grammar and freely in the padded window, so the
ratio of the two times holds on a busy machine too.
"""

from __future__ import annotations

import argparse
import sys
import time
from dataclasses import replace
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import numpy as np

from appliance.config import SpeechSettings
from appliance.decoding.calibration import Calibration
from appliance.decoding.sentence_recogniser import (
    RecognisedSentence,
    RejectionLimits,
    SentenceRecogniser,
)
from appliance.engines.whisper.model import Whisper
from appliance.grammar.grammar import Grammar
from appliance.grammar.token_mask import TokenVocabulary
from appliance.recognition.grammar_recogniser import SecondModel
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

FAR = 61
"""Numbers between two places in the noise for the same order."""

LEVELS = (None, 24, 21, 18, 15, 12, 9, 6)


def understanding(whisper: Whisper) -> SentenceRecogniser:
    return SentenceRecogniser(
        vocabulary=TokenVocabulary.of(whisper.tokens, whisper.end), spell=whisper.text
    )


class OneOrTwoModels:
    """A model, and a second one that is asked where it is in doubt."""

    def __init__(
        self, model: str, second: str | None, limits: RejectionLimits | None = None
    ) -> None:
        self.whisper = Whisper(model_folder(model), threads=1)
        self._other = Whisper(model_folder(second), threads=1) if second else None
        both = Calibration.of(SpeechSettings().second_calibration)
        self.how = replace(
            understanding(self.whisper),
            limits=limits or RejectionLimits(),
            fusion=None if self._other is None else SecondModel(self._other, both).fusion(),
        )

    def understand(self, clip: Sound, grammar: Grammar) -> RecognisedSentence:
        other = self._other
        again = None if other is None else lambda: other.encode(clip, "en")
        return self.how.recognise(self.whisper.encode(clip, "en"), grammar, again)


def right(found: RecognisedSentence, slots: dict[str, str]) -> bool:
    said = {name: str(value).casefold() for name, value in found.slots.items()}
    return found.intent == "OrderDrink" and said == {k: v.casefold() for k, v in slots.items()}


def timed(
    recogniser: OneOrTwoModels, grammar: Grammar, clip: Sound, *, compare: bool
) -> tuple[RecognisedSentence, float, float]:
    """Result, seconds under the grammar, seconds of padded free decoding (nan if not asked)."""
    started = time.perf_counter()
    found = recogniser.understand(clip, grammar)
    ours = time.perf_counter() - started
    if not compare:
        return found, ours, float("nan")
    started = time.perf_counter()
    recogniser.whisper.transcript(recogniser.whisper.encode(clip, "en", full_window=True))
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
    parser.add_argument("--second", metavar="MODEL", help="asked where the first is in doubt")
    parser.add_argument("--place", type=int, default=0, help="another place in the noise")
    parser.add_argument(
        "--plot", type=Path, metavar="FILE.svg", help="draw it; each model alone and both"
    )
    return parser.parse_args()


def ways(options: argparse.Namespace) -> dict[str, tuple[str, str | None]]:
    """By what name each way to hear is drawn: its model and its second one."""
    model, second = options.model, options.second
    if second is None:
        return {model: (model, None)}
    both = {f"{model}, in doubt {second} too": (model, second)}
    alone = {model: (model, None), second: (second, None)} if options.plot else {}
    return alone | both


def measure(
    recogniser: OneOrTwoModels, recordings: Path, options: argparse.Namespace
) -> list[float]:
    """Print a line for each level; returns the per cent that were right."""
    grammar = Grammar.of(coffee_intents())
    noise = sound(recordings / "coffee" / "noise_kitchen.wav")
    orders = coffee_orders(recordings)[:: options.every]
    recogniser.understand(orders[0][0], grammar)
    print("| SNR dB | right % | wrong % | refused % | calls | tokens | asked % | ms | ratio |")
    print("|---|---|---|---|---|---|---|---|---|")
    drawn: list[float] = []
    for snr in options.snr:
        results = []
        for number, (speech, slots) in enumerate(orders):
            clip = mixed(speech, noise, snr, number + FAR * options.place)
            found, ours, padded = timed(recogniser, grammar, clip, compare=options.compare)
            ok = right(found, slots)
            taken = found.reading is not None
            work = found.calls, found.tokens, found.models_asked > 1, 1000 * ours, ours / padded
            results.append((ok, taken and not ok, not taken, *work))
            if options.errors and not ok:
                print(f"  {number} wanted {slots}\n    {found}")
        table = np.array(results, float)
        mean, median = table.mean(axis=0), np.median(table, axis=0)
        drawn.append(100 * float(mean[0]))
        rates = " | ".join(f"{100 * share:.1f}" for share in mean[:3])
        print(
            f"| {'clean' if snr is None else f'{snr:g}'} | {rates} | {mean[3]:.1f} | {mean[4]:.0f} "
            f"| {100 * mean[5]:.0f} | {median[6]:.0f} | {median[7]:.2f} |",
            flush=True,
        )
    return drawn


def main() -> int:
    options = arguments()
    try:
        recordings = folder()
    except NoRecordings as missing:
        print(missing)
        return 69
    drawn: dict[str, list[float]] = {}
    for name, (model, second) in ways(options).items():
        print(f"\n{name}")
        drawn[name] = measure(OneOrTwoModels(model, second), recordings, options)
    if options.plot:
        levels = ["clean" if snr is None else f"{snr:g}" for snr in options.snr]
        options.plot.write_text(accuracy_plot(levels, drawn))
    return 0


if __name__ == "__main__":
    sys.exit(main())
