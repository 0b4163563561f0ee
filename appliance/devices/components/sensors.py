"""Components that are only read: sensor, binary_sensor and event."""

from __future__ import annotations

import datetime as dt
import math
import time
from typing import Any, ClassVar

import msgspec

from appliance.devices.config_fields import (
    READ_ONLY,
    Fields,
    boolean,
    device_class,
    integer_from,
    members,
    one_of,
    optional,
    required,
    template,
    text,
    text_or_none,
    texts,
)
from appliance.devices.entity import LONGEST_STATE, NONE, DeviceEntity
from appliance.devices.scaling import celsius_of
from appliance.errors import DeviceConfigError, TemplateFailed

NUMBER_CLASSES = frozenset(
    {
        *("absolute_humidity", "apparent_power", "aqi", "area", "atmospheric_pressure"),
        *("battery", "blood_glucose_concentration", "carbon_dioxide", "carbon_monoxide"),
        *("conductivity", "current", "data_rate", "data_size", "distance", "duration", "energy"),
        *("energy_distance", "energy_storage", "frequency", "gas", "humidity", "illuminance"),
        *("irradiance", "moisture", "monetary", "nitrogen_dioxide", "nitrogen_monoxide"),
        *("nitrous_oxide", "ozone", "ph", "pm1", "pm10", "pm25", "pm4", "power", "power_factor"),
        *("precipitation", "precipitation_intensity", "pressure", "reactive_energy"),
        *("reactive_power", "signal_strength", "sound_pressure", "speed", "sulphur_dioxide"),
        *("temperature", "temperature_delta", "volatile_organic_compounds"),
        *("volatile_organic_compounds_parts", "voltage", "volume", "volume_flow_rate"),
        *("volume_storage", "water", "weight", "wind_direction", "wind_speed"),
    }
)
SENSOR_CLASSES = NUMBER_CLASSES | {"date", "enum", "timestamp", "uptime"}
BINARY_CLASSES = frozenset(
    {
        *("battery", "battery_charging", "carbon_monoxide", "cold", "connectivity", "door"),
        *("garage_door", "gas", "heat", "light", "lock", "moisture", "motion", "moving"),
        *("occupancy", "opening", "plug", "power", "presence", "problem", "running", "safety"),
        *("smoke", "sound", "tamper", "update", "vibration", "window"),
    }
)

CLASS_NAMES = {
    "aqi": "Air quality index",
    "battery_charging": "Charging",
    "energy_distance": "Energy per distance",
    "energy_storage": "Stored energy",
    "monetary": "Monetary balance",
    "ph": "pH",
    "pm1": "PM1",
    "pm10": "PM10",
    "pm25": "PM2.5",
    "pm4": "PM4",
    "volume_storage": "Stored volume",
}
"""English names of device classes that are not just the class itself."""

STATE_CLASSES = ("measurement", "measurement_angle", "total", "total_increasing")

FAHRENHEIT, CELSIUS = "°F", "°C"


def class_name(name: str | None) -> str | None:
    """The English name of a device class; None if there is none."""
    if name is None or name == "enum":
        return None
    return CLASS_NAMES.get(name, name.replace("_", " ").capitalize())


class ExpiringEntity(DeviceEntity):
    """A device that becomes unavailable if it is silent for too long."""

    @property
    def is_available(self) -> bool:
        """Whether it can be reached and its value is not too old."""
        expires = self.config.get("expire_after") or 0
        fresh = not expires or time.time() - self.values.get("said_at", 0) < expires
        return super().is_available and fresh

    def note_heard(self) -> None:
        """Note that a message came, if that matters."""
        if self.config.get("expire_after"):
            self.values["said_at"] = time.time()


