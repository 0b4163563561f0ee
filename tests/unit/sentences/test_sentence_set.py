"""The room of the speaker fills what a sentence requires, and an unknown room is asked for."""

from __future__ import annotations

from typing import Any

import pytest
from hassil import Intents

from appliance.sentences.sentence_files import DeclaredIntent
from appliance.sentences.sentence_set import SentenceSet

HERE = {"requires_context": {"area": {"slot": True}}}
TWO_ROOMS = ["kitchen", {"in": "(big|large) hall", "out": "hall"}]


def sentences(areas: list[Any] | None = None, *blocks: dict[str, Any]) -> SentenceSet:
    given = blocks or ({"sentences": ["[turn ]lights on"], **HERE},)
    content: dict[str, Any] = {"language": "en", "intents": {"Light": {"data": list(given)}}}
    if areas is not None:
        content["lists"] = {"area": {"values": areas}}
    return SentenceSet("en", Intents.from_dict(content), {"Light": DeclaredIntent("Light")})


def slots(asked: SentenceSet, text: str = "lights on") -> dict[str, Any] | None:
    intent = asked.parse(text)
    return None if intent is None else intent.slots


@pytest.mark.parametrize("area", ["hall", "Hall", "big hall", "large  hall!"])
def test_the_room_is_published_as_its_list_declares_it(area: str) -> None:
    assert slots(sentences(TWO_ROOMS).in_area(area)) == {"area": "hall"}


def test_without_a_room_the_sentence_needs_one_and_says_which_key_is_missing() -> None:
    unplaced = sentences(TWO_ROOMS).in_area("")
    assert slots(unplaced) is None
    assert "device.area" in (unplaced.lacking("lights on") or "")
    assert unplaced.lacking("lights off") is None


def test_in_a_house_of_one_room_that_one_is_meant() -> None:
    assert slots(sentences([{"in": "(big|large) hall", "out": "hall"}]).in_area("")) == {
        "area": "hall"
    }


def test_a_room_that_is_not_declared_is_not_acted_in() -> None:
    elsewhere = sentences(TWO_ROOMS).in_area("attic")
    assert slots(elsewhere) is None
    assert "'attic' is none of the areas" in (elsewhere.lacking("lights on") or "")
    assert slots(sentences().in_area("attic")) == {"area": "attic"}, "no rooms are declared"


def test_a_room_that_is_said_goes_before_the_room_of_the_speaker() -> None:
    blocks = {"sentences": ["lights on"], **HERE}, {"sentences": ["lights on in {area}"]}
    here = sentences(TWO_ROOMS, *blocks).in_area("hall")
    assert slots(here, "lights on in kitchen") == {"area": "kitchen"}


def test_a_sentence_that_fits_without_a_room_is_understood_without_one() -> None:
    blocks = {"sentences": ["lights on"], **HERE}, {"sentences": ["lights on"], "slots": {"all": 1}}
    asked = sentences(TWO_ROOMS, *blocks)
    assert slots(asked.in_area("")) == {"all": 1}
    assert asked.in_area("").lacking("lights on") is None


def test_a_required_room_is_compared() -> None:
    block = {"sentences": ["lights on"], "requires_context": {"area": {"value": "hall"}}}
    asked = sentences(TWO_ROOMS, block)
    assert slots(asked.in_area("hall")) == {}
    assert slots(asked.in_area("kitchen")) is None
    assert slots(asked.in_area("")) is None


def test_rooms_share_one_grammar() -> None:
    asked = sentences(TWO_ROOMS)
    first, second = asked.in_area("hall"), asked.in_area("kitchen").in_area("hall")
    assert first.grammar.network is second.grammar.network
    assert first.grammar.automaton is asked.grammar.automaton
    assert slots(second) == {"area": "hall"}


DEVICES = {
    "lists": {"name": {"values": [{"in": "lamp", "out": "lamp", "context": {"domain": "light"}}]}},
    "requires_context": {"domain": ["light", "switch"]},
}


def named(*names: str, **block: Any) -> SentenceSet:
    """Sentences about a lamp, with names of a client."""
    content = {
        "language": "en",
        "intents": {
            "Light": {"data": [{"sentences": ["turn on [the] {name}"], **block}]},
            "Dim": {
                "data": [{"sentences": ["dim {name}"], "requires_context": {"domain": "light"}}]
            },
        },
        "lists": DEVICES["lists"],
    }
    declared = {name: DeclaredIntent(name) for name in ("Light", "Dim")}
    return SentenceSet("en", Intents.from_dict(content), declared).with_names(names)


def test_a_name_of_a_client_stands_wherever_that_of_a_device_stands() -> None:
    assert slots(named(), "turn on the lava lamp") is None
    widened = named("Lava Lamp", requires_context=DEVICES["requires_context"])
    assert slots(widened, "turn on the lava lamp") == {"name": "Lava Lamp"}
    assert slots(widened, "dim lava lamp") == {"name": "Lava Lamp"}
    assert slots(widened, "turn on the lamp") == {"name": "lamp"}
    assert slots(widened, "turn on the larva lamp") is None


def test_a_name_that_is_declared_keeps_its_meaning() -> None:
    asked = named()
    assert asked.with_names(["LAMP", "lamp."]) is asked


def test_names_change_nothing_where_no_sentence_has_a_name() -> None:
    asked = sentences(TWO_ROOMS)
    assert asked.with_names(["lava lamp"]) is asked


def test_signs_of_the_sentence_language_in_a_name_are_letters_like_others() -> None:
    widened = named("(a|b) [c] {name} <d>")
    assert slots(widened, "turn on a") is None
    assert slots(widened, "turn on b") is None


def test_the_room_of_the_speaker_stays_with_more_names() -> None:
    assert named("lava lamp").in_area("hall").with_names(["disco ball"]).asked_area == "hall"
