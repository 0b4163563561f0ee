"""All of Home Assistant's sentences in several languages, with the names of a large home."""

from __future__ import annotations

import json
from pathlib import Path

import home_assistant_intents
import pytest
from hassil import Intents
from hassil.intents import TextSlotList, TextSlotValue

from appliance.grammar.grammar import Grammar

ROOMS = ["kitchen", "attic", "hall", "porch", "office"]
KINDS = {"light": "light", "fan": "fan", "lock": "lock", "blind": "cover"}


def grammar(language: str) -> Grammar:
    folder = Path(home_assistant_intents.__file__).parent / "data"
    intents = Intents.from_dict(json.loads((folder / f"{language}.json").read_text("utf-8")))
    names = [
        (f"{room} {kind} {number}", {"domain": domain})
        for room in ROOMS
        for kind, domain in KINDS.items()
        for number in range(10)
    ]
    values = [TextSlotValue.from_tuple((text, text, context)) for text, context in names]
    lists = {
        "name": TextSlotList(name="name", values=values),
        "area": TextSlotList.from_strings([*ROOMS, *(f"room {n}" for n in range(25))], name="area"),
        "floor": TextSlotList.from_strings([f"floor {n}" for n in range(10)], name="floor"),
    }
    return Grammar.of(intents, lists).in_area("hall")


@pytest.mark.parametrize(
    ("language", "text", "intent"),
    [
        ("en", "turn on the attic light 3", "HassTurnOn"),
        ("fr", "allume attic light 3", "HassTurnOn"),
        ("de", "schalte attic light 3 ein", "HassTurnOn"),
        ("es", "enciende attic light 3", "HassTurnOn"),
        ("it", "accendi attic light 3", "HassTurnOn"),
        ("nl", "zet attic light 3 aan", "HassTurnOn"),
    ],
)
def test_all_sentences_of_a_language_compile_and_parse(
    language: str, text: str, intent: str
) -> None:
    made = grammar(language)
    found = made.readings(text)
    assert made.allows(text)
    assert found[0].intent == intent
    assert found[0].slots["name"] == "attic light 3"


def test_the_domain_of_a_name_decides_which_sentences_take_it() -> None:
    made = grammar("en")
    assert made.allows("lock the attic lock 3")
    assert not made.allows("lock the attic light 3")
    assert made.readings("set the attic light 3 to 20%")[0].slots["brightness"] == 20
    assert made.readings("what is twelve times twelve bananas") == []
