"""Finds the devices that can be named in a sentence, with their names and rooms."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from appliance.devices.owner_file import DeviceEntry
from appliance.devices.zigbee2mqtt_bridge import Zigbee2MqttBridges
from appliance.text.word_lists import without_article

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from appliance.devices.entity import DeviceEntity
    from appliance.devices.owner_file import OwnerFile

NO_ENTRY = DeviceEntry("")
"""Entry of a device that the owner's file does not name."""

LONGEST_NAME = 60
MOST_WORDS = 8

LONGEST_RAW_NAME = 1000
"""Maximum length of a name as it is announced, before it is taken apart."""

MOST_REPEATED_WORDS = 50
"""A name with more words is not searched for a beginning that is said twice."""

EXPOSED = frozenset(
    {"climate", "cover", "fan", "humidifier", "light", "media_player", "scene", "switch", "vacuum"}
    | {"water_heater"}
)
"""Components that can be said without being named in the owner's file, as in Home Assistant."""

EXPOSED_CLASSES: Mapping[str, frozenset[str]] = {
    "binary_sensor": frozenset(
        {"door", "garage_door", "lock", "motion", "opening", "presence", "window"}
    ),
    "sensor": frozenset(
        {
            *("aqi", "carbon_dioxide", "carbon_monoxide", "humidity", "pm10", "pm25"),
            *("power", "temperature", "volatile_organic_compounds"),
        }
    ),
}
GUARDED_COVERS = frozenset({"door", "garage", "gate"})
"""Covers that let somebody into the house: only if the owner's file says so."""

NEEDS_YES = frozenset({"alarm_control_panel", "lock", "valve"})
"""Components that are moved only after a yes, unless the owner's file says otherwise."""

MOVED = EXPOSED | NEEDS_YES
"""Components that a group can move. Others of a device are settings or reports."""

MEMBER_KEYS = ("unique_id", "state_topic")
"""Keys by which groups name their members: those of Home Assistant, those of zigbee2mqtt."""


@dataclass(frozen=True, slots=True)
class SayableDevice:
    """An entity under the names that people use for it."""

    entity: DeviceEntity
    name: str
    """The first of its spoken names."""
    names: tuple[str, ...] = ()
    area: str | None = None
    area_is_guess: bool = False
    floor: str | None = None
    problem: str | None = None
    """Reason why it cannot be named in sentences; None if it can."""
    entry: DeviceEntry = NO_ENTRY
    is_group: bool = False
    """Whether it stands for devices that are here, too."""
    is_described: bool = False
    """Whether its name comes from a description, because it has none of its own."""
    members: tuple[SayableDevice, ...] = ()
    """Of a group: what a command to it moves, as far as it is known. Their rules are its rules."""

    @property
    def is_guarded(self) -> bool:
        """Whether it can be said only because the owner's file says so: a lock, a garage door."""
        alone = bool(self.entry.expose) and not is_exposed(self.entity)
        return alone or any(member.is_guarded for member in self.members)

    @property
    def never_by_voice(self) -> bool:
        """Whether speech must not move it."""
        return self.entry.never_by_voice or any(one.never_by_voice for one in self.members)

    @property
    def is_read_only(self) -> bool:
        """Whether nothing must move it."""
        return self.entry.read_only or any(one.is_read_only for one in self.members)

    @property
    def needs_yes(self) -> bool:
        """Whether a command to it must be answered with yes first."""
        if self.entry.confirm is not None:
            return self.entry.confirm
        is_guarded = self.entity.is_guarded or is_guarded_cover(self.entity)
        alone = self.domain in NEEDS_YES or is_guarded
        return alone or any(member.needs_yes for member in self.members)

    @property
    def domain(self) -> str:
        """Home Assistant's name of its kind."""
        return self.entity.component