class Sensor(ExpiringEntity):
    """A measured value or a text."""

    component = "sensor"
    default_name = "MQTT Sensor"
    FIELDS: ClassVar[Fields] = {
        **READ_ONLY,
        "device_class": optional(device_class(SENSOR_CLASSES)),
        "expire_after": optional(integer_from(0)),
        "force_update": optional(boolean, default=False),
        "last_reset_value_template": optional(template),
        "options": optional(members),
        "suggested_display_precision": optional(integer_from(0)),
        "state_class": optional(one_of(*STATE_CLASSES, None)),
        "unit_of_measurement": optional(text_or_none),
    }

    def check(self, config: dict[str, Any]) -> dict[str, Any]:
        unit = config.get("unit_of_measurement")
        if unit is not None and not unit.strip():
            del config["unit_of_measurement"]
        if "last_reset_value_template" in config and config.get("state_class") != "total":
            raise DeviceConfigError("last_reset_value_template needs the state class total")
        options = config.get("options")
        if options is None:
            return config
        if not options or config.get("device_class") != "enum":
            raise DeviceConfigError("options need the device class enum, and one option at least")
        if config.get("state_class") or config.get("unit_of_measurement"):
            raise DeviceConfigError("options do not go with a state class or a unit")
        return config

    def listen(self) -> None:
        self.on("state_topic", self._state)

    def name_by_class(self) -> str | None:
        return class_name(self.device_class)

    @property
    def value(self) -> Any:
        value = self.values.get("value")
        if value is None or not self._converts:
            return value
        return celsius_of(float(value))

    @property
    def attributes(self) -> dict[str, Any]:
        shown: dict[str, Any] = {}
        unit = CELSIUS if self._converts else self.config.get("unit_of_measurement")
        if unit:
            shown["unit_of_measurement"] = unit
        for name in ("device_class", "state_class", "options"):
            if self.config.get(name):
                shown[name] = self.config[name]
        return shown

    @property
    def _converts(self) -> bool:
        """Whether degrees Fahrenheit become Celsius: its units are metric."""
        in_fahrenheit = self.config.get("unit_of_measurement") == FAHRENHEIT
        return in_fahrenheit and self.device_class == "temperature"

    @property
    def is_number(self) -> bool:
        """Whether its value must be a number."""
        if self.device_class in ("date", "enum", "timestamp", "uptime"):
            return False
        names = ("device_class", "state_class", "unit_of_measurement")
        given = any(self.config.get(name) is not None for name in names)
        return given or "suggested_display_precision" in self.config

    def _state(self, payload: str) -> None:
        self.note_heard()
        value = self.read("value_template", payload, otherwise=TemplateFailed)
        if value is not TemplateFailed:
            self._note_value(value)

    def _note_value(self, value: str) -> None:
        options = self.config.get("options")
        if value == NONE:
            self.values["value"] = None
        elif self.is_number:
            if value:
                self.values["value"] = _checked_number(value)
        elif options and value not in options:
            return
        elif self.device_class in ("date", "timestamp"):
            self.values["value"] = self._moment(value)
        elif len(value) <= LONGEST_STATE:
            self.values["value"] = value

    def _moment(self, value: str) -> str | None:
        try:
            moment = dt.datetime.fromisoformat(value)
        except ValueError:
            return None
        if self.device_class == "date":
            return moment.date().isoformat()
        if moment.tzinfo is None:
            raise ValueError("the time has no time zone")
        return moment.astimezone(dt.UTC).isoformat(timespec="seconds")


def _checked_number(value: str) -> str:
    """The text of a number, unchanged; ValueError if it is not a number."""
    if not math.isfinite(float(value)):
        raise ValueError("the value is not finite")
    return value


class BinarySensor(ExpiringEntity):
    """A device with two states, such as a contact or a motion detector."""

    component = "binary_sensor"
    default_name = "MQTT Binary sensor"
    FIELDS: ClassVar[Fields] = {
        **READ_ONLY,
        "device_class": optional(device_class(BINARY_CLASSES)),
        "expire_after": optional(integer_from(0)),
        "force_update": optional(boolean, default=False),
        "off_delay": optional(integer_from(0)),
        "payload_on": optional(text, "ON"),
        "payload_off": optional(text, "OFF"),
    }

    def listen(self) -> None:
        self.on("state_topic", self._state)

    def name_by_class(self) -> str | None:
        return class_name(self.device_class)

    @property
    def value(self) -> Any:
        on = self.values.get("is_on")
        delay = self.config.get("off_delay")
        if on and delay is not None and time.time() - self.values.get("on_at", 0) >= delay:
            on = False
        return None if on is None else "on" if on else "off"

    @property
    def attributes(self) -> dict[str, Any]:
        return {"device_class": self.device_class} if self.device_class else {}

    def _state(self, payload: str) -> None:
        self.note_heard()
        value = str(self.read("value_template", payload))
        known = {self.config["payload_on"]: True, self.config["payload_off"]: False, NONE: None}
        if value.strip() and value in known:
            self.values["is_on"] = known[value]
            if known[value] and "off_delay" in self.config:
                self.values["on_at"] = time.time()


class Event(DeviceEntity):
    """An event, such as a press of a doorbell."""

    component = "event"
    default_name = "MQTT Event"
    FIELDS: ClassVar[Fields] = {
        **READ_ONLY,
        "device_class": optional(device_class({"button", "doorbell", "motion"})),
        "event_types": required(texts),
    }

    def listen(self) -> None:
        self.on("state_topic", self._event)

    def name_by_class(self) -> str | None:
        return class_name(self.device_class)

    def receive(self, topic_filter: str, payload: bytes, *, retained: bool = False) -> bool:
        """A retained message is not an event."""
        if retained and topic_filter == self.config["state_topic"]:
            return False
        return super().receive(topic_filter, payload, retained=retained)

    @property
    def value(self) -> Any:
        return self.values.get("happened_at")

    @property
    def attributes(self) -> dict[str, Any]:
        shown = {"event_types": self.config["event_types"]}
        return {**shown, "event_type": self.values.get("event_type")}

    def _event(self, payload: str) -> None:
        value = self.read("value_template", payload, otherwise="")
        if not value or value in (NONE, "{}"):
            return
        said = msgspec.json.decode(value, type=dict)
        kind = str(said["event_type"])
        if kind in self.config["event_types"]:
            now = dt.datetime.now(dt.UTC).isoformat(timespec="milliseconds")
            self.values |= {"event_type": kind, "happened_at": now}
