"""Thermostats, air conditioners and water heaters: modes and temperatures.

The house is metric: temperatures in services and states are in degrees Celsius, whatever unit
the device has.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from appliance.devices.components.light_base import ranged
from appliance.devices.components.switches import one_of_them
from appliance.devices.config_fields import (
    COMMON,
    Fields,
    boolean,
    integer,
    members,
    number,
    number_from,
    one_of,
    optional,
    text,
    topics_and_templates,
)
from appliance.devices.entity import NONE, DeviceEntity, Service, ServiceData, ServicePlan
from appliance.devices.scaling import celsius_of, fahrenheit_of
from appliance.errors import DeviceConfigError, ServiceRefused

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

HVAC_MODES = ("off", "heat", "cool", "heat_cool", "auto", "dry", "fan_only")
HVAC_ACTIONS = (
    *("cooling", "defrosting", "drying", "fan", "heating", "idle", "off", "preheating"),
)

ACTIVE_MODES = ("heat_cool", "heat", "cool")
"""Modes for "turn on", in order of preference."""

INITIAL_C = 21.0


def _unit(value: Any) -> str:
    letter = str(value).strip().lstrip("°").upper()
    if letter not in ("C", "F"):
        raise ValueError("must be C or F")
    return letter


TEMPERATURE_FIELDS: Fields = {
    **COMMON,
    **topics_and_templates(
        *("current_temperature_template", "current_temperature_topic"),
        *("mode_command_template", "mode_command_topic", "mode_state_template"),
        *("mode_state_topic", "power_command_template", "power_command_topic"),
        *("temperature_command_template", "temperature_command_topic"),
        *("temperature_state_template", "temperature_state_topic", "value_template"),
    ),
    "optimistic": optional(boolean, default=False),
    "payload_on": optional(text, "ON"),
    "payload_off": optional(text, "OFF"),
    "precision": optional(lambda value: one_of(0.1, 0.5, 1.0)(float(value))),
    "initial": optional(number),
    "min_temp": optional(number),
    "max_temp": optional(number),
    "temperature_unit": optional(_unit, "C"),
}


class TemperatureControl(DeviceEntity):
    """A device with a target temperature, on topics of its own."""

    limits_c: ClassVar[tuple[float, float]]
    """Lowest and highest target temperature if the device does not declare them."""

    @property
    def is_assumed(self) -> bool:
        """Whether it reports nothing at all."""
        return bool(self.config["optimistic"])

    @property
    def limits(self) -> tuple[float, float]:
        """Lowest and highest target temperature, in the device's unit."""
        low, high = (self.to_device(limit) for limit in self.limits_c)
        return self.config.get("min_temp", low), self.config.get("max_temp", high)

    def to_device(self, celsius: float) -> float:
        """A temperature in the device's unit."""
        return fahrenheit_of(celsius) if self.config["temperature_unit"] == "F" else celsius

    def shown(self, name: str) -> float | None:
        """A temperature in degrees Celsius, rounded as the device's precision is."""
        value = self.values.get(name)
        if value is None:
            return None
        in_fahrenheit = self.config["temperature_unit"] == "F"
        celsius = celsius_of(value) if in_fahrenheit else value
        precision = self.config.get("precision", 0.1)
        if precision == 0.5:  # noqa: PLR2004
            return round(celsius * 2) / 2
        return round(celsius, 1) if precision == 0.1 else round(celsius)  # noqa: PLR2004

    def assumes(self, topic: str) -> bool:
        """Whether the value of a topic is assumed from the last command."""
        return bool(self.config["optimistic"]) or topic not in self.config

    def read_state(self, key: str, payload: str) -> Any:
        """The payload after the template under `key`, otherwise after `value_template`."""
        return self.read(key if key in self.config else "value_template", payload)

    def number_handler(self, key: str, name: str) -> Callable[[str], None]:
        """A handler for a topic with a number."""

        def read_number(payload: str) -> None:
            value = self.read_state(key, payload)
            if value:
                self.values[name] = None if value == NONE else float(value)

        return read_number

    def word_handler(self, key: str, name: str, known: str) -> Callable[[str], None]:
        """A handler for a topic with one of the words in the list under `known`."""

        def read_word(payload: str) -> None:
            value = self.read_state(key, payload)
            if value == NONE:
                self.values[name] = None
            elif value in self.config[known]:
                self.values[name] = value

        return read_word

    def listen_to_temperatures(self) -> None:
        """Read the temperatures that all of these devices have."""
        current = self.number_handler("current_temperature_template", "current_temperature")
        self.on("current_temperature_topic", current)
        wished = self.number_handler("temperature_state_template", "temperature")
        self.on("temperature_state_topic", wished)

    def send(self, plan: ServicePlan, attribute: str, value: Any) -> None:
        """Add the message that sets an attribute, if there is a topic for it."""
        payload = self.command(f"{attribute}_command_template", value)
        if f"{attribute}_command_topic" in self.config:
            self.publish(plan, f"{attribute}_command_topic", payload)

    def set_value(self, plan: ServicePlan, attribute: str, name: str, value: Any) -> None:
        """Add the message that sets an attribute, and assume the value if it is not reported."""
        if self.assumes(f"{attribute}_state_topic"):
            plan.assumed[name] = value
        self.send(plan, attribute, value)

    def has(self, attribute: str) -> bool:
        """Whether an attribute is set or reported."""
        ends = ("command_topic", "state_topic")
        return any(f"{attribute}_{end}" in self.config for end in ends)


