"""All the lights but some, in six languages: what is left out stays as it is."""

from __future__ import annotations

import functools
from typing import Any

import pytest

from appliance.devices.discovered_entities import DiscoveryRules
from appliance.devices.entity_factory import make_entity
from appliance.devices.intent_plan import asked_of
from appliance.devices.owner_file import DeviceEntry, OwnerFile
from appliance.devices.sayable_devices import SayableDevice, sayable_devices, sentence_lists
from appliance.errors import ServiceRefused
from appliance.sentences.sentence_set import SentenceSet, load
from appliance.values import Intent

ROOMS = {
    "en": ("Kitchen", "Hall", "Bedroom"),
    "de": ("Küche", "Flur", "Schlafzimmer"),
    "fr": ("Cuisine", "Entrée", "Chambre"),
    "es": ("Cocina", "Pasillo", "Dormitorio"),
    "it": ("Cucina", "Ingresso", "Camera"),
    "nl": ("Keuken", "Gang", "Slaapkamer"),
}

LAMP = "Nova"
"""In the bedroom; a name that no language has a word for."""


@functools.cache
def home(language: str) -> tuple[list[SayableDevice], SentenceSet]:
    """A lamp and a blind in every room, a second lamp in the bedroom, a garage door in the hall."""
    rooms = ROOMS[language]
    kinds: dict[str, tuple[str, dict[str, Any]]] = {
        f"{kind} {at}": (kind, {}) for kind in ("light", "cover") for at in range(len(rooms))
    }
    entries = [
        DeviceEntry(f"{kind} {at}", name=f"{word} {at + 1}", area=room)
        for kind, word in (("light", "Spot"), ("cover", "Rollo"))
        for at, room in enumerate(rooms)
    ]
    kinds |= {LAMP: ("light", {}), "Gate": ("cover", {"device_class": "garage"})}
    entries += [DeviceEntry(LAMP, area=rooms[2]), DeviceEntry("Gate", expose=True, area=rooms[1])]
    entities = [
        make_entity(kind, f"{kind} {name}", {"name": name, "command_topic": "c", **more})
        for name, (kind, more) in kinds.items()
    ]
    devices = sayable_devices(entities, OwnerFile(devices=entries))
    lists = sentence_lists(devices)
    return devices, load(None, language, builtin=True, included=True, more_values=lists)


def moved(language: str, intent: Intent) -> dict[str, str]:
    """Which service each device gets."""
    asked = asked_of(intent, None, home(language)[0], DiscoveryRules(), text="", language=language)
    return {one[0].name: one[1].name for one in asked if isinstance(one, tuple)}


def said(language: str, text: str) -> dict[str, str]:
    """The same of a text."""
    intent = home(language)[1].parse(text)
    assert intent is not None, text
    return moved(language, intent)


SENTENCES = [
    ("en", "turn off all lights except the kitchen", "off", {"Spot 2", "Spot 3", LAMP}),
    (
        "en",
        "turn all the lights off except for the ones in the bedroom",
        "off",
        {"Spot 1", "Spot 2"},
    ),
    ("en", "switch on all lamps but Nova", "on", {"Spot 1", "Spot 2", "Spot 3"}),
    ("en", "turn off all lights except the kitchen and the hall", "off", {"Spot 3", LAMP}),
    ("en", "turn off all lights except Nova and the kitchen", "off", {"Spot 2", "Spot 3"}),
    ("en", "turn off all lights in the bedroom except Nova", "off", {"Spot 3"}),
    ("en", "close all blinds except the bedroom", "close", {"Rollo 1", "Rollo 2"}),
    ("en", "open all the curtains apart from Rollo 1", "open", {"Rollo 2", "Rollo 3"}),
    ("de", "schalte alle Lichter aus außer in der Küche", "off", {"Spot 2", "Spot 3", LAMP}),
    ("de", "mach alle Lampen bis auf den Flur an", "on", {"Spot 1", "Spot 3", LAMP}),
    ("de", "alle Lichter ausschalten außer Nova", "off", {"Spot 1", "Spot 2", "Spot 3"}),
    ("de", "schließe alle Rollläden außer im Schlafzimmer", "close", {"Rollo 1", "Rollo 2"}),
    ("fr", "éteins toutes les lumières sauf la cuisine", "off", {"Spot 2", "Spot 3", LAMP}),
    ("fr", "allume toutes les lampes sauf celles de l'entrée", "on", {"Spot 1", "Spot 3", LAMP}),
    ("fr", "éteins toutes les lumières sauf Nova", "off", {"Spot 1", "Spot 2", "Spot 3"}),
    ("fr", "ferme tous les volets sauf dans la chambre", "close", {"Rollo 1", "Rollo 2"}),
    ("es", "apaga todas las luces excepto la cocina", "off", {"Spot 2", "Spot 3", LAMP}),
    ("es", "enciende todas las luces menos las del pasillo", "on", {"Spot 1", "Spot 3", LAMP}),
    ("es", "apaga todas las luces salvo Nova", "off", {"Spot 1", "Spot 2", "Spot 3"}),
    ("es", "cierra todas las persianas excepto el dormitorio", "close", {"Rollo 1", "Rollo 2"}),
    ("it", "spegni tutte le luci tranne la cucina", "off", {"Spot 2", "Spot 3", LAMP}),
    ("it", "accendi tutte le luci tranne quelle dell'ingresso", "on", {"Spot 1", "Spot 3", LAMP}),
    ("it", "spegni tutte le luci eccetto Nova", "off", {"Spot 1", "Spot 2", "Spot 3"}),
    ("it", "chiudi tutte le tapparelle tranne in camera", "close", {"Rollo 1", "Rollo 2"}),
    ("nl", "doe alle lichten uit behalve de keuken", "off", {"Spot 2", "Spot 3", LAMP}),
    ("nl", "zet alle lampen behalve in de gang aan", "on", {"Spot 1", "Spot 3", LAMP}),
    ("nl", "doe alle lampen uit behalve Nova", "off", {"Spot 1", "Spot 2", "Spot 3"}),
    ("nl", "sluit alle rolluiken behalve in de slaapkamer", "close", {"Rollo 1", "Rollo 2"}),
]


