"""Components that are on or off: switch, siren and humidifier."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

import msgspec

from appliance.devices.components.light_base import ranged
from appliance.devices.config_fields import (
    COMMANDED,
    Fields,
    boolean,
    device_class,
    integer,
    members,
    number_from,
    optional,
    publish_topic,
    required,
    template,
    text,
    topics_and_templates,
)
from appliance.devices.entity import NONE, DeviceEntity, Service, ServiceData, ServicePlan
from appliance.errors import DeviceConfigError, ServiceRefused

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


def one_of_them(entity: Any, name: str, known: Any, value: str) -> None:
    """Refuse a value that is not in the device's list."""
    if value not in (known or []):
        raise ServiceRefused(f"{entity.name} has no {name} {value!r}")


class OnOffEntity(DeviceEntity):
    """A device that is on or off."""

    @property
    def value(self) -> Any:
        """On or off."""
        on = self.values.get("is_on")
        return None if on is None else "on" if on else "off"

    @property
    def attributes(self) -> dict[str, Any]:
        """The device class, and whether the state is assumed."""
        shown: dict[str, Any] = {}
        if self.device_class:
            shown["device_class"] = self.device_class
        if self.is_assumed:
            shown["assumed_state"] = True
        return shown

    def read_on_off(self, template_key: str) -> Callable[[str], None]:
        """A handler for a topic with on, off or unknown."""
        config = self.config
        known = {
            config.get("state_on") or config["payload_on"]: True,
            config.get("state_off") or config["payload_off"]: False,
            NONE: None,
        }

        def read_state(payload: str) -> None:
            value = self.read(template_key, payload)
            if value and value in known:
                self.values["is_on"] = known[value]

        return read_state

    def switch_on(self, plan: ServicePlan, data: ServiceData) -> None:
        """Add the message of "on"."""
        self._switch(plan, on=True)

    def switch_off(self, plan: ServicePlan, data: ServiceData) -> None:
        """Add the message of "off"."""
        self._switch(plan, on=False)

    def toggle(self, plan: ServicePlan, data: ServiceData) -> None:
        """Off if it is on, otherwise on."""
        self._switch(plan, on=not self.values.get("is_on"))

    def _switch(self, plan: ServicePlan, *, on: bool) -> None:
        payload = self.config["payload_on" if on else "payload_off"]
        self.publish(plan, "command_topic", self.command("command_template", payload))
        if self.is_assumed:
            plan.assumed["is_on"] = on


ON_OFF: Fields = {
    "payload_on": optional(text, "ON"),
    "payload_off": optional(text, "OFF"),
    "command_template": optional(template),
}


class Switch(OnOffEntity):
    """A relay or plug."""

    component = "switch"
    default_name = "MQTT Switch"
    FIELDS: ClassVar[Fields] = {
        **COMMANDED,
        **ON_OFF,
        "state_on": optional(text),
        "state_off": optional(text),
        "value_template": optional(template),
        "device_class": optional(device_class({"outlet", "switch"})),
    }
    SERVICES: ClassVar[Mapping[str, Service]] = {
        "switch.turn_on": Service(OnOffEntity.switch_on),
        "switch.turn_off": Service(OnOffEntity.switch_off),
        "switch.toggle": Service(OnOffEntity.toggle),
    }

    def listen(self) -> None:
        self.on("state_topic", self.read_on_off("value_template"))


_TONE_FIELDS: dict[str, Callable[[Any], Any]] = {
    "tone": lambda value: value if isinstance(value, int) else text(value),
    "duration": integer,
    "volume_level": ranged(float, 0, 1),
}


