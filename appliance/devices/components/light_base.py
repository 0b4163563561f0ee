"""The common part of lamps of all three schemas: colours, brightness, data of services."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any, ClassVar

from appliance.devices import colour
from appliance.devices.colour_names import rgb_of
from appliance.devices.config_fields import (
    COMMANDED,
    Fields,
    integer,
    integer_from,
    optional,
    text,
    texts,
)
from appliance.devices.entity import DeviceEntity, Service, ServiceData, ServicePlan
from appliance.errors import DeviceConfigError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

WARMEST_K, COLDEST_K = 2000, 6535

ONOFF, BRIGHTNESS, COLOR_TEMP, WHITE, UNKNOWN_MODE = (
    *("onoff", "brightness", "color_temp", "white", "unknown"),
)
COLOURS = ("hs", "rgb", "rgbw", "rgbww", "xy")
COLOUR_MODES = frozenset({*COLOURS, ONOFF, BRIGHTNESS, COLOR_TEMP, WHITE})
DIMMABLE = frozenset({*COLOURS, BRIGHTNESS, COLOR_TEMP, WHITE})

TARGETS: dict[str, tuple[str, ...]] = {
    "hs": ("rgb", "rgbw", "rgbww", "xy", COLOR_TEMP),
    "rgb": ("rgbw", "rgbww", "hs", "xy", COLOR_TEMP),
    "xy": ("hs", "rgb", "rgbw", "rgbww", COLOR_TEMP),
    "rgbw": ("rgb", "rgbww", "hs", "xy", COLOR_TEMP),
    "rgbww": ("rgb", "rgbw", "hs", "xy", COLOR_TEMP),
}
"""Replacements for a form of colour, in order of preference; the lamp's first one is used."""

LONGEST_TRANSITION_S = 6553.0


def checked_modes(modes: Iterable[str]) -> frozenset[str]:
    """The colour modes of a lamp, if the combination is valid.

    Raises:
        DeviceConfigError: the combination is not valid.

    """
    found = frozenset(modes)
    alone = {BRIGHTNESS, ONOFF} & found
    wrong = not found or found - COLOUR_MODES or (alone and len(found) > 1)
    if wrong or (WHITE in found and not found & set(COLOURS)):
        raise DeviceConfigError(f"supported_color_modes: {', '.join(sorted(found))} cannot be")
    return found


def _clamped(
    convert: Callable[[Any], float], lowest: float, highest: float
) -> Callable[[Any], Any]:
    return lambda value: min(max(convert(value), lowest), highest)


def ranged(convert: Callable[[Any], float], lowest: float, highest: float) -> Callable[[Any], Any]:
    """A number that must be in a range."""

    def check(value: Any) -> float:
        number = convert(value)
        if not lowest <= number <= highest:
            raise ValueError(f"must be {lowest:g} to {highest:g}")
        return number

    return check


def _tuple_of(*converts: Callable[[Any], Any]) -> Callable[[Any], tuple[Any, ...]]:
    def convert(value: Any) -> tuple[Any, ...]:
        return tuple(one(part) for one, part in zip(converts, tuple(value), strict=True))

    return convert


def _flash(value: Any) -> str:
    if value not in ("short", "long"):
        raise ValueError("must be short or long")
    return str(value)


def _white(value: Any) -> int | bool:
    return True if value is True else int(_clamped(integer, 0, 255)(value))


_BYTE = ranged(integer, 0, 255)

TURN_ON: dict[str, Callable[[Any], Any]] = {
    "transition": _clamped(float, 0, LONGEST_TRANSITION_S),
    "brightness": _clamped(integer, 0, 255),
    "brightness_pct": ranged(float, 0, 100),
    "brightness_step": _clamped(integer, -255, 255),
    "brightness_step_pct": _clamped(float, -100, 100),
    "color_name": text,
    "color_temp": integer_from(1),
    "color_temp_kelvin": integer_from(0),
    "kelvin": integer_from(0),
    "hs_color": _tuple_of(ranged(float, 0, 360), ranged(float, 0, 100)),
    "rgb_color": _tuple_of(*(_BYTE,) * 3),
    "rgbw_color": _tuple_of(*(_BYTE,) * 4),
    "rgbww_color": _tuple_of(*(_BYTE,) * 5),
    "xy_color": _tuple_of(ranged(float, 0, 1), ranged(float, 0, 1)),
    "white": _white,
    "flash": _flash,
    "effect": text,
}
TURN_OFF = {key: TURN_ON[key] for key in ("transition", "flash")}

LIGHT_FIELDS: Fields = {
    **COMMANDED,
    "max_mireds": optional(integer_from(0)),
    "min_mireds": optional(integer_from(0)),
    "max_kelvin": optional(integer_from(0)),
    "min_kelvin": optional(integer_from(0)),
    "effect_list": optional(texts),
}


