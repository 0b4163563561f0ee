"""Which service an intent of Home Assistant's vocabulary means for each kind of device."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from appliance.devices.entity import UNKNOWN

if TYPE_CHECKING:
    from collections.abc import Mapping

    from appliance.devices.entity import DeviceEntity

ON_OFF = (
    *("light", "switch", "fan", "siren", "humidifier", "climate", "water_heater", "media_player"),
)

SERVICES: Mapping[str, Mapping[str, str]] = {
    "HassTurnOn": {
        **{domain: f"{domain}.turn_on" for domain in (*ON_OFF, "scene")},
        "button": "button.press",
        "cover": "cover.open_cover",
        "lock": "lock.lock",
        "valve": "valve.open_valve",
        "vacuum": "vacuum.start",
        "lawn_mower": "lawn_mower.start_mowing",
    },
    "HassTurnOff": {
        **{domain: f"{domain}.turn_off" for domain in ON_OFF},
        "cover": "cover.close_cover",
        "lock": "lock.unlock",
        "valve": "valve.close_valve",
        "vacuum": "vacuum.return_to_base",
        "lawn_mower": "lawn_mower.dock",
    },
    "HassToggle": {
        domain: f"{domain}.toggle"
        for domain in ("light", "switch", "fan", "siren", "humidifier", "climate", "cover", "valve")
    },
    "HassLightSet": {"light": "light.turn_on"},
    "HassFanSetSpeed": {"fan": "fan.turn_on"},
    "HassSetPosition": {
        "cover": "cover.set_cover_position",
        "valve": "valve.set_valve_position",
    },
    "HassStopMoving": {"cover": "cover.stop_cover", "valve": "valve.stop_valve"},
    "HassClimateSetTemperature": {
        "climate": "climate.set_temperature",
        "water_heater": "water_heater.set_temperature",
    },
    "HassClimateSetFanMode": {"climate": "climate.set_fan_mode"},
    "HassVacuumStart": {"vacuum": "vacuum.start"},
    "HassVacuumReturnToBase": {"vacuum": "vacuum.return_to_base"},
    "HassLawnMowerStartMowing": {"lawn_mower": "lawn_mower.start_mowing"},
    "HassLawnMowerDock": {"lawn_mower": "lawn_mower.dock"},
    "HassHumidifierSetpoint": {"humidifier": "humidifier.set_humidity"},
    "HassHumidifierMode": {"humidifier": "humidifier.set_mode"},
    "HassMediaPause": {"media_player": "media_player.media_pause"},
    "HassMediaUnpause": {"media_player": "media_player.media_play"},
    "HassMediaNext": {"media_player": "media_player.media_next_track"},
    "HassMediaPrevious": {"media_player": "media_player.media_previous_track"},
    "HassSetVolume": {"media_player": "media_player.volume_set"},
    "HassSetVolumeRelative": {"media_player": "media_player.volume_up"},
    "HassMediaPlayerMute": {"media_player": "media_player.volume_mute"},
    "HassMediaPlayerUnmute": {"media_player": "media_player.volume_mute"},
}
"""Services by intent and component. A lock is locked by "on", a cover opened, as in Home
Assistant."""

ALL_BUT: Mapping[str, str] = {
    "TurnOffAllExcept": "HassTurnOff",
    "TurnOnAllExcept": "HassTurnOn",
}
"""Intents of our own that leave some devices out, and what is done to the others."""

SLOT_DATA = {
    "HassLightSet": {
        "brightness": "brightness_pct",
        "color": "color_name",
        "temperature": "color_temp_kelvin",
    },
    "HassFanSetSpeed": {"percentage": "percentage"},
    "HassSetPosition": {"position": "position"},
    "HassClimateSetTemperature": {"temperature": "temperature"},
    "HassClimateSetFanMode": {"fan_mode": "fan_mode"},
    "HassHumidifierSetpoint": {"humidity": "humidity"},
    "HassHumidifierMode": {"mode": "mode"},
}
"""Keys of a service's data by slot, for each intent."""

ONE_TARGET = frozenset({"HassClimateSetTemperature", "HassClimateSetFanMode"})
"""Intents that are refused if they could mean several devices."""

NEEDS_PLACE_OR_NAME = frozenset({"HassTurnOn", "HassTurnOff", "HassToggle"})
"""Intents that do not say by themselves what kind of device they mean."""


@dataclass(frozen=True, slots=True)
class ServiceCall:
    """A service with its data."""

    name: str
    data: dict[str, Any] = field(default_factory=dict)