class Siren(OnOffEntity):
    """A siren or chime."""

    component = "siren"
    default_name = "MQTT Siren"
    FIELDS: ClassVar[Fields] = {
        **COMMANDED,
        **ON_OFF,
        "available_tones": optional(
            lambda value: value if isinstance(value, dict) else members(value)
        ),
        "command_off_template": optional(template),
        "state_on": optional(text),
        "state_off": optional(text),
        "state_value_template": optional(template),
        "support_duration": optional(boolean, default=True),
        "support_volume_set": optional(boolean, default=True),
    }

    def setup(self) -> None:
        if self.is_assumed:
            self.values["is_on"] = False

    def listen(self) -> None:
        self.on("state_topic", self._state)

    @property
    def attributes(self) -> dict[str, Any]:
        shown = {name: self.values.get(name) for name in _TONE_FIELDS if self._has(name)}
        return {**super().attributes, **shown}

    def _has(self, name: str) -> bool:
        if name == "tone":
            return bool(self.config.get("available_tones"))
        return bool(self.config[f"support_{name.replace('_level', '_set')}"])

    def _state(self, payload: str) -> None:
        value = self.read("state_value_template", payload)
        if not value or value == "{}":
            return
        config = self.config
        known = {
            config.get("state_on") or config["payload_on"]: True,
            config.get("state_off") or config["payload_off"]: False,
            NONE: None,
        }
        said = {"state": value} if value in known else msgspec.json.decode(value, type=dict)
        state = said.pop("state", None)
        if state in known:
            self.values["is_on"] = known[state]
        if said.keys() <= _TONE_FIELDS.keys():
            self.values |= self._usable({key: _TONE_FIELDS[key](said[key]) for key in said})

    def _usable(self, data: ServiceData) -> ServiceData:
        """The data without unsupported keys; a tone's description becomes its name."""
        usable = {name: value for name, value in data.items() if self._has(name)}
        if "tone" in usable:
            tones = self.config["available_tones"]
            if isinstance(tones, dict):
                names = {value: name for name, value in tones.items()}
                usable["tone"] = names.get(usable["tone"], usable["tone"])
            one_of_them(self, "tone", tones, usable["tone"])
        return usable

    def sound(self, plan: ServicePlan, data: ServiceData) -> None:
        """Add the message of "on"."""
        self._send(plan, "command_template", "payload_on", self._usable(data))
        if self.is_assumed:
            plan.assumed |= {"is_on": True, **self._usable(data)}

    def silence(self, plan: ServicePlan, data: ServiceData) -> None:
        """Add the message of "off"."""
        off = "command_off_template"
        name = off if off in self.config else "command_template"
        self._send(plan, name, "payload_off", {})
        if self.is_assumed:
            plan.assumed["is_on"] = False

    def toggle_siren(self, plan: ServicePlan, data: ServiceData) -> None:
        """Silence it if it is on, otherwise sound it."""
        (self.silence if self.values.get("is_on") else self.sound)(plan, {})

    def _send(self, plan: ServicePlan, name: str, payload: str, data: ServiceData) -> None:
        value = self.config[payload]
        variables = {"state": value, **data}
        if name in self.config:
            sent = self.command(name, value, **variables)
        else:
            sent = msgspec.json.encode(variables)
        if sent and sent != NONE:
            self.publish(plan, "command_topic", sent)

    SERVICES: ClassVar[Mapping[str, Service]] = {
        "siren.turn_on": Service(sound, _TONE_FIELDS),
        "siren.turn_off": Service(silence),
        "siren.toggle": Service(toggle_siren),
    }


