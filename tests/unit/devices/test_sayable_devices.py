"""Names, rooms and what is exposed."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from appliance.devices.device_registry import DeviceRegistry
from appliance.devices.discovered_entities import DiscoveryRules
from appliance.devices.entity_factory import make_entity
from appliance.devices.intent_targets import targets_of
from appliance.devices.owner_file import DeviceEntry, OwnerFile, load_owner_file
from appliance.devices.sayable_devices import (
    SayableDevice,
    sayable_devices,
    sentence_lists,
    spoken_name,
    without_repetition,
)
from appliance.errors import DeviceConfigError, ServiceRefused

LIGHT = {"command_topic": "c", "state_topic": "s"}


def device(component: str, name: str, owner: OwnerFile | None = None, **more: Any) -> SayableDevice:
    """One device, as it can be said."""
    entity = make_entity(component, f"{component} x", {**LIGHT, "name": name, **more})
    return sayable_devices([entity], owner or OwnerFile())[0]


@pytest.mark.parametrize(
    ("found", "said"),
    [
        ("Kitchen lamp", "Kitchen lamp"),
        ("kitchen_lamp", "kitchen lamp"),
        ("KitchenLamp", "Kitchen Lamp"),
        ("kid's room/lamp", "kid's room lamp"),
        ("Küche Licht 2", "Küche Licht 2"),
        ("0x00158d0001a2b3c4", None),
        ("lamp 00158d0001a2", None),
        ("lampX00158D0001A2", None),
        ("facade 2", None),
        ("faced 2", "faced 2"),
        ("a" * 1001, None),
        ("12 34", None),
        ("\x00\x1b[31m", None),
        ("{name}|(all|the) lights", "name all the lights"),
        ("x" * 200, None),
        ("a b c d e f g h i j", None),
        ("", None),
    ],
)
def test_a_name_is_said_in_plain_words_or_not_at_all(found: str, said: str | None) -> None:
    assert spoken_name(found) == said


def test_what_is_too_long_for_a_name_is_not_searched(monkeypatch: pytest.MonkeyPatch) -> None:
    def search(*_: Any) -> None:
        raise AssertionError("a long name is searched")

    monkeypatch.setattr("appliance.devices.sayable_devices.re.search", search)
    monkeypatch.setattr("appliance.devices.sayable_devices.re.sub", lambda *given: given[-1])
    assert spoken_name("a" * 20_000) is None
    assert spoken_name("a" * 999) is None
    many = "lamp " * 20_000
    assert without_repetition(many) == many


def test_a_name_that_is_said_twice_is_said_once() -> None:
    assert without_repetition("Kitchen plug Kitchen plug power") == "Kitchen plug power"
    assert without_repetition("Hall lamp") == "Hall lamp"


@pytest.mark.parametrize(
    ("component", "more", "said"),
    [
        ("light", {}, True),
        ("switch", {}, True),
        ("cover", {"device_class": "blind"}, True),
        ("cover", {"device_class": "garage"}, False),
        ("lock", {}, False),
        ("valve", {}, False),
        ("siren", {}, False),
        ("binary_sensor", {"device_class": "window"}, True),
        ("binary_sensor", {"device_class": "battery"}, False),
        ("sensor", {"device_class": "temperature"}, True),
        ("switch", {"entity_category": "config"}, False),
        ("sensor", {"device_class": "temperature", "entity_category": "diagnostic"}, False),
        ("light", {"enabled_by_default": False}, False),
        ("light", {"visible_by_default": False}, False),
    ],
)
def test_what_is_exposed_by_default(component: str, more: dict[str, Any], said: bool) -> None:  # noqa: FBT001
    found = device(component, "Thing", **more)
    assert (found.problem is None) is said


def test_the_owner_has_the_last_word() -> None:
    owner = OwnerFile(
        devices=[
            DeviceEntry("lock Front *", name="House door", expose=True, area="Hall"),
            DeviceEntry("Lamp", hide=True),
            DeviceEntry("Fan", expose=False),
            DeviceEntry("0x00158d0001a2b3c4", name="Big light", aliases=["big lamp"]),
        ]
    )
    lock = device("lock", "Front door", owner)
    assert (lock.name, lock.area, lock.problem) == ("House door", "Hall", None)
    assert device("light", "Lamp", owner).problem == "hidden by the owner's file"
    assert device("fan", "Fan", owner).problem is not None
    assert device("light", "0x00158d0001a2b3c4", owner).names == ("Big light", "big lamp")


def test_a_room_is_told_or_guessed_and_a_guess_is_marked() -> None:
    owner = OwnerFile(areas=["Living room", "Room", "Kitchen"])
    told = device("light", "Lamp", device={"identifiers": ["x"], "suggested_area": "Kitchen"})
    assert (told.area, told.area_is_guess) == ("Kitchen", False)
    guessed = device("light", "Living room lamp", owner)
    assert (guessed.area, guessed.area_is_guess) == ("Living room", True)
    assert device("light", "Lamp kitchen", owner).area == "Kitchen"
    assert device("light", "Kitchenette lamp", owner).area is None


def test_a_newcomer_does_not_take_a_name_and_no_device_is_named_like_a_room() -> None:
    entities = [
        make_entity("light", key, {**LIGHT, "name": "Door lamp"}) for key in ("light a", "light b")
    ]
    first, second = sayable_devices(entities, OwnerFile())
    assert first.problem is None
    assert second.problem is not None
    assert device("light", "Kitchen", OwnerFile(areas=["kitchen"])).problem is not None


def test_a_device_that_is_renamed_takes_no_name_also_after_a_restart(tmp_path: Path) -> None:
    file = tmp_path / "devices.json"
    known = DeviceRegistry(DiscoveryRules(), OwnerFile(), file)
    for key, name in (("a", "Nova"), ("b", "Gate"), ("a", "Gate")):
        config = json.dumps({"name": name, "cmd_t": f"{key}/set"}).encode()
        known.receive(f"homeassistant/light/{key}/config", config, retained=False)
    known.save()
    for registry in (known, DeviceRegistry(DiscoveryRules(), OwnerFile(), file)):
        sayable = [one for one in registry.devices if one.problem is None]
        assert [one.entity.key for one in sayable] == ["light b"]


def test_an_article_does_not_make_another_name() -> None:
    owner = OwnerFile(areas=["Hall"])
    names = ("Hall lamp", "The hall lamp", "The hall", "Nova", "My Nova")
    lamps = [
        make_entity("light", f"light {one}", {"name": one, "command_topic": "c"}) for one in names
    ]
    devices = sayable_devices(lamps, owner)
    assert [one.problem is None for one in devices] == [True, False, False, True, False]
    with pytest.raises(ServiceRefused):
        targets_of("HassTurnOn", {"name": "the Nova"}, [*devices, replace(devices[3])], "en")


def test_a_name_of_several_devices_means_none_of_them_unless_the_room_is_said() -> None:
    entries = [
        DeviceEntry("Ceiling", area="Kitchen", aliases=["big light", "Nova"]),
        DeviceEntry("Spot", area="Hall", aliases=["big light"]),
        DeviceEntry("Nova", area="Hall"),
    ]
    lamps = [
        make_entity("light", f"light {one.device}", {"name": one.device, "command_topic": "c"})
        for one in entries
    ]
    devices = sayable_devices(lamps, OwnerFile(devices=entries))
    said = {one["in"]: one["out"] for one in sentence_lists(devices)["name"]}
    assert said == {"Ceiling": "Ceiling", "Spot": "Spot", "big light": "big light", "Nova": "Nova"}
    for name in ("Nova", "big light"):
        with pytest.raises(ServiceRefused):
            targets_of("HassTurnOn", {"name": name}, devices, "en")
        (lamp,) = targets_of("HassTurnOn", {"name": name, "area": "Kitchen"}, devices, "en")
        assert lamp.name == "Ceiling"


def test_lists_have_the_names_with_their_kind_and_the_rooms() -> None:
    entities = [
        make_entity("light", "light a", {**LIGHT, "name": "Hall lamp"}),
        make_entity("siren", "siren b", {**LIGHT, "name": "Siren"}),
    ]
    lists = sentence_lists(sayable_devices(entities, OwnerFile(), ["Hall"]))
    assert lists == {
        "name": [{"in": "Hall lamp", "out": "Hall lamp", "context": {"domain": "light"}}],
        "area": ["Hall"],
    }


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("areas: []\ndevices: [}", 2),
        ("areas: []\ndevices: 7", 2),
        ("device: []", 1),
        ("devices:\n  - device: x\n  - device: y\n    colour: red", 3),
        ("devices:\n  - device: x\n    name: ''", 3),
        ("devices:\n  - device: x\n    hide: true\n    hide: false", 4),
        ("devices:\n  - name: x", 2),
    ],
)
def test_a_mistake_in_the_owners_file_is_named_with_its_line(
    tmp_path: Any, text: str, line: int
) -> None:
    file = tmp_path / "devices.yaml"
    file.write_text(text, "utf-8")
    with pytest.raises(DeviceConfigError, match=rf"devices\.yaml:{line}: "):
        load_owner_file(file, DiscoveryRules())
    file.write_text("areas: [Hall]\ndevices:\n  - {device: '*', area: Hall}\n", "utf-8")
    assert load_owner_file(file, DiscoveryRules()).areas == ["Hall"]


@pytest.mark.parametrize(
    ("component", "more", "needed"),
    [
        ("light", {}, False),
        ("lock", {}, True),
        ("valve", {}, True),
        ("alarm_control_panel", {}, True),
        ("cover", {"device_class": "garage"}, True),
        ("cover", {"device_class": "blind"}, False),
        ("siren", {}, False),
    ],
)
def test_what_lets_somebody_in_needs_a_yes_unless_the_owner_says_otherwise(
    component: str, more: dict[str, Any], *, needed: bool
) -> None:
    assert device(component, "X", **more).needs_yes is needed
    for said in (True, False):
        owner = OwnerFile(devices=[DeviceEntry("X", expose=True, confirm=said)])
        assert device(component, "X", owner, **more).needs_yes is said