def service_call(intent: str, slots: Mapping[str, Any], domain: str) -> ServiceCall | None:
    """The service of an intent for a component; None if it has none, or a volume is no number."""
    name = SERVICES[intent].get(domain)
    if name is None:
        return None
    keys = SLOT_DATA.get(intent, {})
    data = {key: slots[slot] for slot, key in keys.items() if slots.get(slot) is not None}
    if intent == "HassFanSetSpeed" and not data.get("percentage"):
        return ServiceCall("fan.turn_off")  # Home Assistant would switch it on
    if domain == "media_player":
        return _media_call(intent, name, slots)
    return ServiceCall(name, data)


def _media_call(intent: str, name: str, slots: Mapping[str, Any]) -> ServiceCall | None:
    """Volumes are per cent in sentences, and 0 to 1 in services."""
    if intent == "HassSetVolume":
        level = _number(slots.get("volume_level"))
        return None if level is None else ServiceCall(name, {"volume_level": level / 100})
    if intent in ("HassMediaPlayerMute", "HassMediaPlayerUnmute"):
        return ServiceCall(name, {"is_volume_muted": intent == "HassMediaPlayerMute"})
    if intent != "HassSetVolumeRelative":
        return ServiceCall(name)
    step = slots.get("volume_step", "up")
    if step in ("up", "down"):
        return ServiceCall(f"media_player.volume_{step}")
    change = _number(step)
    if change is None:
        return None
    turn = "up" if change >= 0 else "down"
    return ServiceCall(f"media_player.volume_{turn}", {"step": abs(change) / 100})


def _number(value: Any) -> float | None:
    try:
        number = float(value)
    except (TypeError, ValueError, OverflowError):
        return None
    return number if math.isfinite(number) else None


_REACHED: Mapping[str, frozenset[str]] = {
    "turn_on": frozenset({"on"}),
    "turn_off": frozenset({"off"}),
    "open_cover": frozenset({"open", "opening"}),
    "close_cover": frozenset({"closed", "closing"}),
    "open_valve": frozenset({"open", "opening"}),
    "close_valve": frozenset({"closed", "closing"}),
    "lock": frozenset({"locked", "locking"}),
    "unlock": frozenset({"unlocked", "unlocking"}),
    "start": frozenset({"cleaning"}),
    "return_to_base": frozenset({"returning", "docked"}),
    "start_mowing": frozenset({"mowing"}),
    "dock": frozenset({"returning", "docked"}),
    "media_play": frozenset({"playing", "buffering"}),
    "media_pause": frozenset({"paused"}),
}
"""The states that show that a service was done."""

SEVERAL_ON_STATES = frozenset({"climate", "media_player", "water_heater"})
"""Components that are on in several ways: whatever is not off."""

_TOLERANCES = {
    "brightness_pct": ("brightness", 100 / 255, 2.0),
    "percentage": ("percentage", 1.0, 5.0),
    "position": ("current_position", 1.0, 3.0),
    "temperature": ("temperature", 1.0, 0.5),
    "humidity": ("humidity", 1.0, 1.0),
    "volume_level": ("volume_level", 1.0, 0.03),
}
"""By key of the data: the attribute to compare, its factor and its tolerance."""


def is_reached(call: ServiceCall, entity: DeviceEntity) -> bool:
    """Whether the state shows that a service was done."""
    service = call.name.partition(".")[2]
    wanted, state = _REACHED.get(service), entity.state
    if service == "turn_on" and entity.component in SEVERAL_ON_STATES:
        in_state = state not in ("off", UNKNOWN)
    else:
        in_state = wanted is None or state in wanted
    return in_state and all(_is_near(entity, key, value) for key, value in call.data.items())


def shows_in_state(call: ServiceCall) -> bool:
    """Whether a state can show that a service was done, without being compared with an earlier."""
    data = {"value", "option", *_TOLERANCES} & call.data.keys()
    return call.name.partition(".")[2] in _REACHED or bool(data)


def _is_near(entity: DeviceEntity, key: str, wanted: Any) -> bool:
    if key in ("value", "option") and entity.component in ("number", "select", "text"):
        return _is_same(entity.value, wanted)
    if key not in _TOLERANCES:
        return True
    attribute, factor, tolerance = _TOLERANCES[key]
    now = entity.attributes.get(attribute)
    if key == "position" and now is None:
        return True
    return now is not None and abs(float(now) * factor - float(wanted)) <= tolerance


def _is_same(now: Any, wanted: Any) -> bool:
    """Whether a value is the wished one; numbers up to their rounding."""
    numbers = _number(now), _number(wanted)
    if None in numbers:
        return str(now) == str(wanted)
    return math.isclose(*numbers, rel_tol=1e-5, abs_tol=1e-9)  # type: ignore[arg-type]


def can_confirm(entity: DeviceEntity) -> bool:
    """Whether the device reports its state at all."""
    return not entity.is_assumed and entity.component not in ("button", "scene")
