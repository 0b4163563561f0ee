"""Checks the keys of a discovery message: known keys, their types and defaults."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from appliance.devices.template import DeviceTemplate
from appliance.errors import DeviceConfigError

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping

ABSENT = object()
"""Default of a key that is left out if it is not given."""

LONGEST_TOPIC_BYTES = 65_535

TRUE_WORDS = frozenset({"1", "yes", "true", "on", "enable"})
FALSE_WORDS = frozenset({"0", "no", "false", "off", "disable"})


@dataclass(frozen=True, slots=True)
class Field:
    """One key of a discovery message."""

    convert: Callable[[Any], Any]
    default: Any = ABSENT
    required: bool = False


Fields = dict[str, Field]


def checked_config(fields: Mapping[str, Field], given: Mapping[str, Any]) -> dict[str, Any]:
    """The known keys in their right form, and the defaults; unknown keys are left out.

    Raises:
        DeviceConfigError: a key is missing or has a wrong value.

    """
    config = {}
    for name, field in fields.items():
        if name in given:
            try:
                config[name] = field.convert(given[name])
            except (ValueError, TypeError, OverflowError) as error:
                raise DeviceConfigError(f"{name}: {error}") from error
        elif field.required:
            raise DeviceConfigError(f"{name} is missing")
        elif field.default is not ABSENT:
            config[name] = field.default
    return config


def text(value: Any) -> str:
    """A text; a number or a Boolean becomes one, as Python writes it."""
    if value is None or isinstance(value, (list, dict)):
        raise ValueError("must be a text")
    return str(value)


def text_or_none(value: Any) -> str | None:
    """A text, or null."""
    return None if value is None else text(value)


def boolean(value: Any) -> bool:
    """True or false, also in words."""
    if isinstance(value, bool):
        return value
    if isinstance(value, str):
        word = value.strip().lower()
        if word in TRUE_WORDS | FALSE_WORDS:
            return word in TRUE_WORDS
    elif isinstance(value, (int, float)):
        return value != 0
    raise ValueError("must be true or false")


def integer(value: Any) -> int:
    """A whole number; also as text."""
    return int(value)


def strict_integer(value: Any) -> int:
    """A whole number, and not as text."""
    if not isinstance(value, int):
        raise TypeError("must be a whole number")
    return value


def integer_from(lowest: int) -> Callable[[Any], int]:
    """A whole number that is not less than `lowest`."""

    def convert(value: Any) -> int:
        number = int(value)
        if number < lowest:
            raise ValueError(f"must be {lowest} or more")
        return number

    return convert


def number(value: Any) -> float:
    """A number; also as text."""
    return float(value)


def number_from(lowest: float) -> Callable[[Any], float]:
    """A number that is not less than `lowest`."""

    def convert(value: Any) -> float:
        converted = float(value)
        if not converted >= lowest:
            raise ValueError(f"must be {lowest} or more")
        return converted

    return convert


def one_of(*allowed: Any) -> Callable[[Any], Any]:
    """One of some values."""

    def convert(value: Any) -> Any:
        if value not in allowed:
            raise ValueError(f"must be one of {', '.join(map(str, allowed))}")
        return value

    return convert


def device_class(known: Collection[str]) -> Callable[[Any], str | None]:
    """One of the known device classes in any case, or null."""

    def convert(value: Any) -> str | None:
        if value is None:
            return None
        word = str(value).lower()
        if word not in known:
            raise ValueError(f"there is no device class {word[:40]!r}")
        return word

    return convert


def members(value: Any) -> list[Any]:
    """A list; a single value becomes one."""
    if value is None:
        return []
    return value if isinstance(value, list) else [value]


def texts(value: Any) -> list[str]:
    """A list of texts; a single text becomes one."""
    return [text(one) for one in members(value)]


def pattern(value: Any) -> re.Pattern[str]:
    """A regular expression that is short."""
    try:
        return re.compile(text(value)[:200])
    except re.error as error:
        raise ValueError(f"is not a regular expression: {error}") from error


def template(value: Any) -> DeviceTemplate:
    """A template; UnsafeTemplate if it uses more than is allowed."""
    return DeviceTemplate(text(value))


def publish_topic(value: Any) -> str:
    """A topic without wildcards, for publishing."""
    topic = _topic(value)
    if "+" in topic or "#" in topic:
        raise ValueError("must not contain + or #")
    return topic


def subscribe_topic(value: Any) -> str:
    """A topic, or a filter with wildcards."""
    topic = _topic(value)
    if topic.startswith("$share/"):
        raise ValueError("must not be shared: the messages would be missing elsewhere")
    levels = topic.split("/")
    for index, level in enumerate(levels):
        if "+" in level and level != "+":
            raise ValueError("+ must stand alone between slashes")
        if "#" in level and (level != "#" or index != len(levels) - 1):
            raise ValueError("# must be the last level")
    return topic


def _topic(value: Any) -> str:
    topic = text(value)
    if not topic:
        raise ValueError("is empty")
    try:
        many = len(topic.encode())
    except UnicodeEncodeError:
        raise ValueError("is not UTF-8") from None
    if many > LONGEST_TOPIC_BYTES:
        raise ValueError(f"has more than {LONGEST_TOPIC_BYTES} bytes")
    if re.search("[\x00-\x1f\x7f-\x9f\ufdd0-\ufdef\ufffe\uffff]", topic):
        raise ValueError("contains control characters")
    return topic


def required(convert: Callable[[Any], Any]) -> Field:
    """A key that must be given."""
    return Field(convert, required=True)


def optional(convert: Callable[[Any], Any], default: Any = ABSENT) -> Field:
    """A key that may be left out."""
    return Field(convert, default)


def topics_and_templates(*names: str) -> Fields:
    """Optional keys whose name tells their type: command topic, other topic, or template."""
    return {name: optional(_kind_of(name)) for name in names}


def _kind_of(name: str) -> Callable[[Any], Any]:
    if not name.endswith("_topic"):
        return template
    return publish_topic if name.endswith("command_topic") else subscribe_topic


AVAILABILITY: Fields = {
    "availability_topic": optional(subscribe_topic),
    "availability_template": optional(template),
    "payload_available": optional(text, "online"),
    "payload_not_available": optional(text, "offline"),
    "availability_mode": optional(one_of("all", "any", "latest"), "latest"),
}

AVAILABILITY_ENTRY: Fields = {
    "topic": required(subscribe_topic),
    "payload_available": optional(text, "online"),
    "payload_not_available": optional(text, "offline"),
    "value_template": optional(template),
}


def _availability(value: Any) -> list[dict[str, Any]]:
    entries = []
    for entry in members(value):
        if not isinstance(entry, dict):
            raise TypeError("must be a list of tables")
        entries.append(checked_config(AVAILABILITY_ENTRY, entry))
    return entries


DEVICE: Fields = {
    "identifiers": optional(texts, []),
    "connections": optional(members, []),
    "name": optional(text),
    "manufacturer": optional(text),
    "model": optional(text),
    "suggested_area": optional(text),
    "via_device": optional(text),
}

ORIGIN: Fields = {"name": required(text), "sw_version": optional(text)}


def device(value: Any) -> dict[str, Any]:
    """The table that describes the device; it needs an identifier or a connection."""
    if not isinstance(value, dict):
        raise TypeError("must be a table")
    checked = checked_config(DEVICE, value)
    if not checked["identifiers"] and not checked["connections"]:
        raise ValueError("needs identifiers or connections")
    return checked


def origin(value: Any) -> dict[str, Any]:
    """The table with the program that sent the message."""
    if not isinstance(value, dict):
        raise TypeError("must be a table")
    return checked_config(ORIGIN, value)


COMMON: Fields = {
    **AVAILABILITY,
    "availability": optional(_availability),
    "device": optional(device),
    "origin": optional(origin),
    "name": optional(text_or_none),
    "unique_id": optional(text),
    "object_id": optional(text),
    "default_entity_id": optional(text),
    "group": optional(texts),
    "entity_category": optional(one_of("config", "diagnostic", None)),
    "enabled_by_default": optional(boolean, default=True),
    "visible_by_default": optional(boolean, default=True),
    "encoding": optional(text, "utf-8"),
    "qos": optional(lambda value: one_of(0, 1, 2)(int(value)), 0),
    "retain": optional(boolean, default=False),
}
"""Keys of every component."""

READ_ONLY: Fields = {
    **COMMON,
    "state_topic": required(subscribe_topic),
    "value_template": optional(template),
}

COMMANDED: Fields = {
    **COMMON,
    "command_topic": required(publish_topic),
    "state_topic": optional(subscribe_topic),
    "optimistic": optional(boolean, default=False),
}
"""Keys of a component with commands on `command_topic`."""