class Humidifier(OnOffEntity):
    """A humidifier or dehumidifier."""

    component = "humidifier"
    default_name = "MQTT Humidifier"
    FIELDS: ClassVar[Fields] = {
        **COMMANDED,
        **ON_OFF,
        **topics_and_templates(
            *("action_topic", "action_template"),
            *("current_humidity_topic", "current_humidity_template"),
            *("mode_command_template", "mode_state_topic", "mode_state_template"),
            *("state_value_template", "target_humidity_command_template"),
            *("target_humidity_state_topic", "target_humidity_state_template"),
        ),
        "mode_command_topic": optional(publish_topic),
        "modes": optional(members, []),
        "device_class": optional(device_class({"humidifier", "dehumidifier"}), "humidifier"),
        "target_humidity_command_topic": required(publish_topic),
        "min_humidity": optional(number_from(0), 0),
        "max_humidity": optional(number_from(0), 100),
        "payload_reset_humidity": optional(text, NONE),
        "payload_reset_mode": optional(text, NONE),
    }

    def check(self, config: dict[str, Any]) -> dict[str, Any]:
        if ("mode_command_topic" in config) != bool(config["modes"]):
            raise DeviceConfigError("modes and mode_command_topic need each other")
        if not config["min_humidity"] < config["max_humidity"] <= 100:  # noqa: PLR2004
            raise DeviceConfigError("max_humidity must be above min_humidity, and 100 at most")
        if config["payload_reset_mode"] in config["modes"]:
            raise DeviceConfigError("modes must not contain payload_reset_mode")
        return config

    def listen(self) -> None:
        self.on("state_topic", self.read_on_off("state_value_template"))
        self.on("action_topic", self._action)
        self.on("current_humidity_topic", self._current)
        self.on("target_humidity_state_topic", self._target)
        self.on("mode_state_topic", self._mode)

    @property
    def attributes(self) -> dict[str, Any]:
        known = ("humidity", "mode", "current_humidity", "action")
        shown = {name: self.values[name] for name in known if name in self.values}
        return {**super().attributes, **shown}

    def _action(self, payload: str) -> None:
        value = self.read("action_template", payload)
        if value in ("humidifying", "drying", "idle", "off"):
            self.values["action"] = value

    def _current(self, payload: str) -> None:
        self._humidity("current_humidity", "current_humidity_template", payload, (0, 100))

    def _target(self, payload: str) -> None:
        limits = (self.config["min_humidity"], self.config["max_humidity"])
        self._humidity("humidity", "target_humidity_state_template", payload, limits)

    def _humidity(
        self, name: str, template_key: str, payload: str, limits: tuple[float, float]
    ) -> None:
        value = self.read(template_key, payload)
        if value == self.config["payload_reset_humidity"]:
            self.values[name] = None
        elif value:
            humidity = round(float(value))
            if limits[0] <= humidity <= limits[1]:
                self.values[name] = humidity

    def _mode(self, payload: str) -> None:
        value = self.read("mode_state_template", payload)
        if value == self.config["payload_reset_mode"]:
            self.values["mode"] = None
        elif value in self.config["modes"]:
            self.values["mode"] = value

    def set_humidity(self, plan: ServicePlan, data: ServiceData) -> None:
        """Add the message with the wished humidity."""
        humidity = data["humidity"]
        if not self.config["min_humidity"] <= humidity <= self.config["max_humidity"]:
            raise ServiceRefused(f"{self.name}: {humidity} % is out of range")
        payload = self.command("target_humidity_command_template", humidity)
        self.publish(plan, "target_humidity_command_topic", payload)
        if self.config["optimistic"] or "target_humidity_state_topic" not in self.config:
            plan.assumed["humidity"] = humidity

    def set_mode(self, plan: ServicePlan, data: ServiceData) -> None:
        """Add the message with the wished mode."""
        mode = data["mode"]
        one_of_them(self, "mode", self.config["modes"], mode)
        self.publish(plan, "mode_command_topic", self.command("mode_command_template", mode))
        if self.config["optimistic"] or "mode_state_topic" not in self.config:
            plan.assumed["mode"] = mode

    SERVICES: ClassVar[Mapping[str, Service]] = {
        "humidifier.turn_on": Service(OnOffEntity.switch_on),
        "humidifier.turn_off": Service(OnOffEntity.switch_off),
        "humidifier.toggle": Service(OnOffEntity.toggle),
        "humidifier.set_humidity": Service(
            set_humidity, {"humidity": ranged(integer, 0, 100)}, ("humidity",)
        ),
        "humidifier.set_mode": Service(
            set_mode, {"mode": text}, ("mode",), lambda entity: bool(entity.config["modes"])
        ),
    }
