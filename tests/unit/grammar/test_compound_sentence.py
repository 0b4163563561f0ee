"""Tests of sentences with several commands."""

from __future__ import annotations

from pathlib import Path

import pytest

from appliance.grammar.compound_sentence import parts_of
from appliance.sentences.sentence_set import SentenceSet, load

HOUSES = {
    "en": """
language: en
intents:
  TurnOn:
    data:
      - sentences: ["turn on [the] {name}", "{name} on", "{name}"]
  TurnOff:
    data:
      - sentences: ["turn off [the] {name}", "turn off [the] light in [the] {area}", "{name} off"]
  Lock:
    data:
      - sentences: ["lock [the] {name}"]
  IsOn:
    data:
      - sentences: ["is [the] {name} on"]
  Timer:
    data:
      - sentences: ["set a timer for {number} (hour|hours|minute|minutes)"]
  Add:
    data:
      - sentences: ["add {item} to the list"]
lists:
  name: {values: [fan, lamp, front door, washer and dryer]}
  area: {values: [kitchen, hall]}
  number: {range: {from: 1, to: 60}}
  item: {wildcard: true}
""",
    "de": """
language: de
intents:
  TurnOn: {data: [{sentences: ["schalte [<der>] {name} ein"]}]}
  TurnOff: {data: [{sentences: ["schalte [<der>] {name} aus"]}]}
  Lock: {data: [{sentences: ["schließe [<der>] {name} ab"]}]}
lists: {name: {values: [Lampe, Ventilator, Haustür]}}
expansion_rules: {der: "(der|die|das|den)"}
""",
    "fr": """
language: fr
intents:
  TurnOn: {data: [{sentences: ["allume [<le>] {name}"]}]}
  TurnOff: {data: [{sentences: ["éteins [<le>] {name}"]}]}
  Lock: {data: [{sentences: ["verrouille [<le>] {name}"]}]}
lists: {name: {values: [lampe, ventilateur, porte]}}
expansion_rules: {le: "(le|la|les)"}
""",
    "es": """
language: es
intents:
  TurnOn: {data: [{sentences: ["enciende [<el>] {name}"]}]}
  TurnOff: {data: [{sentences: ["apaga [<el>] {name}"]}]}
  Lock: {data: [{sentences: ["cierra [<el>] {name}"]}]}
lists: {name: {values: [lámpara, ventilador, puerta]}}
expansion_rules: {el: "(el|la|los|las)"}
""",
    "it": """
language: it
intents:
  TurnOn: {data: [{sentences: ["accendi [<il>] {name}"]}]}
  TurnOff: {data: [{sentences: ["spegni [<il>] {name}"]}]}
  Lock: {data: [{sentences: ["chiudi [<il>] {name}"]}]}
lists: {name: {values: [lampada, ventilatore, porta]}}
expansion_rules: {il: "(il|la|lo)"}
""",
    "nl": """
language: nl
intents:
  TurnOn: {data: [{sentences: ["zet [<de>] {name} aan"]}]}
  TurnOff: {data: [{sentences: ["zet [<de>] {name} uit"]}]}
  Lock: {data: [{sentences: ["vergrendel [<de>] {name}"]}]}
lists: {name: {values: [lamp, ventilator, voordeur]}}
expansion_rules: {de: "(de|het)"}
""",
}


@pytest.fixture(scope="module")
def houses(tmp_path_factory: pytest.TempPathFactory) -> dict[str, SentenceSet]:
    return {
        language: _loaded(tmp_path_factory.mktemp(language), language, text)
        for language, text in HOUSES.items()
    }


def _loaded(folder: Path, language: str, text: str) -> SentenceSet:
    (folder / "house.yaml").write_text(text, "utf-8")
    return load(folder, language)


