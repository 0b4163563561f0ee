"""Answers questions about devices from their states, in Home Assistant's words."""

from __future__ import annotations

import functools
import re
from typing import TYPE_CHECKING, Any

from appliance.devices.device_phrases import device_phrase
from appliance.devices.entity import UNAVAILABLE, UNKNOWN
from appliance.devices.intent_targets import matching_devices
from appliance.devices.question_kind import question_kind
from appliance.errors import ServiceRefused
from appliance.sentences.home_assistant_builtins import builtin_data
from appliance.sentences.home_assistant_responses import error_response, has_response, response
from appliance.values import Action

if TYPE_CHECKING:
    from appliance.devices.device_registry import DeviceRegistry
    from appliance.devices.sayable_devices import SayableDevice
    from appliance.sentences.active_sentences import ActiveSentences
    from appliance.values import Intent, Result

OPENING_CLASSES = frozenset({"door", "garage_door", "opening", "window"})
"""Classes of binary sensors that are open or closed; others have detected something or not."""

ASKING = frozenset({"HassGetState", "HassClimateGetTemperature"})


TARGET = "target_temperature"
"""The kind of a question about the temperature that somebody has set."""


class DeviceAnswers:
    """Finds the devices that a question is about, and words their states."""

    def __init__(self, registry: DeviceRegistry, sentences: ActiveSentences) -> None:
        self._registry = registry
        self._sentences = sentences

    def answer(self, result: Result) -> Action | None:
        """The answer to a question; None if no device is known at all."""
        intent, devices = result.intent, self._registry.devices
        if intent is None or not devices:
            return None
        if intent.name == "HassClimateGetTemperature":
            said = self._temperature(intent, devices, result)
        elif intent.slots.get("name"):
            said = self._one(intent, devices, result.language)
        else:
            said = self._several(intent, devices, result)
        return Action(answer=localized(said, result.language))

    def _one(self, intent: Intent, devices: list[SayableDevice], language: str) -> str:
        """The answer about a device that was named."""
        found = _asked_devices(intent, devices, language)
        device, asked = found[0], intent.slots.get("state")
        if missing := _missing(device, language):
            return missing
        query = _query(found, str(asked or ""))
        return response(
            *(language, intent.name, "one_yesno" if asked else "one"),
            query=query,
            slots=intent.slots,
            state=shown_state(device, language),
        )

    def _several(self, intent: Intent, devices: list[SayableDevice], result: Result) -> str:
        """The answer to which, how many, any or all; unavailable devices are only named."""
        language = result.language
        # A group of lamps does not count as a lamp.
        members = [one for one in devices if not one.is_group]
        found = _asked_devices(intent, members, language)
        known = [one for one in found if one.entity.state not in (UNKNOWN, UNAVAILABLE)]
        if not known:
            return device_phrase(language, "unknown")
        key = question_kind(self._sentences.current, intent.name, result.text or "")
        query = _query(known, str(intent.slots.get("state") or ""))
        state = {"domain": known[0].domain}
        asked = str(intent.slots.get("state"))
        word = _state_words(language, _list_of(known[0])).get(asked, asked)
        slots = {**intent.slots, "state": word}
        said = response(language, intent.name, key, query=query, slots=slots, state=state)
        lost = [one.name for one in found if one.entity.state == UNAVAILABLE]
        return f"{said}. {device_phrase(language, 'unavailable', lost)}" if lost else said

    def _temperature(self, intent: Intent, devices: list[SayableDevice], result: Result) -> str:
        """The temperature of a room's sensor, otherwise of a valve, which is near a radiator."""
        language = result.language
        kind = question_kind(self._sentences.current, intent.name, result.text or "")
        attribute = "temperature" if kind == TARGET else "current_temperature"
        keys = (kind, "default", "current_temperature")
        key = next((key for key in keys if has_response(language, intent.name, key)), "default")
        sensors = matching_devices(devices, {**intent.slots, "device_class": "temperature"})
        climates = matching_devices(devices, intent.slots, ["climate"])
        found = climates if kind == TARGET else [*sensors, *climates]
        for device in found:
            is_sensor = device.domain == "sensor"
            value = device.entity.state if is_sensor else device.entity.attributes.get(attribute)
            if value in (None, UNKNOWN, UNAVAILABLE):
                continue
            state = {"state": _rounded(value), "entity_id": device.entity.key}
            words = {"state": state, "state_attr": lambda *_: None, "slots": intent.slots}
            return response(language, intent.name, key, **words)
        if not found:
            raise ServiceRefused(error_response(language, "no_domain", domain="climate"))
        return device_phrase(language, "unknown")


