"""A device that was named in part is meant only if it is the only one that can be."""

from __future__ import annotations

from typing import Any

import pytest
from hassil import Intents

from appliance.fallback.cascade import Cascade
from appliance.sentences.sentence_files import DeclaredIntent
from appliance.sentences.sentence_set import SentenceSet

DEVICES = {
    "Front Door Lock": "lock",
    "Office Lock": "lock",
    "Office Light": "light",
    "Garden Gate Light": "light",
    "Attic Fans": "fan",
    "Master Bedroom Lamp": "light",
    "Hall Light left": "light",
    "Hall Light right": "light",
    "Light F": "light",
    "Main Garage Door": "lock",
    "Bike Garage": "lock",
}
SENTENCES = SentenceSet(
    "en",
    Intents.from_dict(
        {
            "language": "en",
            "intents": {
                "On": {
                    "data": [
                        {
                            "sentences": ["turn on [the] {name}"],
                            "requires_context": {"domain": ["light", "fan"]},
                        }
                    ]
                },
                "Unlock": {
                    "data": [
                        {
                            "sentences": ["unlock [the] {name}"],
                            "requires_context": {"domain": ["lock"]},
                        }
                    ]
                },
                "Off": {"data": [{"sentences": ["turn off [the] {area} light"]}]},
            },
            "lists": {
                "name": {
                    "values": [
                        {"in": name, "out": name, "context": {"domain": domain}}
                        for name, domain in DEVICES.items()
                    ]
                },
                "area": {"values": ["office", "bedroom", "master bedroom", "garage"]},
            },
        }
    ),
    {name: DeclaredIntent(name) for name in ("On", "Unlock", "Off")},
)


def meant(text: str) -> tuple[str, Any] | None:
    intent = Cascade().repair(text, SENTENCES)
    return None if intent is None else (intent.name, intent.slots["name"])


@pytest.mark.parametrize(
    ("text", "intent", "name"),
    [
        ("unlock the front door", "Unlock", "Front Door Lock"),
        ("please unlock the office", "Unlock", "Office Lock"),
        ("turn on the gate light", "On", "Garden Gate Light"),
        ("turn on the attic fan", "On", "Attic Fans"),
        ("activate the master bedroom light", "On", "Master Bedroom Lamp"),
    ],
)
def test_a_part_of_a_name_is_enough_if_no_other_device_can_be_meant(
    text: str, intent: str, name: str
) -> None:
    assert meant(text) == (intent, name)


@pytest.mark.parametrize(
    "text",
    [
        "turn on the hall light",
        "turn on the lights",
        "unlock the garage",
        "turn on the light",
        "turn on the attic",
        "turn on the office",
        "unlock the door to the front garden",
        "unlock the back door",
        "unlock the office door",
        "turn on the bedroom lamp",
        "is the gate light on",
        "do not unlock the front door",
        "unlock the front door tomorrow",
    ],
)
def test_a_part_that_may_be_another_device_or_none_does_nothing(text: str) -> None:
    assert meant(text) is None
