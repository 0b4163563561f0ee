"""15 and 200 devices: until they can be said, memory, recognition time, and spoken names.

    APPLIANCE_MODELS=… PYTHONPATH=.:tests python tests/measure/many_devices.py [--names 200]
        [--model whisper-tiny.en] [--few 15] [--many 200] [--voices 5]

The devices announce themselves as on a broker; Home Assistant's English sentences and the included
ones are compiled with their names. Then "turn on the …" is said by synthetic voices: the names of
the few under both grammars, which gives the ratio of the recognition times, and as many names of
the many as asked for. Each number of devices is measured in a process of its own. The last lines
are the figures; nothing is judged.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import psutil

from appliance.decoding.sentence_recogniser import RejectionLimits
from appliance.devices.device_registry import DeviceRegistry
from appliance.devices.discovered_entities import DiscoveryRules
from appliance.devices.owner_file import OwnerFile
from appliance.engines.whisper.model import Whisper
from appliance.grammar.text_parser import ParsedSentence
from appliance.sentences.sentence_set import SentenceSet, load
from measure.accuracy import understanding
from measure.recordings import Sound, model_folder
from measure.voices import espeak, pico

ROOMS = (
    *("kitchen", "bedroom", "bathroom", "hallway", "office", "garage"),
    *("cellar", "garden", "nursery", "library"),
)
THINGS = (
    *("lamp", "fan", "heater", "socket", "strip light", "spotlight", "radio plug", "lantern"),
    *("chandelier", "night light", "kettle", "pump", "humidity fan", "mirror light", "desk lamp"),
    *("printer plug", "floor lamp", "ventilator", "window lamp", "charger"),
)
VOICES = ("pico:en-US", "pico:en-GB", "espeak:en-us", "espeak:en-gb+f3", "espeak:en-us+f2")


def names(count: int) -> list[str]:
    """Different names, the first ones from every room."""
    return [f"{ROOMS[at % len(ROOMS)]} {THINGS[at // len(ROOMS)]}" for at in range(count)]


def home(count: int, folder: Path) -> SentenceSet:
    """The sentences of a home with so many devices, compiled."""
    owner = OwnerFile(areas=list(ROOMS))
    registry = DeviceRegistry(DiscoveryRules(), owner, folder / "devices.json")
    for number, name in enumerate(names(count)):
        config = {
            "name": name,
            "uniq_id": f"d{number}",
            "cmd_t": f"d/{number}",
            "stat_t": f"s/{number}",
        }
        topic = f"homeassistant/{'fan' if 'fan' in name else 'light'}/d{number}/config"
        registry.receive(topic, json.dumps(config).encode(), retained=True)
    sentences = load(None, "en", builtin=True, included=True, more_values=registry.lists())
    _ = sentences.grammar
    return sentences


def said_by(voice: str, text: str) -> Sound:
    """A sentence by one of the voices."""
    engine, _, name = voice.partition(":")
    return pico(text, name) if engine == "pico" else espeak(text, name)


def clips(asked: list[str], voices: list[str], *, each: bool) -> Iterator[tuple[str, str, Sound]]:
    """Name, voice and sound; by every voice, or by one after the other."""
    for number, name in enumerate(asked):
        # Rooms and voices have periods that go into each other: no voice says one room only.
        at = number + number // len(ROOMS)
        for voice in voices if each else [voices[at % len(voices)]]:
            yield name, voice, said_by(voice, f"turn on the {name}")


def measured(count: int, options: argparse.Namespace) -> dict[str, Any]:
    """The figures of one number of devices."""
    process = psutil.Process()
    with tempfile.TemporaryDirectory() as folder:
        before, cpu, began = process.memory_info().rss, time.process_time(), time.perf_counter()
        sentences = home(count, Path(folder))
        figures: dict[str, Any] = {
            "devices": count,
            "sayable_cpu_s": round(time.process_time() - cpu, 2),
            "sayable_s": round(time.perf_counter() - began, 2),
            "memory_mb": round((process.memory_info().rss - before) / 1e6, 1),
        }
    how = replace(
        understanding(Whisper(model_folder(options.model), threads=1)), limits=RejectionLimits()
    )
    voices = list(VOICES[: options.voices])
    model = Whisper(model_folder(options.model), threads=1)
    times: dict[str, list[float]] = {"few": [], "rest": []}
    heard: Counter[str] = Counter()
    first: Counter[bool] = Counter()
    by_voice: dict[str, Counter[str]] = {voice: Counter() for voice in voices}
    few = set(names(options.few))
    for name, voice, sound in clips(names(min(count, options.names)), voices, each=False):
        cpu = time.process_time()
        found = how.recognise(model.encode(sound, "en"), sentences.grammar, None)
        times["few" if name in few else "rest"].append(time.process_time() - cpu)
        slots = {key: str(value).casefold() for key, value in (found.slots or {}).items()}
        is_right = found.intent == "HassTurnOn" and name in slots.values()
        what = "refused" if found.reading is None else "right" if is_right else "wrong"
        heard[what] += 1
        first[_names(found.meant, name)] += 1
        by_voice[voice][what] += 1
        if what != "right":
            print(f"{what}: {name} by {voice}: {found.text!r}", file=sys.stderr)
    figures["recognise_few_cpu_ms"] = round(1000 * statistics.median(times["few"]))
    figures["heard"] = dict(heard)
    figures["right_is_first"] = first[True]
    figures["by_voice"] = {voice: dict(counts) for voice, counts in by_voice.items()}
    return figures


def _names(meant: ParsedSentence | None, name: str) -> bool:
    """Whether the best candidate is right, refused or not: no limit can do better."""
    if meant is None or meant.intent != "HassTurnOn":
        return False
    return name in {str(value).casefold() for value in meant.slots.values()}


def main() -> int:
    """Always 0."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--few", type=int, default=15)
    parser.add_argument("--many", type=int, default=200)
    parser.add_argument("--names", type=int, default=200)
    parser.add_argument("--voices", type=int, default=len(VOICES))
    parser.add_argument("--model", default="whisper-tiny.en")
    parser.add_argument("--only", type=int, default=0, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.only:
        print(json.dumps(measured(options.only, options)))
        return 0
    found = []
    for count in (options.few, options.many):
        words = [sys.executable, __file__, *sys.argv[1:], "--only", str(count)]
        done = subprocess.run(words, stdout=subprocess.PIPE, check=True, text=True)
        found.append(json.loads(done.stdout))
        print(done.stdout.strip())
    few, many = found
    ratio = many["recognise_few_cpu_ms"] / few["recognise_few_cpu_ms"]
    total = sum(many["heard"].values())
    right, wrong = (100 * many["heard"].get(what, 0) / total for what in ("right", "wrong"))
    print(
        f"recognition of the same {options.few} names: {ratio:.2f} of the time with {options.few}"
    )
    best = 100 * many["right_is_first"] / total
    print(
        f"{total} spoken names: {right:.1f} % right, {wrong:.1f} % wrong; "
        f"the right sentence is first of all in {best:.1f} %"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
