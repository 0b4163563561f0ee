"""Components that take one value or none: button, scene, number, select and text."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from appliance.devices.components.sensors import NUMBER_CLASSES, class_name
from appliance.devices.components.switches import one_of_them
from appliance.devices.config_fields import (
    COMMANDED,
    COMMON,
    Fields,
    device_class,
    integer_from,
    members,
    number,
    number_from,
    one_of,
    optional,
    pattern,
    publish_topic,
    required,
    template,
    text,
    text_or_none,
)
from appliance.devices.entity import (
    LONGEST_STATE,
    NONE,
    DeviceEntity,
    Service,
    ServiceData,
    ServicePlan,
)
from appliance.errors import DeviceConfigError, ServiceRefused

if TYPE_CHECKING:
    from collections.abc import Mapping


class Button(DeviceEntity):
    """A button that can be pressed; it reports nothing."""

    component = "button"
    default_name = "MQTT Button"
    FIELDS: ClassVar[Fields] = {
        **COMMON,
        "command_topic": required(publish_topic),
        "command_template": optional(template),
        "device_class": optional(device_class({"identify", "restart", "update"})),
        "payload_press": optional(text, "PRESS"),
    }

    def name_by_class(self) -> str | None:
        return self.device_class and self.device_class.capitalize()

    def press(self, plan: ServicePlan, data: ServiceData) -> None:
        """Add the message of a press."""
        payload = self.command("command_template", self.config["payload_press"])
        self.publish(plan, "command_topic", payload)

    SERVICES: ClassVar[Mapping[str, Service]] = {"button.press": Service(press)}


class Scene(DeviceEntity):
    """A scene that can be activated; it reports nothing."""

    component = "scene"
    default_name = "MQTT Scene"
    FIELDS: ClassVar[Fields] = {
        **COMMON,
        "command_topic": required(publish_topic),
        "payload_on": optional(text, "ON"),
    }

    def activate(self, plan: ServicePlan, data: ServiceData) -> None:
        """Add the message of the scene."""
        self.publish(plan, "command_topic", self.config["payload_on"])

    SERVICES: ClassVar[Mapping[str, Service]] = {
        "scene.turn_on": Service(activate, {"transition": number})
    }


class SettableValue(DeviceEntity):
    """A device with one value, which can be set."""

    FIELDS: ClassVar[Fields] = {
        **COMMANDED,
        "command_template": optional(template),
        "value_template": optional(template),
    }

    @property
    def value(self) -> Any:
        return self.values.get("value")

    @property
    def attributes(self) -> dict[str, Any]:
        return {"assumed_state": True} if self.is_assumed else {}

    def set_to(self, plan: ServicePlan, value: Any) -> None:
        """Add the message with the value."""
        self.publish(plan, "command_topic", self.command("command_template", value))
        if self.is_assumed:
            plan.assumed["value"] = value


class Number(SettableValue):
    """A number within limits."""

    component = "number"
    default_name = "MQTT Number"
    FIELDS: ClassVar[Fields] = {
        **SettableValue.FIELDS,
        "device_class": optional(device_class(NUMBER_CLASSES)),
        "min": optional(number, 1.0),
        "max": optional(number, 100.0),
        "step": optional(number_from(1e-3), 1.0),
        "mode": optional(one_of("auto", "box", "slider"), "auto"),
        "payload_reset": optional(text, NONE),
        "unit_of_measurement": optional(text_or_none),
    }

    def check(self, config: dict[str, Any]) -> dict[str, Any]:
        if config["min"] > config["max"]:
            raise DeviceConfigError("max must not be below min")
        return config

    def listen(self) -> None:
        self.on("state_topic", self._state)

    def name_by_class(self) -> str | None:
        return class_name(self.device_class)

    @property
    def attributes(self) -> dict[str, Any]:
        unit = self.config.get("unit_of_measurement")
        shown = {"min": self.config["min"], "max": self.config["max"], **super().attributes}
        return {**shown, "unit_of_measurement": unit} if unit else shown

    def _state(self, payload: str) -> None:
        value = str(self.read("value_template", payload))
        if not value.strip():
            return
        if value == self.config["payload_reset"]:
            self.values["value"] = None
            return
        said = int(value) if value.isnumeric() else float(value)
        if self.config["min"] <= said <= self.config["max"]:
            self.values["value"] = said

    def set_value(self, plan: ServicePlan, data: ServiceData) -> None:
        """Add the message with the wished number."""
        wished = data["value"]
        if not self.config["min"] <= wished <= self.config["max"]:
            raise ServiceRefused(f"{self.name}: {wished:g} is out of range")
        self.set_to(plan, int(wished) if wished.is_integer() else wished)

    SERVICES: ClassVar[Mapping[str, Service]] = {
        "number.set_value": Service(set_value, {"value": number}, ("value",))
    }


class Select(SettableValue):
    """One of some options."""

    component = "select"
    default_name = "MQTT Select"
    FIELDS: ClassVar[Fields] = {**SettableValue.FIELDS, "options": required(members)}

    def listen(self) -> None:
        self.on("state_topic", self._state)

    @property
    def attributes(self) -> dict[str, Any]:
        return {"options": self.config["options"], **super().attributes}

    def _state(self, payload: str) -> None:
        value = str(self.read("value_template", payload))
        if value.lower() == "none":
            self.values["value"] = None
        elif value.strip() and value in self.config["options"]:
            self.values["value"] = value

    def select_option(self, plan: ServicePlan, data: ServiceData) -> None:
        """Add the message with the wished option."""
        one_of_them(self, "option", self.config["options"], data["option"])
        self.set_to(plan, data["option"])

    SERVICES: ClassVar[Mapping[str, Service]] = {
        "select.select_option": Service(select_option, {"option": text}, ("option",))
    }


class Text(SettableValue):
    """A text of limited length."""

    component = "text"
    default_name = "MQTT Text"
    FIELDS: ClassVar[Fields] = {
        **SettableValue.FIELDS,
        "min": optional(integer_from(0), 0),
        "max": optional(integer_from(0), LONGEST_STATE),
        "mode": optional(one_of("text", "password"), "text"),
        "pattern": optional(pattern),
    }

    def check(self, config: dict[str, Any]) -> dict[str, Any]:
        if not config["min"] <= config["max"] <= LONGEST_STATE:
            raise DeviceConfigError(f"max must be between min and {LONGEST_STATE}")
        return config

    def listen(self) -> None:
        self.on("state_topic", self._state)

    @property
    def value(self) -> Any:
        value = super().value
        return "*" * len(value) if value and self.config["mode"] == "password" else value

    def _state(self, payload: str) -> None:
        value = str(self.read("value_template", payload))
        if len(value) <= LONGEST_STATE:
            self.values["value"] = value

    def set_value(self, plan: ServicePlan, data: ServiceData) -> None:
        """Add the message with the wished text."""
        wished, allowed = data["value"], self.config.get("pattern")
        if not self.config["min"] <= len(wished) <= self.config["max"]:
            raise ServiceRefused(f"{self.name}: the text is too long or too short")
        if allowed is not None and not allowed.match(wished):
            raise ServiceRefused(f"{self.name}: the text does not fit the device's pattern")
        self.set_to(plan, wished)

    SERVICES: ClassVar[Mapping[str, Service]] = {
        "text.set_value": Service(set_value, {"value": text}, ("value",))
    }
