"""Vacuum cleaners and lawn mowers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

import msgspec

from appliance.devices.config_fields import (
    COMMON,
    Fields,
    boolean,
    optional,
    publish_topic,
    text,
    texts,
    topics_and_templates,
)
from appliance.devices.entity import DeviceEntity, Service, ServiceData, ServicePlan

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

VACUUM_STATES = ("idle", "docked", "error", "paused", "returning", "cleaning")
MOWER_STATES = ("error", "paused", "mowing", "docked", "returning")

FEATURES = {
    "start": "payload_start",
    "pause": "payload_pause",
    "stop": "payload_stop",
    "return_home": "payload_return_to_base",
    "clean_spot": "payload_clean_spot",
    "locate": "payload_locate",
}
"""Features that are one command, with the key of its payload."""

OTHER_FEATURES = ("fan_speed", "status", "send_command", "battery")


def _features(value: Any) -> list[str]:
    given = texts(value)
    unknown = set(given) - FEATURES.keys() - set(OTHER_FEATURES)
    if unknown:
        raise ValueError(f"there is no feature {min(unknown)!r}")
    return given


def _command_service(feature: str) -> Service:
    def plan_command(vacuum: Vacuum, plan: ServicePlan, _: ServiceData) -> None:
        if "command_topic" in vacuum.config:
            vacuum.publish(plan, "command_topic", vacuum.config[FEATURES[feature]])

    return Service(plan_command, supported=lambda vacuum: vacuum.has(feature))


class Vacuum(DeviceEntity):
    """A vacuum cleaner."""

    component = "vacuum"
    default_name = "MQTT State Vacuum"
    FIELDS: ClassVar[Fields] = {
        **COMMON,
        **topics_and_templates("command_topic", "send_command_topic"),
        **{key: optional(text, key.removeprefix("payload_")) for key in FEATURES.values()},
        "state_topic": optional(publish_topic),
        "set_fan_speed_topic": optional(publish_topic),
        "fan_speed_list": optional(texts, []),
        "supported_features": optional(_features, ["start", "stop", "return_home", "clean_spot"]),
    }

    def listen(self) -> None:
        self.on("state_topic", self._state)

    @property
    def value(self) -> Any:
        return self.values.get("activity")

    @property
    def attributes(self) -> dict[str, Any]:
        if not self.has("fan_speed"):
            return {}
        return {"fan_speed": self.values.get("fan_speed")}

    def has(self, feature: str) -> bool:
        """Whether the device declares this feature."""
        return feature in self.config["supported_features"]

    def _state(self, payload: str) -> None:
        said = msgspec.json.decode(payload, type=dict)
        if "state" in said and (said["state"] is None or said["state"] in VACUUM_STATES):
            self.values["activity"] = said["state"]
        self.values["fan_speed"] = said.get("fan_speed", self.values.get("fan_speed", 0))

    def set_fan_speed(self, plan: ServicePlan, data: ServiceData) -> None:
        """Add the message with the wished suction; an unknown value sends nothing."""
        speed = data["fan_speed"]
        if "set_fan_speed_topic" in self.config and speed in self.config["fan_speed_list"]:
            self.publish(plan, "set_fan_speed_topic", speed)

    def send_command(self, plan: ServicePlan, data: ServiceData) -> None:
        """Add the message with a command of the device's own."""
        if "send_command_topic" not in self.config:
            return
        params = data.get("params")
        if isinstance(params, dict):
            payload: Any = msgspec.json.encode({"command": data["command"], **params})
        else:
            payload = data["command"]
        self.publish(plan, "send_command_topic", payload)

    SERVICES: ClassVar[Mapping[str, Service]] = {
        "vacuum.start": _command_service("start"),
        "vacuum.pause": _command_service("pause"),
        "vacuum.stop": _command_service("stop"),
        "vacuum.return_to_base": _command_service("return_home"),
        "vacuum.clean_spot": _command_service("clean_spot"),
        "vacuum.locate": _command_service("locate"),
        "vacuum.set_fan_speed": Service(
            set_fan_speed,
            {"fan_speed": text},
            ("fan_speed",),
            lambda vacuum: vacuum.has("fan_speed"),
        ),
        "vacuum.send_command": Service(
            send_command,
            {"command": text, "params": lambda value: value},
            ("command",),
            lambda vacuum: vacuum.has("send_command"),
        ),
    }


_ACTIVITIES = {"start_mowing": "mowing", "dock": "docked", "pause": "paused"}


def _mower_service(name: str) -> Service:
    def plan_activity(mower: LawnMower, plan: ServicePlan, _: ServiceData) -> None:
        payload = mower.command(f"{name}_command_template", name)
        if mower.is_assumed:
            plan.assumed["activity"] = _ACTIVITIES[name]
        mower.publish(plan, f"{name}_command_topic", payload)

    supported: Callable[[LawnMower], bool] = lambda mower: (  # noqa: E731
        f"{name}_command_topic" in mower.config
    )
    return Service(plan_activity, supported=supported)


class LawnMower(DeviceEntity):
    """A lawn mower."""

    component = "lawn_mower"
    default_name = "MQTT Lawn Mower"
    FIELDS: ClassVar[Fields] = {
        **COMMON,
        **topics_and_templates(
            *("activity_state_topic", "activity_value_template"),
            *(f"{name}_command_{end}" for name in _ACTIVITIES for end in ("topic", "template")),
        ),
        "optimistic": optional(boolean, default=False),
    }
    SERVICES: ClassVar[Mapping[str, Service]] = {
        f"lawn_mower.{name}": _mower_service(name) for name in _ACTIVITIES
    }

    @property
    def is_assumed(self) -> bool:
        return bool(self.config["optimistic"]) or "activity_state_topic" not in self.config

    def listen(self) -> None:
        self.on("activity_state_topic", self._activity)

    @property
    def value(self) -> Any:
        return self.values.get("activity")

    def _activity(self, payload: str) -> None:
        value = str(self.read("activity_value_template", payload))
        if value.lower() == "none":
            self.values["activity"] = None
        elif value in MOWER_STATES:
            self.values["activity"] = value
