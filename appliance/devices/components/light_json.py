"""Lamps of the JSON schema: one object says and sets everything."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

import msgspec

from appliance.devices import colour
from appliance.devices.components.light_base import (
    BRIGHTNESS,
    COLOR_TEMP,
    DIMMABLE,
    LIGHT_FIELDS,
    LIGHT_SERVICES,
    ONOFF,
    UNKNOWN_MODE,
    WHITE,
    LightEntity,
    checked_modes,
)
from appliance.devices.config_fields import Fields, boolean, integer_from, optional, texts
from appliance.devices.scaling import from_device_brightness, to_device_brightness

if TYPE_CHECKING:
    from appliance.devices.entity import ServiceData, ServicePlan

LETTERS = {
    "hs": ("h", "s"),
    "rgb": ("r", "g", "b"),
    "rgbw": ("r", "g", "b", "w"),
    "rgbww": ("r", "g", "b", "c", "w"),
    "xy": ("x", "y"),
}
"""The keys of the object `color`, by colour mode."""


def _distinct(value: Any) -> list[str]:
    modes = texts(value)
    if len(set(modes)) != len(modes):
        raise ValueError("a mode is named twice")
    return modes


class JsonLight(LightEntity):
    """A lamp of the JSON schema, as zigbee2mqtt and ESPHome have them."""

    default_name = "MQTT JSON LightEntity"
    FIELDS: ClassVar[Fields] = {
        **LIGHT_FIELDS,
        "brightness": optional(boolean, default=False),
        "brightness_scale": optional(integer_from(1), 255),
        "white_scale": optional(integer_from(1), 255),
        "color_temp_kelvin": optional(boolean, default=False),
        "effect": optional(boolean, default=False),
        "flash": optional(boolean, default=True),
        "flash_time_short": optional(integer_from(0), 2),
        "flash_time_long": optional(integer_from(0), 10),
        "transition": optional(boolean, default=True),
        "supported_color_modes": optional(_distinct),
    }
    SERVICES = LIGHT_SERVICES

    def check(self, config: dict[str, Any]) -> dict[str, Any]:
        if "supported_color_modes" in config:
            checked_modes(config["supported_color_modes"])
        return config

    def setup(self) -> None:
        modes = self.config.get("supported_color_modes")
        if modes:
            self.values["color_mode"] = modes[0] if len(modes) == 1 else UNKNOWN_MODE
        else:
            modes = [BRIGHTNESS if self.config["brightness"] else ONOFF]
        self.modes = frozenset(modes)
        self.features = frozenset(
            feature for feature in ("effect", "flash", "transition") if self.config[feature]
        )

    def listen(self) -> None:
        self.on("state_topic", self._state)

    # Reading.

    def _state(self, payload: str) -> None:
        said = msgspec.json.decode(payload, type=dict)
        states = {"ON": True, "OFF": False, None: None}
        state = said["state"]  # without it, the message has no state of the lamp
        if state in states:
            self.values["is_on"] = states[state]
        if "color_mode" in said:
            self._colour(said)
        level = said.get("brightness")
        if self.modes & DIMMABLE and level and isinstance(level, (int, float)):
            brightness = from_device_brightness(self.config["brightness_scale"], level)
            self.values["brightness"] = brightness
        if self.features and "effect" in said:
            self.values["effect"] = said["effect"]

    def _colour(self, said: dict[str, Any]) -> None:
        mode = said["color_mode"]
        if mode not in self.modes:
            return
        try:
            found = self._colour_values(mode, said)
        except (KeyError, TypeError, ValueError):
            return  # incomplete: only the rest of the message counts
        self.values |= {**found, "color_mode": mode}

    def _colour_values(self, mode: str, said: dict[str, Any]) -> dict[str, Any]:
        if mode == COLOR_TEMP:
            value = said["color_temp"]
            in_kelvin = self.config["color_temp_kelvin"]
            return {"color_temp_kelvin": value if in_kelvin else colour.kelvin_of(value)}
        if mode not in LETTERS:
            return {}
        kind = float if mode in ("hs", "xy") else int
        channels = tuple(kind(said["color"][letter]) for letter in LETTERS[mode])
        return {f"{mode}_color": channels}

    # Acting.

    def turn_on(self, plan: ServicePlan, data: ServiceData) -> None:
        message: dict[str, Any] = {"state": "ON"}
        for mode, letters in LETTERS.items():
            given = data.get(f"{mode}_color")
            if given is not None:
                channels = given if mode in ("hs", "xy") else self._dimmed(given, data)
                message["color"] = dict(zip(letters, channels, strict=True))
                self._assume(plan, {"color_mode": mode, f"{mode}_color": channels})
        self._add_flash_and_transition(message, data)
        self._add_levels(plan, message, data)
        self.publish(plan, "command_topic", msgspec.json.encode(message))
        self._assume(plan, {"is_on": True})

    def turn_off(self, plan: ServicePlan, data: ServiceData) -> None:
        message: dict[str, Any] = {"state": "OFF"}
        self._add_flash_and_transition(message, data)
        self.publish(plan, "command_topic", msgspec.json.encode(message))
        self._assume(plan, {"is_on": False})

    def _add_levels(self, plan: ServicePlan, message: dict[str, Any], data: ServiceData) -> None:
        if "brightness" in data:
            scale = self.config["brightness_scale"]
            message["brightness"] = max(round(to_device_brightness(scale, data["brightness"])), 1)
            self._assume(plan, {"brightness": data["brightness"]})
        if (kelvin := data.get("color_temp_kelvin")) is not None:
            in_kelvin = self.config["color_temp_kelvin"]
            message["color_temp"] = kelvin if in_kelvin else colour.mireds_of(kelvin)
            values = {"color_mode": COLOR_TEMP, "color_temp_kelvin": kelvin, "hs_color": None}
            self._assume(plan, values)
        if "effect" in data:
            message["effect"] = data["effect"]
            self._assume(plan, {"effect": data["effect"]})
        if "white" in data:
            scale = self.config["white_scale"]
            message["white"] = max(min(round(data["white"] / 255 * scale), scale), 1)
            self._assume(plan, {"color_mode": WHITE, "brightness": data["white"]})

    def _dimmed(self, given: tuple[int, ...], data: ServiceData) -> tuple[int, ...]:
        """If there is no key for the brightness, it is part of the colour."""
        level = 255 if self.config["brightness"] else data.pop("brightness", 255)
        return tuple(round(channel / 255 * level) for channel in given)

    def _add_flash_and_transition(self, message: dict[str, Any], data: ServiceData) -> None:
        if "transition" in data:
            message["transition"] = data["transition"]
        if "flash" in data:
            message["flash"] = self.config[f"flash_time_{data['flash']}"]

    def _assume(self, plan: ServicePlan, values: dict[str, Any]) -> None:
        if self.is_assumed:
            plan.assumed |= values
