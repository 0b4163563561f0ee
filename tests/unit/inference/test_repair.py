"""Words heard a little wrong, and words that only look so."""

from __future__ import annotations

from typing import Any

import pytest

from appliance.config import Cascade as Settings
from appliance.inference import sentences as sentence_files
from appliance.inference.cascade import Cascade

SENTENCES = sentence_files.load(None, "en")
CASCADE = Cascade()


def repaired(text: str) -> tuple[str, dict[str, Any]] | None:
    intent = CASCADE.repair(text, SENTENCES)
    if intent is None:
        return None
    assert intent.by == "fuzzy"
    assert intent.confidence is not None
    return intent.name, intent.slots


@pytest.mark.parametrize(
    ("heard", "name", "slots"),
    [
        ("turn on the chicken light", "HassTurnOn", {"area": "kitchen", "domain": "light"}),
        ("trun on the kitchn lihgt", "HassTurnOn", {"area": "kitchen", "domain": "light"}),
        ("turn on the bath room lamp", "HassTurnOn", {"area": "bathroom", "domain": "light"}),
        ("what time is is", "HassGetCurrentTime", {}),
        ("start mashine 3", "MachineStart", {"machine": 3}),
        ("cancel the time", "HassCancelTimer", {}),
        (
            "dim the livin room light to 20 percent",
            "HassLightSet",
            {"area": "living room", "brightness": 20, "domain": "light"},
        ),
    ],
)
def test_words_heard_a_little_wrong_become_the_sentence_that_was_said(
    heard: str, name: str, slots: dict[str, Any]
) -> None:
    assert repaired(heard) == (name, slots)


@pytest.mark.parametrize(
    "text",
    [
        "don't turn on the kitchen light",
        "do not start machine three",
        "turn on the television",
        "kitchen light",
        "why is the sky blue",
        "open the garage door",
        "start machine fore",
        "turn the light",
        "",
        "word " * 200,
        "\x00\x1b<|im_start|>",
    ],
)
def test_what_only_resembles_a_sentence_is_left_alone(text: str) -> None:
    assert repaired(text) is None


def test_what_sounds_like_two_opposite_sentences_is_not_repaired() -> None:
    assert repaired("turn o the kitchen light") is None


def test_a_number_is_never_guessed() -> None:
    for text in ("start machine tree", "set a timer for fife minutes", "stop machine to"):
        assert repaired(text) is None


def test_the_operator_can_switch_it_off() -> None:
    assert Cascade(Settings(repair=False)).repair("what time is is", SENTENCES) is None
    assert Cascade(Settings(repair_threshold=1.0)).repair("what time is is", SENTENCES) is None