@pytest.mark.parametrize(("language", "text", "what", "names"), SENTENCES)
def test_every_other_device_is_moved_and_no_excepted_one(
    language: str, text: str, what: str, names: set[str]
) -> None:
    services = {"off": "light.turn_off", "on": "light.turn_on"}
    service = services.get(what, f"cover.{what}_cover")
    assert said(language, text) == dict.fromkeys(names, service)


@pytest.mark.parametrize("name", ["Kitchen lamp", "Kitchen lights"])
@pytest.mark.parametrize("except_", ["the {}", "the {} and Nova", "Nova and the {}"])
def test_a_lamp_named_after_a_room_is_left_out_by_its_name(name: str, except_: str) -> None:
    lamps = {name: "Ground", "Spots": "Kitchen", LAMP: "Hall"}
    config = {"command_topic": "c"}
    entities = [make_entity("light", one, {"name": one, **config}) for one in lamps]
    owner = OwnerFile(devices=[DeviceEntry(one, area=area) for one, area in lamps.items()])
    lists = sentence_lists(sayable_devices(entities, owner))
    sentences = load(None, "en", builtin=True, included=True, more_values=lists)
    for said in (name, name.lower()):
        intent = sentences.parse(f"turn off all lights except {except_.format(said)}")
        assert intent is not None
        assert name in {value for slot, value in intent.slots.items() if "except_name" in slot}
        assert "except_area" not in intent.slots


@pytest.mark.parametrize(
    "slots",
    [
        {"domain": "light", "except_area": "Cellar"},
        {"domain": "light", "except_name": "Rollo 1"},
        {"domain": "light", "except_name": ""},
        {"domain": "light", "area": "Kitchen", "except_area": "Kitchen"},
        {"except_area": "Kitchen"},
    ],
)
def test_an_exception_that_fits_nothing_or_all_moves_nothing(slots: dict[str, Any]) -> None:
    with pytest.raises(ServiceRefused):
        moved("en", Intent("TurnOffAllExcept", slots))


def test_an_excepted_lamp_is_not_moved_by_its_group() -> None:
    bulbs = {"Kitchen lamp": {}, "Hall lamp": {}, "Evening lamps": {"group": ["a", "b"]}}
    devices = sayable_devices(
        [
            make_entity("light", f"light {name}", {"name": name, "command_topic": "c", **more})
            for name, more in bulbs.items()
        ],
        OwnerFile(areas=["Kitchen", "Hall"]),
    )
    assert devices[2].is_group

    def names(**left_out: str) -> list[str]:
        intent = Intent("TurnOffAllExcept", {"domain": "light", **left_out})
        asked = asked_of(intent, None, devices, DiscoveryRules(), text="", language="en")
        return [one[0].name for one in asked if isinstance(one, tuple)]

    assert names(except_area="Kitchen") == ["Hall lamp"]
    assert names(except_name="Kitchen lamp") == ["Hall lamp"]
    with pytest.raises(ServiceRefused):  # nobody knows here which lamps it has
        names(except_name="Evening lamps")


@pytest.mark.parametrize("language", ROOMS)
def test_every_sentence_of_the_language_leaves_something_out(language: str) -> None:
    sentences = home(language)[1]
    for name in ("TurnOffAllExcept", "TurnOnAllExcept"):
        # A name of another kind of device fits no sentence.
        parsed = [sentences.parse(text) for _, text in sentences.examples(3, name)]
        found = [intent for intent in parsed if intent is not None]
        assert len(found) >= 8
        for intent in found:
            assert intent.name == name
            assert any(slot.startswith("except_") for slot in intent.slots)
