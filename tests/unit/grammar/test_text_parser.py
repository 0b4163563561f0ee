"""Which of several parses of a text wins, and how a text may be written."""

from __future__ import annotations

from typing import Any

import pytest
from hassil import Intents

from appliance.grammar.grammar import Grammar

WILD: dict[str, Any] = {"wildcard": True}


def grammar(*sentences: str, language: str = "en", **parts: Any) -> Grammar:
    data = {"Say": {"data": [{"sentences": list(sentences)}]}}
    return Grammar.of(Intents.from_dict({"language": language, "intents": data, **parts}))


def slots(made: Grammar, text: str) -> dict[str, Any] | None:
    return next((dict(reading.slots) for reading in made.readings(text)), None)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("open blind kitchen", {"name": "blind kitchen"}),
        ("open blind in the kitchen", {"name": "blind", "area": "kitchen"}),
        ("open blinds", {"name": "blinds"}),
    ],
)
def test_the_longest_name_of_a_device_wins(text: str, expected: dict[str, str]) -> None:
    lists = {
        "name": {"values": ["blind", "blind kitchen", "blinds"]},
        "area": {"values": ["kitchen"]},
    }
    made = grammar("open {name} [in [the]] {area}", "open {name}[s]", lists=lists)
    assert slots(made, text) == expected


def test_a_wildcard_called_name_is_not_a_device() -> None:
    lists = {"name": WILD, "area": {"values": ["kitchen"]}}
    made = grammar("stop the {name} timer", "stop the {area} timer", lists=lists)
    assert slots(made, "stop the kitchen timer") == {"area": "kitchen"}
    assert slots(made, "stop the egg timer") == {"name": "egg"}


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("Upstairs, hallway", "turn on upstairs, hallway"),
        ("Upstairs, hallway", "turn on upstairs hallway"),
        ("Mr. Coffee", "turn on Mr. Coffee."),
        ("Lamp...", "turn on lamp"),
        ("Tom,Dick", "turn on Tom, Dick"),
        ("Tom,Dick", "turn on Tom,Dick"),
        ("Room 2,5", "turn on Room 2,5"),
        ("U.S. lamp", "turn on US lamp"),
        ("Alarm 7:30", "turn on alarm 7:30."),
        ("Lamp - left", "turn on Lamp - left"),
        ("Lamp \N{EN DASH} right", "turn on Lamp \N{EN DASH} right"),
    ],
)
def test_a_name_with_punctuation_is_read_with_it_and_without(value: str, text: str) -> None:
    assert slots(grammar("turn on {name}", lists={"name": {"values": [value]}}), text) == {
        "name": value
    }


@pytest.mark.parametrize("text", ["turn on lamp left", "turn on Lamp (left)"])
def test_a_value_that_is_a_template_without_out_stands_for_the_words_said(text: str) -> None:
    made = grammar("turn on {name}", lists={"name": {"values": ["lamp (left)"]}})
    found = slots(made, text)
    assert found is not None
    assert found["name"].casefold() == "lamp left"


def test_a_wildcard_keeps_its_brackets_and_its_commas() -> None:
    made = grammar("call {who}", lists={"who": WILD})
    assert slots(made, "Call Mum (mobile).") == {"who": "Mum (mobile)"}
    assert slots(made, "call Tom, Dick and Harry") == {"who": "Tom, Dick and Harry"}


@pytest.mark.parametrize(
    ("text", "value"),
    [("offset -5", -5), ("offset - 5", None), ("offset -.5", -0.5), ("offset .5", 0.5)],
)
def test_a_hyphen_before_a_number_is_its_sign(text: str, value: float | None) -> None:
    made = grammar(
        "offset {n}", lists={"n": {"range": {"from": -9, "to": 9, "fractions": "tenths"}}}
    )
    assert slots(made, text) == (None if value is None else {"n": value})


@pytest.mark.parametrize("said", ["90 procent", "90procent", "90%", "negentig procent"])
def test_a_word_for_a_sign_may_stand_apart_from_its_number(said: str) -> None:
    lists = {"level": {"range": {"from": 0, "to": 100}}}
    made = grammar("volume {level}[%|procent]", language="nl", lists=lists)
    assert slots(made, f"volume {said}") == {"level": 90}
    assert made.allows(f"volume {said}")


def test_a_unit_may_follow_its_number_without_a_space() -> None:
    made = grammar("wait {n} min", lists={"n": {"range": {"from": 0, "to": 100}}})
    assert slots(made, "wait 5min") == {"n": 5}


def test_in_some_languages_a_text_may_join_a_value_and_the_word_after_it() -> None:
    """In a text, not in speech, whose search would have many more sentences to choose from."""
    lists = {"floor": {"values": ["Erdgeschoss"]}}
    german = grammar("[die ]{floor} temperatur", language="de", lists=lists)
    for text in ("Erdgeschosstemperatur", "die Erdgeschoss Temperatur"):
        assert slots(german, text) == {"floor": "Erdgeschoss"}
    assert german.allows("die Erdgeschoss Temperatur")
    assert not german.allows("die Erdgeschosstemperatur")
    assert slots(grammar("{floor} temperature", lists=lists), "erdgeschosstemperature") is None


@pytest.mark.parametrize(
    ("text", "item"),
    [
        ("add please milk to list", "milk"),
        ("add milk please to list", "milk"),
        ("please add milk to list please", "milk"),
        ("add brown please bread to list", "brown please bread"),
    ],
)
def test_a_skip_word_beside_a_wildcard_is_not_one_of_its_words(text: str, item: str) -> None:
    made = grammar("add {item} to list", lists={"item": WILD}, skip_words=["please"])
    assert slots(made, text) == {"item": item}


def test_a_number_of_several_words_may_be_digits() -> None:
    lists = {"room": {"values": ["room twenty-five"]}}
    made = grammar("go to {room}", "play ninety nine", lists=lists)
    assert slots(made, "go to room 25") == {"room": "room twenty-five"}
    assert slots(made, "play 99") == {}
    assert slots(made, "go to room 2") is None


def test_of_two_values_with_one_spelling_the_one_whose_context_fits_wins() -> None:
    values = [
        {"in": "desk", "out": "the desk's door", "context": {"domain": "lock"}},
        {"in": "desk", "out": "the desk's lamp", "context": {"domain": "light"}},
    ]
    data = {"sentences": ["dim {name}"], "requires_context": {"domain": "light"}}
    intents = {"Dim": {"data": [data]}, "Lock": {"data": [{"sentences": ["lock {name}"]}]}}
    source = {"language": "en", "intents": intents, "lists": {"name": {"values": values}}}
    made = Grammar.of(Intents.from_dict(source))
    assert slots(made, "dim desk") == {"name": "the desk's lamp"}
    assert slots(made, "lock desk") == {"name": "the desk's door"}


def test_a_text_with_very_many_readings_is_read() -> None:
    lists = dict.fromkeys("abcdef", WILD)
    made = grammar("note {a} {b} {c} {d} {e} {f}", lists=lists)
    found = slots(made, "note " + " ".join(f"word{number}" for number in range(60)))
    assert found is not None
    assert [found[name] for name in "abcde"] == [f"word{number}" for number in range(5)]
