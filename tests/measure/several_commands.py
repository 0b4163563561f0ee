"""Sentences with several commands: right, wrong and refused, as text and spoken by a voice.

    python tests/measure/several_commands.py [--house house.yaml] [--spoken] [--show]

The sentences are those of tests/fixtures/several_commands.toml: of the starter set, of a house in
English (--house; without it they are left out) and of one in German, under Home Assistant's own.
With --spoken Pico says them, and the speech models (APPLIANCE_MODELS) hear them.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
from collections import Counter
from functools import cache
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import msgspec

from appliance.engines.whisper.model import Whisper
from appliance.fallback.cascade import Cascade
from appliance.pipeline.several_commands import SeveralCommands
from appliance.sentences.sentence_set import SentenceSet, load
from appliance.values import Intent
from measure.accuracy import understanding
from measure.recordings import model_folder
from measure.voices import pico

FIXTURES = Path(__file__).resolve().parents[1] / "fixtures"

LANGUAGES = {"starter": "en", "house": "en", "german": "de"}

CASCADE = Cascade()


class MeantCommand(msgspec.Struct, frozen=True):
    """A command that was meant."""

    intent: str
    slots: dict[str, Any] = {}


class MeasuredSentence(msgspec.Struct, frozen=True):
    """A sentence and its commands; none if nothing may be done."""

    text: str
    intents: tuple[MeantCommand, ...]


def sentence_set(name: str, house: Path | None) -> SentenceSet | None:
    """The sentences of one part of the fixture; None if its house is not given."""
    if name == "starter":
        return load(None, "en", included=True)
    place = house if name == "house" else FIXTURES / "german_house.yaml"
    if place is None:
        return None
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / LANGUAGES[name]).mkdir()
        shutil.copy(place, Path(folder) / LANGUAGES[name])
        return load(Path(folder), LANGUAGES[name], builtin=True, included=True)


def read(text: str, sentences: SentenceSet) -> tuple[Intent, ...]:
    """As the stage RESOLVE reads a text, without the language model."""
    intent = sentences.parse(text)
    if intent is not None:
        return (intent,)
    several = SeveralCommands(CASCADE)
    declared, lacking = several.declared(text, sentences)
    if declared or lacking:
        return declared
    repaired = CASCADE.repair(text, sentences)
    return (repaired,) if repaired is not None else several.meant(text, sentences)[0]


@cache
def model(language: str) -> Whisper:
    return Whisper(
        model_folder("whisper-tiny.en" if language == "en" else "whisper-base"), threads=1
    )


def hear(text: str, sentences: SentenceSet) -> tuple[Intent, ...]:
    """As the stage RECOGNISE hears Pico's voice."""
    whisper = model(sentences.language)
    audio = whisper.encode(pico(text, sentences.language), sentences.language)
    found = understanding(whisper).recognise(audio, sentences.grammar)
    WORK["calls"] += found.calls
    WORK["tokens"] += found.tokens
    if found.reading is None:
        print(
            f"    {found.refused}: {found.free_text!r} best {found.text!r} {found.confidence:.2f}"
        )
        return ()
    parts = found.reading.parts or (found.reading,)
    return tuple(Intent(one.intent, dict(one.slots)) for one in parts)


WORK: Counter[str] = Counter()


def verdict(sentence: MeasuredSentence, found: tuple[Intent, ...]) -> str:
    meant = [(one.intent, _plain(one.slots)) for one in sentence.intents]
    if meant == [(one.name, _plain(one.slots)) for one in found]:
        return "right"
    return "wrong" if found else "refused"


def _plain(slots: dict[str, Any]) -> dict[str, str]:
    return {name: str(value).casefold() for name, value in slots.items()}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--house", type=Path)
    parser.add_argument("--spoken", action="store_true")
    parser.add_argument("--show", action="store_true", help="print what is not right")
    arguments = parser.parse_args()
    path = FIXTURES / "several_commands.toml"
    rows = msgspec.toml.decode(path.read_bytes(), type=dict[str, tuple[MeasuredSentence, ...]])
    understand = hear if arguments.spoken else read
    for name, lines in rows.items():
        sentences = sentence_set(name, arguments.house)
        if sentences is None:
            continue
        counts: dict[bool, Counter[str]] = {True: Counter(), False: Counter()}
        WORK.clear()
        for line in lines:
            found = understand(line.text, sentences)
            came = verdict(line, found)
            counts[bool(line.intents)][came] += 1
            if arguments.show and came != "right":
                print(f"    {came}: {line.text} -> {[(one.name, one.slots) for one in found]}")
        print(f"{name}: commands {dict(counts[True])}, others {dict(counts[False])} {dict(WORK)}")


if __name__ == "__main__":
    main()
