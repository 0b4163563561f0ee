"""Fans: on and off, speed, preset, oscillation and direction, each on a topic of its own."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, ClassVar

from appliance.devices.components.light_base import ranged
from appliance.devices.components.switches import ON_OFF, OnOffEntity, one_of_them
from appliance.devices.config_fields import (
    COMMANDED,
    Fields,
    boolean,
    integer,
    integer_from,
    members,
    optional,
    text,
    topics_and_templates,
)
from appliance.devices.entity import NONE, Service, ServiceData, ServicePlan
from appliance.devices.scaling import from_percent, to_percent
from appliance.errors import DeviceConfigError, ServiceRefused

if TYPE_CHECKING:
    from collections.abc import Mapping

_ATTRIBUTES = ("direction", "oscillation", "percentage", "preset_mode")

_PERCENT = ranged(integer, 0, 100)


class Fan(OnOffEntity):
    """A fan."""

    component = "fan"
    default_name = "MQTT Fan"
    FIELDS: ClassVar[Fields] = {
        **COMMANDED,
        **ON_OFF,
        **topics_and_templates(
            *(
                f"{attribute}_{end}"
                for attribute in _ATTRIBUTES
                for end in ("command_topic", "command_template", "state_topic", "value_template")
            ),
            "state_value_template",
        ),
        "preset_modes": optional(members, []),
        "speed_range_min": optional(integer_from(0), 1),
        "speed_range_max": optional(integer_from(0), 100),
        "payload_reset_percentage": optional(text, NONE),
        "payload_reset_preset_mode": optional(text, NONE),
        "payload_oscillation_on": optional(text, "oscillate_on"),
        "payload_oscillation_off": optional(text, "oscillate_off"),
    }

    def check(self, config: dict[str, Any]) -> dict[str, Any]:
        if not 0 < config["speed_range_min"] < config["speed_range_max"]:
            raise DeviceConfigError("speed_range_min must be above 0 and below speed_range_max")
        if config["payload_reset_preset_mode"] in config["preset_modes"]:
            raise DeviceConfigError("preset_modes must not contain payload_reset_preset_mode")
        if ("preset_mode_command_topic" in config) != bool(config["preset_modes"]):
            raise DeviceConfigError("preset_modes and preset_mode_command_topic need each other")
        return config

    def listen(self) -> None:
        self.on("state_topic", self.read_on_off("state_value_template"))
        self.on("percentage_state_topic", self._percentage)
        self.on("preset_mode_state_topic", self._preset_mode)
        if self.on("oscillation_state_topic", self._oscillation):
            self.values["oscillating"] = False
        self.on("direction_state_topic", self._direction)

    @property
    def attributes(self) -> dict[str, Any]:
        shown = {
            "percentage": self.values.get("percentage"),
            "preset_mode": self.values.get("preset_mode"),
            "oscillating": self.values.get("oscillating"),
            "direction": self.values.get("direction"),
        }
        return {**super().attributes, **shown}

    @property
    def _range(self) -> tuple[int, int]:
        return self.config["speed_range_min"], self.config["speed_range_max"]

    # Reading.

    def _percentage(self, payload: str) -> None:
        value = self.read("percentage_value_template", payload)
        if value == self.config["payload_reset_percentage"]:
            self.values["percentage"] = None
        elif value:
            percentage = to_percent(self._range, int(value))
            if 0 <= percentage <= 100:  # noqa: PLR2004
                self.values["percentage"] = percentage

    def _preset_mode(self, payload: str) -> None:
        value = self.read("preset_mode_value_template", payload)
        if value == self.config["payload_reset_preset_mode"]:
            self.values["preset_mode"] = None
        elif value in self.config["preset_modes"]:
            self.values["preset_mode"] = value

    def _oscillation(self, payload: str) -> None:
        value = self.read("oscillation_value_template", payload)
        known = {
            self.config["payload_oscillation_on"]: True,
            self.config["payload_oscillation_off"]: False,
        }
        if value in known:
            self.values["oscillating"] = known[value]

    def _direction(self, payload: str) -> None:
        value = self.read("direction_value_template", payload)
        if value:
            self.values["direction"] = str(value)

    # Acting.

    def turn_on(self, plan: ServicePlan, data: ServiceData) -> None:
        """Add "on", then the wished speed and preset; speed 0 is left out."""
        if "preset_mode" in data:
            self._check_preset(data["preset_mode"])
        self.switch_on(plan, {})
        if data.get("percentage"):
            self.set_percentage(plan, data)
        if data.get("preset_mode"):
            self.set_preset_mode(plan, data)

    def set_percentage(self, plan: ServicePlan, data: ServiceData) -> None:
        """Add the message with the wished speed."""
        if not self.has_speed:
            raise ServiceRefused(f"{self.name} has no speeds")
        percentage = data["percentage"]
        speed = math.ceil(from_percent(self._range, percentage))
        self.publish(
            plan, "percentage_command_topic", self.command("percentage_command_template", speed)
        )
        self._assume(plan, "percentage_state_topic", "percentage", percentage)

    def step_up(self, plan: ServicePlan, data: ServiceData) -> None:
        """Add the message with a higher speed."""
        self._step(plan, data, 1)

    def step_down(self, plan: ServicePlan, data: ServiceData) -> None:
        """Add the message with a lower speed."""
        self._step(plan, data, -1)

    def _step(self, plan: ServicePlan, data: ServiceData, direction: int) -> None:
        now = self.values.get("percentage") or 0
        if "percentage_step" in data:
            wished = now + direction * data["percentage_step"]
        else:
            lowest, highest = self._range
            speeds = (1, min(highest - lowest + 1, 100))
            wished = to_percent(speeds, math.ceil(from_percent(speeds, now)) + direction)
        self.set_percentage(plan, {"percentage": max(0, min(100, wished))})

    def set_preset_mode(self, plan: ServicePlan, data: ServiceData) -> None:
        """Add the message with the wished preset."""
        mode = data["preset_mode"]
        self._check_preset(mode)
        self.publish(
            plan, "preset_mode_command_topic", self.command("preset_mode_command_template", mode)
        )
        self._assume(plan, "preset_mode_state_topic", "preset_mode", mode)

    def oscillate(self, plan: ServicePlan, data: ServiceData) -> None:
        """Add the message that lets it turn to and fro, or not."""
        wished = data["oscillating"]
        payload = self.config[f"payload_oscillation_{'on' if wished else 'off'}"]
        self.publish(
            plan, "oscillation_command_topic", self.command("oscillation_command_template", payload)
        )
        self._assume(plan, "oscillation_state_topic", "oscillating", wished)

    def set_direction(self, plan: ServicePlan, data: ServiceData) -> None:
        """Add the message with the wished direction."""
        wished = data["direction"]
        self.publish(
            plan, "direction_command_topic", self.command("direction_command_template", wished)
        )
        self._assume(plan, "direction_state_topic", "direction", wished)

    @property
    def has_speed(self) -> bool:
        """Whether its speed can be set."""
        return "percentage_command_topic" in self.config

    def _check_preset(self, mode: str) -> None:
        one_of_them(self, "preset", self.config["preset_modes"], mode)

    def _assume(self, plan: ServicePlan, topic: str, name: str, value: Any) -> None:
        if self.config["optimistic"] or topic not in self.config:
            plan.assumed[name] = value

    SERVICES: ClassVar[Mapping[str, Service]] = {
        "fan.turn_on": Service(turn_on, {"percentage": _PERCENT, "preset_mode": text}),
        "fan.turn_off": Service(OnOffEntity.switch_off),
        "fan.toggle": Service(OnOffEntity.toggle),
        "fan.set_percentage": Service(
            set_percentage, {"percentage": _PERCENT}, ("percentage",), lambda fan: fan.has_speed
        ),
        "fan.increase_speed": Service(
            step_up, {"percentage_step": _PERCENT}, (), lambda fan: fan.has_speed
        ),
        "fan.decrease_speed": Service(
            step_down, {"percentage_step": _PERCENT}, (), lambda fan: fan.has_speed
        ),
        "fan.set_preset_mode": Service(
            set_preset_mode,
            {"preset_mode": text},
            ("preset_mode",),
            lambda fan: fan.has_speed or bool(fan.config["preset_modes"]),
        ),
        "fan.oscillate": Service(
            oscillate,
            {"oscillating": boolean},
            ("oscillating",),
            lambda fan: "oscillation_command_topic" in fan.config,
        ),
        "fan.set_direction": Service(
            set_direction,
            {"direction": text},
            ("direction",),
            lambda fan: "direction_command_topic" in fan.config,
        ),
    }