class LightEntity(DeviceEntity, ABC):
    """A lamp; the schemas differ in their topics and payloads."""

    component = "light"
    effects_known: ClassVar[bool] = True

    modes: frozenset[str]
    """The colour modes that the lamp has."""
    features: frozenset[str]
    """Those of effect, flash and transition that the lamp has."""

    @abstractmethod
    def turn_on(self, plan: ServicePlan, data: ServiceData) -> None:
        """Add the messages of "on" with the data that the lamp supports."""

    @abstractmethod
    def turn_off(self, plan: ServicePlan, data: ServiceData) -> None:
        """Add the messages of "off"."""

    @property
    def warmest_k(self) -> int:
        """Colour temperature of its warmest white, in kelvin."""
        mireds = self.config.get("max_mireds")
        return colour.kelvin_of(mireds) if mireds else self.config.get("min_kelvin", WARMEST_K)

    @property
    def coldest_k(self) -> int:
        """Colour temperature of its coldest white, in kelvin."""
        mireds = self.config.get("min_mireds")
        return colour.kelvin_of(mireds) if mireds else self.config.get("max_kelvin", COLDEST_K)

    @property
    def value(self) -> Any:
        """On or off."""
        on = self.values.get("is_on")
        return None if on is None else "on" if on else "off"

    @property
    def attributes(self) -> dict[str, Any]:
        """Brightness and colour as Home Assistant shows them: only while it is on."""
        on = self.values.get("is_on")
        mode = self._colour_mode() if on else None
        shown: dict[str, Any] = {"color_mode": mode, "supported_color_modes": sorted(self.modes)}
        if "effect" in self.features:
            shown["effect"] = self.values.get("effect") if on else None
        if self.modes & DIMMABLE:
            shown["brightness"] = self.values.get("brightness") if mode in DIMMABLE else None
        if COLOR_TEMP in self.modes:
            kelvin = self.values.get("color_temp_kelvin")
            shown["color_temp_kelvin"] = kelvin if mode == COLOR_TEMP else None
        if self.modes & {*COLOURS, COLOR_TEMP}:
            shown |= dict.fromkeys(("hs_color", "rgb_color", "xy_color"))
            shown |= self._colours_of(mode)
        if self.is_assumed:
            shown["assumed_state"] = True
        return shown

    def _colour_mode(self) -> str:
        mode = self.values.get("color_mode")
        if mode is not None:
            return str(mode)
        known = (("hs", "hs_color"), (COLOR_TEMP, "color_temp_kelvin"), (BRIGHTNESS, "brightness"))
        for candidate, attribute in known:
            if candidate in self.modes and self.values.get(attribute) is not None:
                return candidate
        return ONOFF if ONOFF in self.modes else UNKNOWN_MODE

    def _colours_of(self, mode: str | None) -> dict[str, Any]:
        """The present colour in every form; empty if what the lamp has said is no colour."""
        try:
            return self._forms_of(mode)
        except (TypeError, ValueError, ArithmeticError):  # "1,2" in place of "1,2,3"
            return {}

    def _forms_of(self, mode: str | None) -> dict[str, Any]:
        if mode == COLOR_TEMP:
            kelvin = self.values.get("color_temp_kelvin")
            return _three_forms("hs", colour.kelvin_to_hs(kelvin)) if kelvin else {}
        now = self.values.get(f"{mode}_color")
        if mode not in COLOURS or not now:
            return {}
        if mode in ("rgbw", "rgbww"):
            own = {f"{mode}_color": tuple(now)}
            return {**_three_forms("rgb", self._to_rgb(mode, now)), **own}
        return _three_forms(mode, now)

    def _to_rgb(self, form: str, now: Any) -> tuple[int, ...]:
        if form == "rgbw":
            return colour.rgbw_to_rgb(*now)
        if form == "rgbww":
            return colour.rgbww_to_rgb(tuple(now), self.coldest_k, self.warmest_k)
        if form == "hs":
            return colour.hs_to_rgb(*now)
        return colour.xy_to_rgb(*now) if form == "xy" else tuple(now)

    # The services.

    def on_with(self, plan: ServicePlan, data: ServiceData) -> None:
        """Turn it on with the supported part of `data`; brightness 0 turns it off."""
        wished = self._one_form(dict(data))
        wished = self._as_the_lamp_can(wished)
        if wished.get("white") is True:
            wished["white"] = self.values.get("brightness") or 255
        if "white" in wished and WHITE in self.modes:
            wished["white"] = wished.pop("brightness", wished["white"])
        if wished.get("brightness") == 0 or wished.get("white") == 0:
            self.off_with(plan, {key: data[key] for key in TURN_OFF if key in data})
        else:
            self.turn_on(plan, self._possible(wished))

    def off_with(self, plan: ServicePlan, data: ServiceData) -> None:
        """Turn it off with the supported part of `data`."""
        self.turn_off(plan, {key: data[key] for key in data if key in self.features})

    def toggle_with(self, plan: ServicePlan, data: ServiceData) -> None:
        """Turn it off if it is on, otherwise on."""
        if self.values.get("is_on"):
            self.off_with(plan, {key: data[key] for key in TURN_OFF if key in data})
        else:
            self.on_with(plan, data)

    def _one_form(self, wished: ServiceData) -> ServiceData:
        """Brightness as 0 to 255, white as kelvin, a colour's name as rgb."""
        if (name := wished.pop("color_name", None)) is not None:
            wished["rgb_color"] = rgb_of(name)
        if (mireds := wished.pop("color_temp", None)) is not None:
            wished["color_temp_kelvin"] = colour.kelvin_of(mireds)
        if (kelvin := wished.pop("kelvin", None)) is not None:
            wished["color_temp_kelvin"] = kelvin
        if (percent := wished.pop("brightness_pct", None)) is not None:
            wished["brightness"] = round(255 * percent / 100)
        now = (self.values.get("brightness") or 0) if self.values.get("is_on") else 0
        if (step := wished.pop("brightness_step", None)) is not None:
            wished["brightness"] = max(0, min(255, now + step))
        if (step := wished.pop("brightness_step_pct", None)) is not None:
            brightness = round((round(now / 255 * 100) + step) / 100 * 255)
            wished["brightness"] = max(0, min(255, brightness))
        return wished

    def _as_the_lamp_can(self, wished: ServiceData) -> ServiceData:
        """A colour in the form that the lamp has."""
        kelvin = wished.get("color_temp_kelvin")
        if kelvin is not None and COLOR_TEMP not in self.modes:
            del wished["color_temp_kelvin"]
            if "rgbww" in self.modes:
                level = wished.get("brightness", self.values.get("brightness")) or 255
                made = colour.kelvin_to_rgbww(kelvin, level, self.coldest_k, self.warmest_k)
                wished["rgbww_color"] = made
            elif self.modes & set(COLOURS):
                wished["hs_color"] = colour.kelvin_to_hs(kelvin)
        form = next((one for one in TARGETS if f"{one}_color" in wished), None)
        if form is None or form in self.modes:
            return wished
        given = wished.pop(f"{form}_color")
        target = next((one for one in TARGETS[form] if one in self.modes), None)
        if target == COLOR_TEMP:
            xy = given if form == "xy" else colour.rgb_to_xy(*self._to_rgb(form, given))
            wished["color_temp_kelvin"] = colour.xy_to_kelvin(*xy)
        elif target is not None:
            wished[f"{target}_color"] = self._converted(form, given, target)
        return wished

    def _converted(self, form: str, given: Any, target: str) -> tuple[float, ...]:
        red, green, blue = self._to_rgb(form, given)
        if target == "rgb":
            return red, green, blue
        if target == "rgbw":
            return colour.rgb_to_rgbw(red, green, blue)
        if target == "rgbww":
            return colour.rgb_to_rgbww((red, green, blue), self.coldest_k, self.warmest_k)
        convert = colour.rgb_to_hs if target == "hs" else colour.rgb_to_xy
        return convert(red, green, blue)

    def _possible(self, wished: ServiceData) -> ServiceData:
        """The data without unsupported keys, so that the lamp is switched on in any case."""
        possible = {}
        for key, value in wished.items():
            if key in ("effect", "flash", "transition"):
                keep = key in self.features
            elif key == "brightness":
                keep = bool(self.modes & DIMMABLE)
            elif key == "color_temp_kelvin":
                keep = COLOR_TEMP in self.modes
            else:
                keep = key.removesuffix("_color") in self.modes
            if keep:
                possible[key] = value
        return possible


def _three_forms(form: str, now: Any) -> dict[str, Any]:
    if form == "hs":
        rgb = colour.hs_to_rgb(*now)
        hs: tuple[float, float] = (round(now[0], 3), round(now[1], 3))
        return {"hs_color": hs, "rgb_color": rgb, "xy_color": colour.hs_to_xy(*now)}
    if form == "xy":
        xy = (round(now[0], 6), round(now[1], 6))
        rgb = colour.xy_to_rgb(*now)
        return {"hs_color": colour.xy_to_hs(*now), "rgb_color": rgb, "xy_color": xy}
    own = tuple(int(channel) for channel in now)
    return {
        "hs_color": colour.rgb_to_hs(*now),
        "rgb_color": own,
        "xy_color": colour.rgb_to_xy(*now),
    }


LIGHT_SERVICES: Mapping[str, Service] = {
    "light.turn_on": Service(LightEntity.on_with, TURN_ON),
    "light.turn_off": Service(LightEntity.off_with, TURN_OFF),
    "light.toggle": Service(LightEntity.toggle_with, TURN_ON),
}
