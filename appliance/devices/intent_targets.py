"""Which devices an intent means: by name, room, floor, kind and class."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from appliance.devices.intent_services import (
    ALL_BUT,
    NEEDS_PLACE_OR_NAME,
    ONE_TARGET,
    SERVICES,
)
from appliance.devices.sayable_devices import is_guarded_cover
from appliance.errors import ServiceRefused
from appliance.sentences.home_assistant_responses import error_response
from appliance.text.word_lists import without_article

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from appliance.devices.sayable_devices import SayableDevice

ALL = "all"
"""The value of the slot `name` in "all the lights"."""

EXCEPT = "except_"
"""Slots that begin so leave devices out: `except_area`, `except_name`, and a second of each."""


def _values(slots: Mapping[str, Any], name: str) -> set[str]:
    value = slots.get(name)
    given = value if isinstance(value, list) else [value]
    return {str(one).casefold() for one in given if one not in (None, "")}


def matching_devices(
    devices: Iterable[SayableDevice], slots: Mapping[str, Any], domains: Iterable[str] = ()
) -> list[SayableDevice]:
    """The sayable devices that fit every slot; `domains` are the kinds that can be meant."""
    names = set(map(without_article, _values(slots, "name") - {ALL}))
    kinds = _values(slots, "domain") or set(domains)
    classes, areas = _values(slots, "device_class"), _values(slots, "area")
    floors = _values(slots, "floor")
    return [
        device
        for device in devices
        if device.problem is None
        and (not kinds or device.domain in kinds)
        and (not classes or device.entity.device_class in classes)
        and (not areas or (device.area or "").casefold() in areas)
        and (not floors or (device.floor or "").casefold() in floors)
        and (not names or not names.isdisjoint(map(without_article, device.names)))
    ]


def targets_of(
    intent: str, slots: Mapping[str, Any], devices: Iterable[SayableDevice], language: str
) -> list[SayableDevice]:
    """The devices that an intent acts on.

    Raises:
        ServiceRefused: there is none, it is not clear which one, or too many would be meant.

    """
    devices = list(devices)
    is_named = bool(_values(slots, "name") - {ALL})
    says_kind = bool(_values(slots, "domain") | _values(slots, "device_class"))
    if says_kind and _values(slots, "area") == {ALL}:  # "all the lights" of the starter set
        slots = {slot: value for slot, value in slots.items() if slot != "area"}
    if intent in NEEDS_PLACE_OR_NAME and not is_named and not says_kind:
        raise ServiceRefused(error_response(language, "no_intent"))
    found = matching_devices(devices, slots, SERVICES[intent])
    if not found:
        raise ServiceRefused(_nothing_found(slots, devices, language))
    several = len(found) > 1
    if several and (is_named or intent in ONE_TARGET):
        key = "duplicate_entities" if is_named else "duplicate_targets"
        raise ServiceRefused(error_response(language, key, entity=slots.get("name")))
    return found


def all_but(
    intent: str, slots: Mapping[str, Any], devices: Iterable[SayableDevice], language: str
) -> list[SayableDevice]:
    """The devices of a kind without those that are excepted by room or by name.

    Doors and gates are never among "all the covers". A group is left out, because it would also
    move a member that is excepted; its members are moved themselves.

    Raises:
        ServiceRefused: there is none; or nothing fits what is excepted, so that it was meant
            otherwise.

    """
    devices = [one for one in devices if not (is_guarded_cover(one.entity) or one.is_group)]
    wanted = {key: slots[key] for key in ("domain", "area", "floor") if slots.get(key)}
    found = targets_of(ALL_BUT[intent], wanted, devices, language)
    kept = found
    for slot, value in slots.items():
        if not slot.startswith(EXCEPT):
            continue
        key = "name" if slot.startswith(f"{EXCEPT}name") else "area"
        left_out = matching_devices(found, {key: value})
        if not left_out:
            asked = {"domain": slots.get("domain"), key: value}
            raise ServiceRefused(_nothing_found(asked, devices, language))
        kept = [one for one in kept if one not in left_out]
    if not kept:
        raise ServiceRefused(_nothing_found(wanted, [], language))
    return kept


def _nothing_found(slots: Mapping[str, Any], devices: list[SayableDevice], language: str) -> str:
    """The answer if there is no such device, in Home Assistant's words."""
    hidden = [device for device in devices if device.problem is not None]
    place = next((one for one in ("area", "floor") if slots.get(one)), None)
    kinds = (("name", "entity"), ("device_class", "device_class"), ("domain", "domain"))
    slot, word = next(((slot, word) for slot, word in kinds if slots.get(slot)), ("", "entity"))
    value = slots.get(slot, "")
    key = f"no_{word}" + (f"_in_{place}" if place else "")
    if slot == "name" and any(str(value).casefold() == one.name.casefold() for one in hidden):
        key += "_exposed"
    shown = value[0] if isinstance(value, list) and value else value
    values = {word: shown, **({place: slots[place]} if place else {})}
    return error_response(language, key, **values) or f"there is no such device: {shown}"
