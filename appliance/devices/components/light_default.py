"""Lamps of the default schema: a topic for each attribute."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from appliance.devices import colour
from appliance.devices.components.light_base import (
    BRIGHTNESS,
    COLOR_TEMP,
    COLOUR_MODES,
    LIGHT_FIELDS,
    LIGHT_SERVICES,
    ONOFF,
    UNKNOWN_MODE,
    WHITE,
    LightEntity,
    checked_modes,
)
from appliance.devices.config_fields import (
    Fields,
    boolean,
    integer_from,
    one_of,
    optional,
    text,
    topics_and_templates,
)
from appliance.devices.entity import NONE, ServiceData, ServicePlan

if TYPE_CHECKING:
    from collections.abc import Callable

ATTRIBUTES = ("brightness", "color_temp", "effect", "hs", "rgb", "rgbw", "rgbww", "xy")

CHANNELS = {
    "rgb": ("red", "green", "blue"),
    "rgbw": ("red", "green", "blue", "white"),
    "rgbww": ("red", "green", "blue", "cold_white", "warm_white"),
}

FIELDS: Fields = {
    **LIGHT_FIELDS,
    **topics_and_templates(
        *(
            f"{attribute}_{end}"
            for attribute in ATTRIBUTES
            for end in ("command_topic", "command_template", "state_topic", "value_template")
        ),
        *("color_mode_state_topic", "color_mode_value_template", "white_command_topic"),
        "state_value_template",
    ),
    "brightness_scale": optional(integer_from(1), 255),
    "white_scale": optional(integer_from(1), 255),
    "color_temp_kelvin": optional(boolean, default=False),
    "on_command_type": optional(one_of("first", "last", "brightness"), "last"),
    "payload_on": optional(text, "ON"),
    "payload_off": optional(text, "OFF"),
}

MISSING = object()


class DefaultLight(LightEntity):
    """A lamp of the default schema."""

    default_name = "MQTT LightEntity"
    FIELDS = FIELDS
    SERVICES = LIGHT_SERVICES

    def setup(self) -> None:
        modes = [
            mode
            for mode in (COLOR_TEMP, "hs", "rgb", "rgbw", "rgbww", WHITE, "xy")
            if f"{mode}_command_topic" in self.config
        ]
        if len(modes) == 1 and modes != [WHITE]:
            self.values["color_mode"] = modes[0]
        elif modes:
            self.values["color_mode"] = UNKNOWN_MODE
        else:
            modes = [BRIGHTNESS if "brightness_command_topic" in self.config else ONOFF]
            self.values["color_mode"] = modes[0]
        self.modes = checked_modes(modes)
        has_effects = "effect_command_topic" in self.config
        self.features = frozenset({"effect"} if has_effects else ())

    def listen(self) -> None:
        self.on("state_topic", self._state)
        self.on("brightness_state_topic", self._brightness)
        for mode in CHANNELS:
            self.on(f"{mode}_state_topic", self._channels_of(mode))
        self.on("color_mode_state_topic", self._color_mode)
        self.on("color_temp_state_topic", self._color_temp)
        self.on("effect_state_topic", self._effect)
        self.on("hs_state_topic", self._pair_of("hs"))
        self.on("xy_state_topic", self._pair_of("xy"))

    # Reading.

    def _state(self, payload: str) -> None:
        value = self.read("state_value_template", payload)
        known = {self.config["payload_on"]: True, self.config["payload_off"]: False, NONE: None}
        if value and value in known:
            self.values["is_on"] = known[value]

    def _present(self, attribute: str, payload: str) -> str | None:
        """The value in a message; None if there is none."""
        value = self.read(f"{attribute}_value_template", payload, otherwise=MISSING)
        return None if value is MISSING or not value else str(value)

    def _brightness(self, payload: str) -> None:
        value = self._present("brightness", payload)
        if value is not None and (level := float(value)) != 0:
            share = level / self.config["brightness_scale"]
            self.values["brightness"] = min(round(share * 255), 255)

    def _channels_of(self, mode: str) -> Callable[[str], None]:
        def read_channels(payload: str) -> None:
            value = self._present(mode, payload)
            if value is None:
                return
            channels = tuple(int(channel) for channel in value.split(","))
            self._seen_mode(mode)
            if "brightness_state_topic" not in self.config:
                level = max(self._to_rgb(mode, channels))
                if level == 0:
                    return
                self.values["brightness"] = level
                channels = tuple(min(round(one / level * 255), 255) for one in channels)
            self.values[f"{mode}_color"] = channels

        return read_channels

    def _pair_of(self, mode: str) -> Callable[[str], None]:
        def read_pair(payload: str) -> None:
            value = self._present(mode, payload)
            if value is not None:
                pair = tuple(float(part) for part in value.split(",", 2))
                self._seen_mode(mode)
                self.values[f"{mode}_color"] = pair

        return read_pair

    def _color_mode(self, payload: str) -> None:
        value = self._present("color_mode", payload)
        if value is not None and value in {*COLOUR_MODES, UNKNOWN_MODE}:
            self.values["color_mode"] = value

    def _color_temp(self, payload: str) -> None:
        value = self._present("color_temp", payload)
        if value is not None:
            self._seen_mode(COLOR_TEMP)
            number = int(value)
            in_kelvin = self.config["color_temp_kelvin"]
            self.values["color_temp_kelvin"] = number if in_kelvin else colour.kelvin_of(number)

    def _effect(self, payload: str) -> None:
        value = self._present("effect", payload)
        if value is not None:
            self.values["effect"] = value

    def _seen_mode(self, mode: str) -> None:
        if self._assumes("color_mode"):
            self.values["color_mode"] = mode

    # Acting.

    def _assumes(self, attribute: str) -> bool:
        config = self.config
        if config["optimistic"]:
            return True
        if attribute == "brightness":
            own = "brightness_command_topic" in config
            return f"{'brightness' if own else 'rgb'}_state_topic" not in config
        return f"{attribute}_state_topic" not in config

    def _assume(
        self, plan: ServicePlan, attribute: str, value: Any, mode: str | None = None
    ) -> None:
        if not self._assumes(attribute):
            return
        if mode and self._assumes("color_mode"):
            plan.assumed["color_mode"] = mode
        names = {"brightness": "brightness", "color_temp": "color_temp_kelvin", "effect": "effect"}
        plan.assumed[names.get(attribute, f"{attribute}_color")] = value

    def turn_on(self, plan: ServicePlan, data: ServiceData) -> None:
        kind = self.config["on_command_type"]
        if kind == "first":
            self.publish(plan, "command_topic", self.config["payload_on"])
        elif kind == "brightness" and not data.keys() & {"brightness", "white"}:
            data["brightness"] = self.values.get("brightness") or 255
        self._plan_colours(plan, data)
        self._plan_brightness(plan, data)
        self._plan_color_temp(plan, data)
        self._plan_effect(plan, data)
        self._plan_white(plan, data)
        if kind == "last":
            self.publish(plan, "command_topic", self.config["payload_on"])
        if self.is_assumed:
            plan.assumed["is_on"] = True

    def turn_off(self, plan: ServicePlan, data: ServiceData) -> None:
        self.publish(plan, "command_topic", self.config["payload_off"])
        if self.is_assumed:
            plan.assumed["is_on"] = False

    def _plan_colours(self, plan: ServicePlan, data: ServiceData) -> None:
        self._plan_pair(plan, data, "hs", ("hue", "sat"))
        for mode in CHANNELS:
            given = data.get(f"{mode}_color")
            if given and f"{mode}_command_topic" in self.config:
                self._publish_channels(plan, mode, self._dimmed(given, data))
                self._assume(plan, mode, given, mode)
        self._plan_pair(plan, data, "xy", ("x", "y"))

    def _plan_pair(
        self, plan: ServicePlan, data: ServiceData, mode: str, names: tuple[str, str]
    ) -> None:
        given = data.get(f"{mode}_color")
        if given and f"{mode}_command_topic" in self.config:
            variables = dict(zip(names, given, strict=True))
            payload = f"{given[0]},{given[1]}"
            sent = self.command(f"{mode}_command_template", payload, **variables)
            self.publish(plan, f"{mode}_command_topic", sent)
            self._assume(plan, mode, given, mode)

    def _dimmed(self, given: tuple[int, ...], data: ServiceData) -> tuple[int, ...]:
        """If there is no topic for the brightness, it is part of the colour."""
        if "brightness_command_topic" in self.config:
            level = 255
        else:
            level = data.get("brightness") or self.values.get("brightness") or 255
        return tuple(int(channel * level / 255) for channel in given)

    def _publish_channels(self, plan: ServicePlan, mode: str, channels: tuple[int, ...]) -> None:
        variables = dict(zip(CHANNELS[mode], channels, strict=True))
        payload = ",".join(map(str, channels))
        sent = self.command(f"{mode}_command_template", payload, **variables)
        self.publish(plan, f"{mode}_command_topic", sent)

    def _plan_brightness(self, plan: ServicePlan, data: ServiceData) -> None:
        level = data.get("brightness")
        if level is None:
            return
        if "brightness_command_topic" in self.config:
            scale = self.config["brightness_scale"]
            sent = max(min(round(level / 255 * scale), scale), 1)
            payload = self.command("brightness_command_template", sent)
            self.publish(plan, "brightness_command_topic", payload)
            self._assume(plan, "brightness", level)
            return
        for mode, names in CHANNELS.items():
            if f"{mode}_color" not in data and f"{mode}_command_topic" in self.config:
                now = self.values.get(f"{mode}_color") or (255,) * len(names)
                dimmed = tuple(int(channel * level / 255) for channel in now)
                self._publish_channels(plan, mode, dimmed)
                self._assume(plan, "brightness", level)
                return

    def _plan_color_temp(self, plan: ServicePlan, data: ServiceData) -> None:
        kelvin = data.get("color_temp_kelvin")
        if kelvin is not None and "color_temp_command_topic" in self.config:
            in_kelvin = self.config["color_temp_kelvin"]
            value = kelvin if in_kelvin else colour.mireds_of(kelvin)
            sent = self.command("color_temp_command_template", value)
            self.publish(plan, "color_temp_command_topic", sent)
            self._assume(plan, "color_temp", kelvin, COLOR_TEMP)

    def _plan_effect(self, plan: ServicePlan, data: ServiceData) -> None:
        effect = data.get("effect")
        if effect in self.config.get("effect_list", []) and self.features:
            self.publish(
                plan, "effect_command_topic", self.command("effect_command_template", effect)
            )
            self._assume(plan, "effect", effect)

    def _plan_white(self, plan: ServicePlan, data: ServiceData) -> None:
        if "white" in data and "white_command_topic" in self.config:
            scale = self.config["white_scale"]
            sent = min(round(float(data["white"]) / 255 * scale), scale)
            self.publish(plan, "white_command_topic", sent)
            self._assume(plan, "brightness", data["white"], WHITE)