def spoken_name(name: str) -> str | None:
    """A name as it can be said; None if it cannot.

    Underscores and camel case are taken apart; runs of hexadecimal digits are addresses.
    """
    # Anybody can announce a name: each step takes time in proportion to its length.
    if len(name) > LONGEST_RAW_NAME or any(not character.isprintable() for character in name):
        return None
    words = re.sub(r"(?<=[a-zß-ÿ])(?=[A-Z])", " ", name)
    words = " ".join(re.findall(r"[^\W_]+(?:['\u2019][^\W_]+)*", words))
    if not words or len(words) > LONGEST_NAME or len(words.split()) > MOST_WORDS:
        return None
    if re.search(r"(?i)\b0x|(?<![0-9a-f])[0-9a-f]{6,}\b", words) and re.search(r"\d", words):
        return None
    return words if re.search(r"[^\W\d]", words) else None


def without_repetition(name: str) -> str:
    """The name without a beginning that is said twice, as in "Kitchen plug Kitchen plug power"."""
    words = name.split()
    if len(words) > MOST_REPEATED_WORDS:
        return name
    for length in range(len(words) // 2, 0, -1):
        first, second = words[:length], words[length : 2 * length]
        if [word.casefold() for word in first] == [word.casefold() for word in second]:
            return " ".join(words[length:])
    return name


def sayable_devices(
    entities: Iterable[DeviceEntity],
    owner: OwnerFile,
    areas: Iterable[str] = (),
    bridges: Zigbee2MqttBridges | None = None,
) -> list[SayableDevice]:
    """Every entity with its names and room; what cannot be said has a `problem`.

    `areas` are known besides those of devices and owner's file. A newcomer never
    takes the name of an entity that was there before, also with an article before it, and a
    description takes none at all. `bridges` know more of some devices.
    """
    bridges = bridges or Zigbee2MqttBridges()
    entities = list(entities)
    areas_known = dict.fromkeys([*owner.areas, *_told_areas(entities, owner), *areas])
    known = set(map(without_article, areas_known))
    devices = [_device(entity, owner, list(areas_known), bridges) for entity in entities]
    devices = _with_members(devices, bridges)
    taken: set[tuple[str, str | None]] = set()
    own_names: set[str] = set()
    for index, device in sorted(enumerate(devices), key=lambda one: one[1].is_described):
        names = [*map(without_article, device.names or [device.name])]
        problem = device.problem
        if problem is None and (names[0], device.area) in taken:
            problem = "another device has the same name in the same room"
        if problem is None and device.is_described and names[0] in own_names:
            problem = "another device has this name, and this one only a description"
        if problem is None and not known.isdisjoint(names):
            problem = "its name is that of a room"
        if problem is None:
            taken |= {(name, device.area) for name in names}
            own_names |= set() if device.is_described else set(names)
        devices[index] = replace(device, problem=problem)
    return devices


def _told_areas(entities: Iterable[DeviceEntity], owner: OwnerFile) -> list[str]:
    told = [entity.config.get("device", {}).get("suggested_area") for entity in entities]
    told += [entry.area for entry in owner.devices]
    return [area_name for area_name in map(spoken_name, filter(None, told)) if area_name]


def _device(
    entity: DeviceEntity, owner: OwnerFile, areas_known: list[str], bridges: Zigbee2MqttBridges
) -> SayableDevice:
    found = without_repetition(entity.name)
    entry = owner.entry_for(entity.component, entity.name) or NO_ENTRY
    said = [*filter(None, [entry.name or found]), *entry.aliases, *entity.other_names]
    names = tuple(dict.fromkeys(filter(None, map(spoken_name, said))))
    is_described = not names  # it is an address
    if is_described:
        description = bridges.description(entity)
        described = (
            spoken_name(f"{description} {entity.entity_name or ''}") if description else None
        )
        names = (described,) if described else ()
    told = entry.area or entity.config.get("device", {}).get("suggested_area")
    area = spoken_name(told) if told else None
    guessed = None if area else _guessed_area(names, areas_known)
    return SayableDevice(
        entity,
        names[0] if names else found,
        names,
        area or guessed,
        area_is_guess=area is None and guessed is not None,
        floor=entry.floor,
        problem=_problem(entity, entry, names),
        entry=entry,
        is_group="group" in entity.config or bridges.is_group(entity),
        is_described=is_described,
    )


def _with_members(devices: list[SayableDevice], bridges: Zigbee2MqttBridges) -> list[SayableDevice]:
    """The same devices; a group has its members, and is not said if a lock is among them."""
    known: dict[tuple[str, str], list[SayableDevice]] = {}
    for device in devices:
        config = device.entity.config
        if device.domain in MOVED and not config.get("entity_category") and not device.is_group:
            for key in MEMBER_KEYS:
                if value := config.get(key):
                    known.setdefault((key, value), []).append(device)
    return [_with_its_members(one, bridges, known) if one.is_group else one for one in devices]


def _with_its_members(
    group: SayableDevice,
    bridges: Zigbee2MqttBridges,
    known: Mapping[tuple[str, str], list[SayableDevice]],
) -> SayableDevice:
    by_id = [("unique_id", one) for one in group.entity.config.get("group") or ()]
    by_topic = [("state_topic", one) for one in bridges.members(group.entity)]
    members = tuple(one for key in dict.fromkeys([*by_id, *by_topic]) for one in known.get(key, ()))
    guarded = any(one.domain in NEEDS_YES or is_guarded_cover(one.entity) for one in members)
    problem = group.problem
    if problem is None and guarded and not group.entry.expose:
        problem = (
            "a door, lock or valve is in this group: name it in the owner's file (expose: true)"
        )
    return replace(group, members=members, problem=problem)


def _guessed_area(names: tuple[str, ...], areas_known: list[str]) -> str | None:
    """The longest room with which a name begins or ends."""
    for area_name in sorted(areas_known, key=len, reverse=True):
        part = without_article(area_name)
        for name in map(without_article, names):
            if name.startswith(f"{part} ") or name.endswith(f" {part}"):
                return area_name
    return None


def _problem(entity: DeviceEntity, entry: DeviceEntry, names: tuple[str, ...]) -> str | None:
    config = entity.config
    if entry.hide:
        return "hidden by the owner's file"
    if config.get("entity_category") and not entry.expose:
        return f"it is for {config['entity_category']}"
    if not (config["enabled_by_default"] and config["visible_by_default"]) and not entry.expose:
        return "its publisher switches it off by default"
    if not names:
        return "its name cannot be said: give it one in the owner's file"
    if entry.expose or (entry.expose is None and is_exposed(entity)):
        return None
    return "devices of this kind must be named in the owner's file (expose: true)"


def is_exposed(entity: DeviceEntity) -> bool:
    """Whether its kind can be said without being named in the owner's file."""
    kind, device_class = entity.component, entity.device_class
    if entity.is_guarded or is_guarded_cover(entity):
        return False
    if entity.is_exposed_by_group:
        return True
    return kind in EXPOSED or device_class in EXPOSED_CLASSES.get(kind, frozenset())


def is_guarded_cover(entity: DeviceEntity) -> bool:
    """Whether it is a door or a gate."""
    return entity.component == "cover" and entity.device_class in GUARDED_COVERS


def sentence_lists(devices: Iterable[SayableDevice]) -> dict[str, list[Any]]:
    """The values of the lists `name`, `area` and `floor` that the devices add to the sentences."""
    known = [device for device in devices if device.problem is None]
    users = Counter(name for device in known for name in {*map(without_article, device.names)})
    names = [
        {
            "in": spoken,
            # A name of several devices is not resolved here: which one is meant is not clear.
            "out": spoken if users[without_article(spoken)] > 1 else device.name,
            "context": {"domain": device.domain},
        }
        for device in known
        for spoken in device.names
    ]
    areas = dict.fromkeys(device.area for device in known if device.area)
    floors = dict.fromkeys(device.floor for device in known if device.floor)
    found: dict[str, list[Any]] = {"name": names, "area": list(areas), "floor": list(floors)}
    return {name: values for name, values in found.items() if values}