def commands(sentences: SentenceSet, text: str) -> list[tuple[str, str]]:
    return [
        (one.name, " ".join(str(value).casefold() for value in one.slots.values()))
        for one in sentences.parse_all(text)
    ]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("turn off the fan and lock the front door", [("TurnOff", "fan"), ("Lock", "front door")]),
        ("turn off the fan, lock the front door", [("TurnOff", "fan"), ("Lock", "front door")]),
        ("turn off the fan and the lamp", [("TurnOff", "fan"), ("TurnOff", "lamp")]),
        (
            "turn off the light in the kitchen and hall",
            [("TurnOff", "kitchen"), ("TurnOff", "hall")],
        ),
        ("fan on and lamp off", [("TurnOn", "fan"), ("TurnOff", "lamp")]),
        (
            "Turn on the fan, the lamp, and lock the front door.",
            [("TurnOn", "fan"), ("TurnOn", "lamp"), ("Lock", "front door")],
        ),
        (
            "turn off the fan and is the lamp on",
            [("TurnOff", "fan"), ("IsOn", "lamp")],
        ),
    ],
)
def test_several_commands_are_found_in_their_order(
    houses: dict[str, SentenceSet], text: str, expected: list[tuple[str, str]]
) -> None:
    assert commands(houses["en"], text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("turn on the washer and dryer", [("TurnOn", "washer and dryer")]),
        ("add milk and eggs to the list", [("Add", "milk and eggs")]),
        (
            "turn on the washer and dryer and the fan",
            [("TurnOn", "washer and dryer"), ("TurnOn", "fan")],
        ),
    ],
)
def test_a_value_with_a_conjunction_is_one_value(
    houses: dict[str, SentenceSet], text: str, expected: list[tuple[str, str]]
) -> None:
    assert commands(houses["en"], text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "turn off the fan and don't lock the front door",
        "turn on the fan and the lamp is off",
        "turn on the fan or the lamp",
        "turn on the fan and the door",
        "turn on the fan and",
        "and turn on the fan",
        "turn off the fan and tomorrow the lamp",
        "is the fan on and the lamp off",
        "is the fan on and turn off the lamp",
        "turn on the fan and turn on the fan",
        "set a timer for 1 hour and 30 minutes",
        "lock the front door and the light",
        "turn on fan and lamp and washer",
        "if it rains turn off the fan and the lamp",
        "turn off the fan if it rains and lock the front door",
    ],
)
def test_a_text_of_which_a_part_is_no_command_is_none_at_all(
    houses: dict[str, SentenceSet], text: str
) -> None:
    assert commands(houses["en"], text) == []


def test_a_name_alone_is_no_command_beside_another_one(houses: dict[str, SentenceSet]) -> None:
    """Alone, "lamp" turns it on; after "turn off the fan and" it is to be turned off."""
    assert commands(houses["en"], "lamp") == [("TurnOn", "lamp")]
    assert commands(houses["en"], "lock the front door and lamp") == [
        ("Lock", "front door"),
        ("Lock", "lamp"),
    ]


@pytest.mark.parametrize(
    ("language", "text", "expected"),
    [
        (
            "de",
            "schalte die Lampe aus und schließe die Haustür ab",
            ["TurnOff lampe", "Lock haustür"],
        ),
        ("de", "schalte die Lampe und den Ventilator ein", ["TurnOn lampe", "TurnOn ventilator"]),
        ("fr", "éteins la lampe et verrouille la porte", ["TurnOff lampe", "Lock porte"]),
        ("fr", "allume la lampe et le ventilateur", ["TurnOn lampe", "TurnOn ventilateur"]),
        ("es", "apaga la lámpara y cierra la puerta", ["TurnOff lámpara", "Lock puerta"]),
        ("es", "enciende la lámpara y el ventilador", ["TurnOn lámpara", "TurnOn ventilador"]),
        ("it", "spegni la lampada e chiudi la porta", ["TurnOff lampada", "Lock porta"]),
        ("it", "accendi la lampada e il ventilatore", ["TurnOn lampada", "TurnOn ventilatore"]),
        ("nl", "zet de lamp uit en vergrendel de voordeur", ["TurnOff lamp", "Lock voordeur"]),
        ("nl", "zet de lamp en de ventilator aan", ["TurnOn lamp", "TurnOn ventilator"]),
    ],
)
def test_the_conjunctions_of_each_language_are_known(
    houses: dict[str, SentenceSet], language: str, text: str, expected: list[str]
) -> None:
    assert [" ".join(one) for one in commands(houses[language], text)] == expected


def test_a_very_long_text_is_not_taken_apart() -> None:
    read: list[str] = []

    def note(text: str, _before: object) -> None:
        read.append(text)

    assert parts_of("lock it and" + " " * 2000 + "open it", "en", note) == ()
    assert read == []
    assert parts_of("lock it and open it", "en", note) == ()
    assert read