def _word_service(attribute: str) -> Service:
    """A service that sets one of the words in the list `<attribute>s`."""

    def plan_word(climate: Climate, plan: ServicePlan, data: ServiceData) -> None:
        one_of_them(climate, attribute, climate.config[f"{attribute}s"], data[attribute])
        climate.set_value(plan, attribute, attribute, data[attribute])

    return Service(
        plan_word, {attribute: text}, (attribute,), lambda climate: climate.has(attribute)
    )


class Climate(TemperatureControl):
    """A thermostat or air conditioner."""

    component = "climate"
    default_name = "MQTT HVAC"
    limits_c = (7, 35)
    FIELDS: ClassVar[Fields] = {
        **TEMPERATURE_FIELDS,
        **topics_and_templates(
            *("action_template", "action_topic"),
            *("current_humidity_template", "current_humidity_topic"),
            *(
                f"{attribute}_{end}"
                for attribute in (
                    *("fan_mode", "swing_mode", "swing_horizontal_mode"),
                    *("target_humidity", "temperature_high", "temperature_low"),
                )
                for end in ("command_template", "command_topic", "state_template", "state_topic")
            ),
            *("preset_mode_command_template", "preset_mode_command_topic"),
            *("preset_mode_state_topic", "preset_mode_value_template"),
        ),
        "modes": optional(members, ["auto", "off", "cool", "heat", "dry", "fan_only"]),
        "fan_modes": optional(members, ["auto", "low", "medium", "high"]),
        "swing_modes": optional(members, ["on", "off"]),
        "swing_horizontal_modes": optional(members, ["on", "off"]),
        "preset_modes": optional(members, []),
        "min_humidity": optional(number_from(0), 30.0),
        "max_humidity": optional(number_from(0), 99.0),
        "temp_step": optional(number, 1.0),
    }

    def check(self, config: dict[str, Any]) -> dict[str, Any]:
        if "none" in config["preset_modes"]:
            raise DeviceConfigError("preset_modes must not contain none")
        if ("preset_mode_command_topic" in config) != bool(config["preset_modes"]):
            raise DeviceConfigError("preset_modes and preset_mode_command_topic need each other")
        if not config["min_humidity"] < config["max_humidity"] <= 100:  # noqa: PLR2004
            raise DeviceConfigError("max_humidity must be above min_humidity, and 100 at most")
        has_state = "target_humidity_state_topic" in config
        if has_state and "target_humidity_command_topic" not in config:
            raise DeviceConfigError("target_humidity_state_topic needs a command topic")
        return config

    def setup(self) -> None:
        first = self.config.get("initial", self.to_device(INITIAL_C))
        for attribute, name, value in (
            ("temperature", "temperature", first),
            ("temperature_low", "target_temp_low", first),
            ("temperature_high", "target_temp_high", first),
            ("fan_mode", "fan_mode", "low"),
            ("swing_mode", "swing_mode", "off"),
            ("swing_horizontal_mode", "swing_horizontal_mode", "off"),
            ("mode", "hvac_mode", "off"),
        ):
            if self.assumes(f"{attribute}_state_topic"):
                self.values[name] = value
        if self.config["preset_modes"]:
            self.values["preset_mode"] = "none"

    def listen(self) -> None:
        self.on("action_topic", self._action)
        for topic, key, name in (
            ("current_humidity_topic", "current_humidity_template", "current_humidity"),
            ("target_humidity_state_topic", "target_humidity_state_template", "humidity"),
            ("temperature_low_state_topic", "temperature_low_state_template", "target_temp_low"),
            ("temperature_high_state_topic", "temperature_high_state_template", "target_temp_high"),
        ):
            self.on(topic, self.number_handler(key, name))
        for attribute, name, known in (
            ("mode", "hvac_mode", "modes"),
            ("fan_mode", "fan_mode", "fan_modes"),
            ("swing_mode", "swing_mode", "swing_modes"),
            ("swing_horizontal_mode", "swing_horizontal_mode", "swing_horizontal_modes"),
        ):
            handler = self.word_handler(f"{attribute}_state_template", name, known)
            self.on(f"{attribute}_state_topic", handler)
        self.on("preset_mode_state_topic", self._preset)
        self.listen_to_temperatures()

    @property
    def value(self) -> Any:
        mode = self.values.get("hvac_mode")
        return mode if mode in HVAC_MODES else None

    @property
    def attributes(self) -> dict[str, Any]:
        shown: dict[str, Any] = {"current_temperature": self.shown("current_temperature")}
        if self.has("temperature"):
            shown["temperature"] = self.shown("temperature")
        if self.has_range:
            shown["target_temp_low"] = self.shown("target_temp_low")
            shown["target_temp_high"] = self.shown("target_temp_high")
        if "target_humidity_command_topic" in self.config:
            shown["humidity"] = self.values.get("humidity")
        for name in ("current_humidity", "hvac_action"):
            if self.values.get(name) is not None:
                shown[name] = self.values[name]
        named = [
            name for name in ("fan_mode", "swing_mode", "swing_horizontal_mode") if self.has(name)
        ]
        if self.config["preset_modes"]:
            named.append("preset_mode")
        return {**shown, **{name: self.values.get(name) for name in named}}

    @property
    def has_range(self) -> bool:
        """Whether it has a lower and a higher target temperature."""
        return self.has("temperature_low") or self.has("temperature_high")

    def _action(self, payload: str) -> None:
        value = self.read_state("action_template", payload)
        if value == NONE:
            self.values["hvac_action"] = None
        elif value in HVAC_ACTIONS:
            self.values["hvac_action"] = value

    def _preset(self, payload: str) -> None:
        value = self.read_state("preset_mode_value_template", payload)
        if value in ("none", NONE):
            self.values["preset_mode"] = "none"
        elif value in self.config["preset_modes"]:
            self.values["preset_mode"] = value

    # Acting.

    def turn_on(self, plan: ServicePlan, data: ServiceData) -> None:
        """Switch the power on, otherwise choose a mode that does something."""
        if "power_command_topic" in self.config:
            self.send(plan, "power", self.config["payload_on"])
            return
        modes = self.config["modes"]
        others = [mode for mode in modes if mode != "off"]
        if len(modes) == 2 and len(others) == 1:  # noqa: PLR2004
            self._set_mode(plan, others[0])
            return
        mode = next((mode for mode in ACTIVE_MODES if mode in modes), None)
        if mode is None:
            raise ServiceRefused(f"{self.name} cannot be turned on")
        self._set_mode(plan, mode)

    def turn_off(self, plan: ServicePlan, data: ServiceData) -> None:
        """Switch the power off, otherwise choose the mode "off"."""
        if "power_command_topic" in self.config:
            self.send(plan, "power", self.config["payload_off"])
            if self.config["optimistic"]:
                plan.assumed["hvac_mode"] = "off"
        elif "off" in self.config["modes"]:
            self._set_mode(plan, "off")
        else:
            raise ServiceRefused(f"{self.name} cannot be turned off")

    def toggle(self, plan: ServicePlan, data: ServiceData) -> None:
        """Switch it on if it is off, otherwise off."""
        (self.turn_on if self.values.get("hvac_mode") == "off" else self.turn_off)(plan, data)

    def _set_mode(self, plan: ServicePlan, mode: str) -> None:
        self.set_value(plan, "mode", "hvac_mode", mode)

    def set_hvac_mode(self, plan: ServicePlan, data: ServiceData) -> None:
        """Add the message with the wished mode."""
        one_of_them(self, "mode", self.config["modes"], data["hvac_mode"])
        self._set_mode(plan, data["hvac_mode"])

    def set_temperature(self, plan: ServicePlan, data: ServiceData) -> None:
        """Add the messages with the mode, if given, and one or two temperatures."""
        self._check_temperatures(data)
        if "hvac_mode" in data:
            self._set_mode(plan, data["hvac_mode"])
        for name, attribute in (
            ("temperature", "temperature"),
            ("target_temp_low", "temperature_low"),
            ("target_temp_high", "temperature_high"),
        ):
            if name in data:
                self.set_value(plan, attribute, name, self.to_device(data[name]))

    def _check_temperatures(self, data: ServiceData) -> None:
        low, high = data.get("target_temp_low"), data.get("target_temp_high")
        if "temperature" in data and not self.has("temperature"):
            raise ServiceRefused(f"{self.name} has no single wished temperature")
        if low is not None and not self.has_range:
            raise ServiceRefused(f"{self.name} has no range of temperatures")
        if (low is None) != (high is None) or ("temperature" in data and low is not None):
            raise ServiceRefused("give one temperature, or the lower and the higher one")
        if low is None and "temperature" not in data:
            raise ServiceRefused("there is no temperature")
        if low is not None and high is not None and low > high:
            raise ServiceRefused("the lower temperature is above the higher one")
        lowest, highest = self.limits
        for name in ("temperature", "target_temp_low", "target_temp_high"):
            if name in data and not lowest <= self.to_device(data[name]) <= highest:
                what = f"{data[name]:g} °C is out of range"
                raise ServiceRefused(f"{self.name}: {what}")

    def set_humidity(self, plan: ServicePlan, data: ServiceData) -> None:
        """Add the message with the wished humidity."""
        humidity = data["humidity"]
        if not self.config["min_humidity"] <= humidity <= self.config["max_humidity"]:
            raise ServiceRefused(f"{self.name}: {humidity} % is out of range")
        self.set_value(plan, "target_humidity", "humidity", humidity)

    def set_preset_mode(self, plan: ServicePlan, data: ServiceData) -> None:
        """Add the message with the wished preset."""
        mode = data["preset_mode"]
        one_of_them(self, "preset", ["none", *self.config["preset_modes"]], mode)
        self.set_value(plan, "preset_mode", "preset_mode", mode)

    SERVICES: ClassVar[Mapping[str, Service]] = {
        "climate.turn_on": Service(turn_on),
        "climate.turn_off": Service(turn_off),
        "climate.toggle": Service(toggle),
        "climate.set_hvac_mode": Service(
            set_hvac_mode, {"hvac_mode": one_of(*HVAC_MODES)}, ("hvac_mode",)
        ),
        "climate.set_temperature": Service(
            set_temperature,
            {
                "temperature": number,
                "target_temp_low": number,
                "target_temp_high": number,
                "hvac_mode": one_of(*HVAC_MODES),
            },
            (),
            lambda climate: climate.has("temperature") or climate.has_range,
        ),
        "climate.set_humidity": Service(
            set_humidity,
            {"humidity": integer},
            ("humidity",),
            lambda climate: "target_humidity_command_topic" in climate.config,
        ),
        "climate.set_preset_mode": Service(
            set_preset_mode,
            {"preset_mode": text},
            ("preset_mode",),
            lambda climate: bool(climate.config["preset_modes"]),
        ),
        "climate.set_fan_mode": _word_service("fan_mode"),
        "climate.set_swing_mode": _word_service("swing_mode"),
        "climate.set_swing_horizontal_mode": _word_service("swing_horizontal_mode"),
    }


