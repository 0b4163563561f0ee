"""Lamps of the template schema: templates make the command and read the state."""

from __future__ import annotations

from typing import Any, ClassVar

from appliance.devices import colour
from appliance.devices.components.light_base import (
    BRIGHTNESS,
    COLOR_TEMP,
    LIGHT_FIELDS,
    LIGHT_SERVICES,
    ONOFF,
    LightEntity,
)
from appliance.devices.config_fields import (
    Fields,
    boolean,
    optional,
    required,
    template,
    topics_and_templates,
)
from appliance.devices.entity import NONE, ServiceData, ServicePlan

COLOUR_TEMPLATES = ("red_template", "green_template", "blue_template")


class TemplateLight(LightEntity):
    """A lamp of the template schema."""

    default_name = "MQTT Template LightEntity"
    FIELDS: ClassVar[Fields] = {
        **LIGHT_FIELDS,
        **topics_and_templates(
            *COLOUR_TEMPLATES,
            *("brightness_template", "color_temp_template", "effect_template", "state_template"),
        ),
        "color_temp_kelvin": optional(boolean, default=False),
        "command_on_template": required(template),
        "command_off_template": required(template),
    }
    SERVICES = LIGHT_SERVICES

    def setup(self) -> None:
        modes = set()
        if "brightness_template" in self.config:
            modes.add(BRIGHTNESS)
        if "color_temp_template" in self.config:
            modes.add(COLOR_TEMP)
        if all(name in self.config for name in COLOUR_TEMPLATES):
            modes.add("hs")
        if len(modes) > 1:
            modes.discard(BRIGHTNESS)
        self.modes = frozenset(modes or {ONOFF})
        if len(self.modes) == 1:
            self.values["color_mode"] = next(iter(self.modes))
        effects = {"effect"} if self.config.get("effect_list") is not None else set()
        self.features = frozenset({"flash", "transition", *effects})

    @property
    def is_assumed(self) -> bool:
        return super().is_assumed or "state_template" not in self.config

    def listen(self) -> None:
        self.on("state_topic", self._state)

    # Reading.

    def _state(self, payload: str) -> None:
        known = {"on": True, "off": False, NONE: None}
        state = self.read("state_template", payload)
        if state in known:
            self.values["is_on"] = known[state]
        self._read_brightness(payload)
        self._read_color_temp(payload)
        if all(name in self.config for name in COLOUR_TEMPLATES):
            self._read_colour(payload)
        effect = self._part("effect_template", payload)
        if effect in self.config.get("effect_list", []):
            self.values["effect"] = effect

    def _part(self, name: str, payload: str) -> str:
        return str(self.read(name, payload)) if name in self.config else ""

    def _read_brightness(self, payload: str) -> None:
        level = _whole(self._part("brightness_template", payload))
        if level:
            self.values["brightness"] = level

    def _read_color_temp(self, payload: str) -> None:
        said = self._part("color_temp_template", payload)
        value = _whole(said)
        if said == NONE and not self.config["color_temp_kelvin"]:
            self.values["color_temp_kelvin"] = None
        elif value:
            in_kelvin = self.config["color_temp_kelvin"]
            self.values["color_temp_kelvin"] = value if in_kelvin else colour.kelvin_of(value)

    def _read_colour(self, payload: str) -> None:
        said = [self._part(name, payload) for name in COLOUR_TEMPLATES]
        channels = [_whole(part) for part in said]
        if said == [NONE] * 3:
            self.values["hs_color"] = None
            self._note_mode(self.values)
        elif None not in channels:
            red, green, blue = (channel or 0 for channel in channels)
            self.values["hs_color"] = colour.rgb_to_hs(red, green, blue)
            self._note_mode(self.values)

    def _note_mode(self, values: dict[str, Any]) -> None:
        """With several modes, it is the colour if there is one."""
        if len(self.modes) > 1:
            values["color_mode"] = "hs" if values.get("hs_color") else COLOR_TEMP

    # Acting.

    def turn_on(self, plan: ServicePlan, data: ServiceData) -> None:
        variables: dict[str, Any] = {"state": True}
        assumed: dict[str, Any] = {"is_on": True}
        if "brightness" in data:
            variables["brightness"] = assumed["brightness"] = int(data["brightness"])
        if (kelvin := data.get("color_temp_kelvin")) is not None:
            in_kelvin = self.config["color_temp_kelvin"]
            variables["color_temp"] = kelvin if in_kelvin else colour.mireds_of(kelvin)
            assumed |= {"color_temp_kelvin": kelvin, "hs_color": None}
            self._note_mode(assumed)
        if (hs := data.get("hs_color")) is not None:
            variables |= self._colour_variables(hs, data)
            assumed |= {"color_temp_kelvin": None, "hs_color": hs}
            self._note_mode(assumed)
        for name in ("effect", "flash", "transition"):
            if name in data:
                variables[name] = data[name]
        if "effect" in data:
            assumed["effect"] = data["effect"]
        self._publish(plan, "command_on_template", variables, assumed)

    def turn_off(self, plan: ServicePlan, data: ServiceData) -> None:
        variables: dict[str, Any] = {"state": False}
        if "transition" in data:
            variables["transition"] = data["transition"]
        self._publish(plan, "command_off_template", variables, {"is_on": False})

    def _colour_variables(self, hs: tuple[float, float], data: ServiceData) -> dict[str, Any]:
        level = 255
        if "brightness_template" not in self.config:
            known = self.values.get("brightness")
            level = data.get("brightness", 255 if known is None else known)
        red, green, blue = colour.hs_to_rgb(*hs, level / 255 * 100)
        return {"red": red, "green": green, "blue": blue, "hue": hs[0], "sat": hs[1]}

    def _publish(
        self,
        plan: ServicePlan,
        name: str,
        variables: dict[str, Any],
        assumed: dict[str, Any],
    ) -> None:
        self.publish(plan, "command_topic", self.command(name, None, **variables))
        if self.is_assumed:
            plan.assumed |= assumed


def _whole(said: str) -> int | None:
    try:
        return int(said)
    except ValueError:
        return None
