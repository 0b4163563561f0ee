"""Time for short commands: a small grammar, a whole home's, and padded free decoding, in turn.

APPLIANCE_SPEECH=… APPLIANCE_MODELS=… python tests/measure/speed.py [--rounds N]
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import home_assistant_intents
import numpy as np
from hassil import Intents
from hassil.intents import TextSlotList, TextSlotValue

from appliance.engines.whisper import Whisper
from appliance.grammar.grammar import Grammar
from measure.accuracy import understanding
from measure.recordings import NoRecordings, folder, model_folder, sound

CLIPS = ("turn_on_the_lamp", "set_timer", "what_time_is_it", "whats_the_date_today")

SMALL = {
    "language": "en",
    "intents": {
        "TurnOn": {"data": [{"sentences": ["turn on [the] {name}"]}]},
        "Timer": {"data": [{"sentences": ["set [a] timer for {minutes} minute[s]"]}]},
        "Time": {"data": [{"sentences": ["what time is it"]}]},
        "Date": {"data": [{"sentences": ["what's the date [today]"]}]},
    },
    "lists": {
        "name": {"values": ["lamp", "fan", "heater", "kitchen light"]},
        "minutes": {"range": {"from": 1, "to": 120}},
    },
}


def large() -> Grammar:
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
    return Grammar.of(Intents.from_dict(json.loads(path.read_text("utf-8"))), lists)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--model", default="whisper-tiny.en")
    options = parser.parse_args()
    try:
        recordings = folder()
    except NoRecordings as missing:
        print(missing)
        return 69
    whisper = Whisper(model_folder(options.model), threads=1)
    how = understanding(whisper)
    started = time.perf_counter()
    home = large()
    print(f"the large grammar was compiled in {time.perf_counter() - started:.1f} s")
    small = Grammar.of(Intents.from_dict(SMALL))
    print("| clip | seconds | small ms | large ms | padded free ms | small ratio | large ratio |")
    print("|---|---|---|---|---|---|---|")
    for clip in CLIPS:
        samples = sound(recordings / "home" / f"{clip}.wav")
        taken = []
        for _ in range(options.rounds + 1):
            row = []
            for grammar in (small, home):
                started = time.perf_counter()
                how.understand(whisper.hear(samples, "en"), grammar)
                row.append(1000 * (time.perf_counter() - started))
            started = time.perf_counter()
            whisper.hear(samples, "en", padded=True).transcript()
            taken.append([*row, 1000 * (time.perf_counter() - started)])
        a, b, c = np.median(np.array(taken[1:]), axis=0)  # the first round warms the caches
        print(
            f"| {clip} | {len(samples) / 16_000:.1f} | {a:.0f} | {b:.0f} | {c:.0f} "
            f"| {a / c:.2f} | {b / c:.2f} |"
        )
    return 0


if __name__ == "__main__":
    sys.exit(main())