def _asked_devices(
    intent: Intent, devices: list[SayableDevice], language: str
) -> list[SayableDevice]:
    """The devices that a question is about.

    A window or door may be a cover or a contact: the sentences say "cover" for both.
    """
    slots = {key: value for key, value in intent.slots.items() if key != "state"}
    found = matching_devices(devices, slots)
    if slots.get("domain") == "cover" and slots.get("device_class"):
        found += matching_devices(devices, {**slots, "domain": "binary_sensor"})
    if not found:
        name = str(slots.get("name") or slots.get("device_class") or slots.get("domain") or "")
        raise ServiceRefused(error_response(language, "no_entity", entity=name))
    return found


def _query(devices: list[SayableDevice], asked: str) -> dict[str, list[dict[str, str]]]:
    """The devices in the asked state, and the others, in the form for the responses."""
    matched = [one for one in devices if not asked or _is_so(one, asked)]
    return {
        "matched": [{"name": one.name} for one in matched],
        "unmatched": [{"name": one.name} for one in devices if one not in matched],
    }


def _is_so(device: SayableDevice, asked: str) -> bool:
    state = device.entity.state
    if device.domain == "binary_sensor" and device.entity.device_class in OPENING_CLASSES:
        return state == {"open": "on", "closed": "off"}.get(asked, asked)
    return state == asked


def _missing(device: SayableDevice, language: str) -> str | None:
    """The answer about a device with an unknown state."""
    if device.entity.state == UNAVAILABLE:
        return device_phrase(language, "unavailable", [device.name])
    return device_phrase(language, "unknown") if device.entity.state == UNKNOWN else None


def shown_state(device: SayableDevice, language: str) -> dict[str, Any]:
    """A state in the form that Home Assistant's responses expect."""
    entity = device.entity
    value = entity.state
    unit = entity.attributes.get("unit_of_measurement")
    word = _state_words(language, _list_of(device)).get(value, value)
    shown = f"{_rounded(value)} {unit}" if unit else word
    return {
        "state": value,
        "state_with_unit": shown,
        "name": device.name,
        "domain": device.domain,
        "entity_id": entity.key,
        "attributes": entity.attributes,
    }


def _list_of(device: SayableDevice) -> str:
    """The package's list with the words for this kind of state."""
    if device.domain == "binary_sensor":
        opens = device.entity.device_class in OPENING_CLASSES
        return "bs_open_states" if opens else "bs_occupancy_states"
    lists = {"cover": "cover_states", "valve": "valve_states", "lock": "lock_states"}
    return lists.get(device.domain, "on_off_states")


@functools.lru_cache(maxsize=64)
def _state_words(language: str, name: str) -> dict[str, str]:
    """The language's first word for each state."""
    words: dict[str, str] = {}
    for value in builtin_data(language).get("lists", {}).get(name, {}).get("values", []):
        if isinstance(value, dict) and isinstance(value.get("in"), str):
            plain = re.sub(r"\[[^\]]*\]", "", value["in"])
            first = re.sub(r"\(([^|)]*)[^)]*\)", r"\1", plain).split("|")[0]
            words.setdefault(str(value.get("out")), " ".join(first.strip("()").split()))
    return words


def _rounded(value: Any) -> str:
    """A number with one decimal at most; other states as they are."""
    try:
        number = round(float(value), 1)
    except (TypeError, ValueError):
        return str(value)
    return str(int(number)) if number.is_integer() else str(number)


def localized(said: str, language: str) -> str:
    """Numbers as the language writes them; templates of most languages leave the point."""
    point = device_phrase(language, "decimal_point")
    return said if point == "." else re.sub(r"(?<=\d)\.(?=\d)", point, said)
