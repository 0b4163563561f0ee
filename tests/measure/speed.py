"""Time of commands: the starter sentences, a whole home's, and padded free decoding, in turn.

APPLIANCE_SPEECH=… APPLIANCE_MODELS=… python tests/measure/speed.py [--rounds N]
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import home_assistant_intents
import numpy as np
from hassil import Intents
from hassil.intents import TextSlotList, TextSlotValue

from appliance.engines.whisper.model import Whisper
from appliance.grammar.compile import compile_network
from appliance.grammar.grammar import Grammar
from appliance.sentences.sentence_set import load
from measure.accuracy import understanding
from measure.recordings import NoRecordings, folder, model_folder, sound
from measure.voices import pico

if TYPE_CHECKING:
    from appliance.decoding.sentence_recogniser import RecognisedSentence
    from appliance.grammar.network import Network
    from measure.recordings import Sound

SPOKEN = (
    "turn on the kitchen light",
    "turn off the kitchen light",
    "turn on the light in the office",
    "switch off the lights in the hall",
    "turn on all the lights",
    "turn off all lights",
    "set the kitchen lights to fifty percent",
    "set the brightness of the office to eighty percent",
    "set the kitchen light to red",
    "set a timer for ten minutes",
    "set a timer for one hour",
    "set a timer for twenty five seconds",
    "start a five minute timer",
    "set a timer for half an hour",
    "cancel the timer",
    "cancel all timers",
    "how much time is left on the timer",
    "what is the temperature in the kitchen",
    "what is the kitchen temperature",
    "how cold is it in the garden",
    "what time is it",
    "what's the time",
    "what's the date",
    "what is today's date",
)
"""Commands that both the starter sentences and Home Assistant's allow."""

VOICES = (("en-US", 1.0), ("en-GB", 1.0), ("en-US", 0.85))
"""Voice and speed, taken in turn."""

RECORDED = ("turn_on_the_lamp", "set_timer", "what_time_is_it", "whats_the_date_today")

LAMP = {"language": "en", "intents": {"On": {"data": [{"sentences": ["turn on the lamp"]}]}}}


def small() -> Network:
    """The starter sentences, and the one recording that they lack."""
    loaded = load(None, "en").intents
    loaded.intents.update(Intents.from_dict(LAMP).intents)
    return compile_network(loaded)


def large() -> Network:
    """Home Assistant's English sentences with 200 names, 30 areas and 10 floors."""
    path = Path(home_assistant_intents.__file__).parent / "data" / "en.json"
    rooms = ["kitchen", "attic", "hall", "porch", "office", "cellar", "garden", "nursery"]
    things = {
        "light": "light",
        "fan": "fan",
        "switch": "switch",
        "blind": "cover",
        "speaker": "media_player",
    }
    names = [
        ("lamp", {"domain": "light"}),
        *(
            (f"{room} {thing} {n}", {"domain": domain})
            for room in rooms
            for thing, domain in things.items()
            for n in range(1, 6)
        ),
    ][:200]
    values = [TextSlotValue.from_tuple((text, text, context)) for text, context in names]
    lists = {
        "name": TextSlotList(name="name", values=values),
        "area": TextSlotList.from_strings([*rooms, *(f"room {n}" for n in range(22))], name="area"),
        "floor": TextSlotList.from_strings([f"floor {n}" for n in range(10)], name="floor"),
    }
    return compile_network(Intents.from_dict(json.loads(path.read_text("utf-8"))), lists)


def clips(recordings: Path | None) -> list[tuple[str, Sound]]:
    """Each command with its sound, those of people first."""
    found = []
    if recordings is not None:
        found = [(clip, sound(recordings / "home" / f"{clip}.wav")) for clip in RECORDED]
    for number, text in enumerate(SPOKEN):
        voice, speed = VOICES[number % len(VOICES)]
        found.append((text, pico(text, voice, speed=speed)))
    return found


class Timing:
    """One model, two grammars, three ways to hear a clip."""

    def __init__(self, whisper: Whisper, rounds: int) -> None:
        self._whisper = whisper
        self._how = understanding(whisper)
        self._rounds = rounds
        self._networks = small(), large()
        self._warm = [self._prepared(network) for network in self._networks]

    def _prepared(self, network: Network) -> Grammar:
        grammar = Grammar(network, "en")
        grammar.prepare(self._how.vocabulary)
        return grammar

    def row(self, clip: Sound) -> tuple[list[float], list[RecognisedSentence]]:
        """Milliseconds: small, large; both the first time; padded and free. Then the results."""
        first = [self._timed(clip, self._prepared(network)) for network in self._networks]
        found = [self._hear(clip, grammar) for grammar in self._warm]
        again = [
            [*(self._timed(clip, grammar) for grammar in self._warm), self._timed(clip, None)]
            for _ in range(self._rounds)
        ]
        one, other, padded = np.median(np.array(again), axis=0).tolist()
        return [one, other, *first, padded], found

    def _hear(self, clip: Sound, grammar: Grammar) -> RecognisedSentence:
        return self._how.recognise(self._whisper.encode(clip, "en"), grammar)

    def _timed(self, clip: Sound, grammar: Grammar | None) -> float:
        """Milliseconds of the processor, not of the clock: other programs do not count."""
        started = time.process_time()
        if grammar is None:
            self._whisper.transcript(self._whisper.encode(clip, "en", full_window=True))
        else:
            self._hear(clip, grammar)
        return 1000 * (time.process_time() - started)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--model", default="whisper-tiny.en")
    options = parser.parse_args()
    try:
        recordings = folder()
    except NoRecordings as missing:
        print(missing, "; going on with spoken text alone")
        recordings = None
    timing = Timing(Whisper(model_folder(options.model), threads=1), options.rounds)
    print(
        "| command | s | small ms | large ms | small, first | large, first | padded ms | as said |"
    )
    print("|---|---|---|---|---|---|---|---|")
    table = []
    for name, clip in clips(recordings):
        figures, found = timing.row(clip)
        table.append(figures)
        said = " / ".join(f"{one.intent or one.refused} {one.calls}" for one in found)
        cells = " | ".join(f"{figure:.0f}" for figure in figures)
        print(f"| {name} | {len(clip) / 16_000:.1f} | {cells} | {said} |", flush=True)
    one, other, first_one, first_other, padded = np.array(table).T
    for name, ratio in (
        ("large / small", other / one),
        ("large / small, first time", first_other / first_one),
        ("small / padded", one / padded),
        ("large / padded", other / padded),
        ("large, first time / padded", first_other / padded),
    ):
        print(f"{name}: median {np.median(ratio):.2f}, worst {ratio.max():.2f}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