class WaterHeater(TemperatureControl):
    """A boiler."""

    component = "water_heater"
    default_name = "MQTT Water Heater"
    limits_c = (celsius_of(110), celsius_of(140))
    FIELDS: ClassVar[Fields] = {
        **TEMPERATURE_FIELDS,
        "modes": optional(
            members,
            ["eco", "electric", "gas", "heat_pump", "high_demand", "performance", "off"],
        ),
    }

    def setup(self) -> None:
        if self.assumes("temperature_state_topic"):
            first = self.to_device(self.limits_c[0])
            self.values["temperature"] = self.config.get("initial", first)
        if self.assumes("mode_state_topic"):
            self.values["operation_mode"] = "off"

    def listen(self) -> None:
        self.on(
            "mode_state_topic",
            self.word_handler("mode_state_template", "operation_mode", "modes"),
        )
        self.listen_to_temperatures()

    @property
    def value(self) -> Any:
        return self.values.get("operation_mode")

    @property
    def attributes(self) -> dict[str, Any]:
        return {
            "current_temperature": self.shown("current_temperature"),
            "temperature": self.shown("temperature"),
            "operation_mode": self.value,
        }

    def switch_on(self, plan: ServicePlan, data: ServiceData) -> None:
        """Add the message that switches the power on."""
        self.send(plan, "power", self.config["payload_on"])

    def switch_off(self, plan: ServicePlan, data: ServiceData) -> None:
        """Add the message that switches the power off."""
        self.send(plan, "power", self.config["payload_off"])

    def set_operation_mode(self, plan: ServicePlan, data: ServiceData) -> None:
        """Add the message with the wished mode."""
        mode = data["operation_mode"]
        one_of_them(self, "mode", self.config["modes"], mode)
        self.set_value(plan, "mode", "operation_mode", mode)

    def set_temperature(self, plan: ServicePlan, data: ServiceData) -> None:
        """Add the messages with the mode, if given, and the temperature."""
        if "operation_mode" in data:
            self.set_value(plan, "mode", "operation_mode", data["operation_mode"])
        self.set_value(plan, "temperature", "temperature", self.to_device(data["temperature"]))

    SERVICES: ClassVar[Mapping[str, Service]] = {
        "water_heater.turn_on": Service(
            switch_on, supported=lambda heater: "power_command_topic" in heater.config
        ),
        "water_heater.turn_off": Service(
            switch_off, supported=lambda heater: "power_command_topic" in heater.config
        ),
        "water_heater.set_operation_mode": Service(
            set_operation_mode,
            {"operation_mode": text},
            ("operation_mode",),
            lambda heater: heater.has("mode"),
        ),
        "water_heater.set_temperature": Service(
            set_temperature,
            {"temperature": ranged(float, -100, 300), "operation_mode": text},
            ("temperature",),
            lambda heater: heater.has("temperature"),
        ),
    }
