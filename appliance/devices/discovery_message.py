"""Reads MQTT discovery messages, for one component or a whole device, in either spelling."""

from __future__ import annotations

import functools
import importlib.resources
import re
import tomllib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import msgspec

from appliance.devices.config_fields import (
    checked_config,
    device,
    origin,
    required,
)
from appliance.devices.entity_factory import COMPONENTS, NOT_READ, OWN_ONLY
from appliance.errors import UNREADABLE_JSON, DeviceConfigError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

TOPIC = re.compile(
    r"(?P<component>\w+)/(?:(?P<node>[A-Za-z0-9_-]+)/)?(?P<object>[A-Za-z0-9_-]+)/config"
)

MESSAGE_BYTES = 262_144
"""Longer discovery messages are refused; those of a device with 100 components have 60,000."""

SHARED = (
    *("availability", "availability_mode", "availability_template", "availability_topic"),
    *("command_topic", "encoding", "payload_available", "payload_not_available", "qos"),
    "state_topic",
)
"""Keys of a device's message that its components inherit."""

WITHOUT_UNIQUE_ID = frozenset({"device_automation", "tag"})


@dataclass(frozen=True, slots=True)
class ComponentMessage:
    """The part of a discovery message for one component."""

    component: str
    discovery_id: str
    """Node and object of the topic; with the component, it is what identifies an entity."""
    config: dict[str, Any] | None
    """Keys with their full names; None if the entity is gone."""
    migrating: bool = False
    """Whether it is gone only to come back in the message of its device."""
    source: str = ""
    """Another source than discovery whose components differ: "sparkplug"."""

    @property
    def key(self) -> str:
        """The identifier of the entity."""
        return f"{self.component} {self.discovery_id}"


@dataclass(frozen=True, slots=True)
class DeviceGone:
    """All components of a device's message are gone."""

    node: str
    migrating: bool = False


Findings = list[ComponentMessage | DeviceGone]


def read_discovery(prefix: str, topic: str, payload: bytes) -> Findings:
    """Read a message below the discovery prefix.

    Raises:
        DeviceConfigError: it cannot be used; whatever was known before stays.

    """
    match = TOPIC.fullmatch(topic.removeprefix(f"{prefix}/"))
    if match is None:
        raise DeviceConfigError("the topic is not <component>/[<node>/]<object>/config")
    component, node, name = match["component"], match["node"], match["object"]
    if component != "device" and component not in COMPONENTS | NOT_READ:
        raise DeviceConfigError(f"there is no component {component[:40]!r}")
    given = _decoded(payload)
    if component == "device":
        return list(_components_of_device(given, node, name))
    if component in NOT_READ:
        return []
    return [_single(component, f"{node} {name}" if node else name, given)]


def declared_component(
    component: str, name: str, given: dict[str, Any], source: str = ""
) -> ComponentMessage:
    """A component from another source: a file, or another form of discovery.

    `name` identifies it; it cannot be that of a topic, so no message can replace it.

    Raises:
        DeviceConfigError: there is no such component.

    """
    if component not in COMPONENTS | OWN_ONLY:
        raise DeviceConfigError(f"there is no component {component[:40]!r}")
    config = _with_base_topic(_with_full_names(given))
    return ComponentMessage(component, name, config, source=source)


def _decoded(payload: bytes) -> dict[str, Any]:
    if len(payload) > MESSAGE_BYTES:
        raise DeviceConfigError(f"the message has more than {MESSAGE_BYTES:,} bytes")
    try:
        return msgspec.json.decode(payload, type=dict[str, Any]) if payload else {}
    except UNREADABLE_JSON as error:
        raise DeviceConfigError(f"not a JSON object: {error}") from error


def _single(component: str, discovery_id: str, given: dict[str, Any]) -> ComponentMessage:
    if _is_migrating(given):
        return ComponentMessage(component, discovery_id, None, migrating=True)
    if not given:
        return ComponentMessage(component, discovery_id, None)
    config = _with_full_names(given)
    _check_table("origin", config)
    return ComponentMessage(component, discovery_id, _with_base_topic(config))


def _components_of_device(
    given: dict[str, Any], node: str | None, name: str
) -> Iterator[ComponentMessage | DeviceGone]:
    whole = name if node is None else f"{name} {node}"
    if not given or _is_migrating(given):
        yield DeviceGone(whole, migrating=bool(given))
        return
    message = _with_full_names(given)
    for key in ("device", "origin", "components"):
        if not isinstance(message.get(key), dict):
            raise DeviceConfigError(f"{key} is missing in the message of a device")
        _check_table(key, message)
    inherited = {key: message[key] for key in SHARED if key in message}
    about = {key: message[key] for key in ("device", "origin")}
    for component_id, component in message["components"].items():
        yield from _component_of_device(
            f"{whole} {component_id}", component, {**inherited, **about}
        )


def _component_of_device(
    discovery_id: str, given: Any, inherited: dict[str, Any]
) -> Iterator[ComponentMessage]:
    config = dict(given) if isinstance(given, dict) else {}
    platform = config.pop("platform", None)
    if platform not in COMPONENTS | NOT_READ:
        raise DeviceConfigError(f"component {discovery_id!r} has no platform, or an unknown one")
    if config and platform not in WITHOUT_UNIQUE_ID and "unique_id" not in config:
        raise DeviceConfigError(f"component {discovery_id!r} has no unique_id")
    if platform in NOT_READ:
        return
    if not config:
        yield ComponentMessage(platform, discovery_id, None)
        return
    yield ComponentMessage(platform, discovery_id, _with_base_topic({**inherited, **config}))


def _check_table(key: str, config: Mapping[str, Any]) -> None:
    check = {"device": device, "origin": origin}.get(key)
    if check is not None and key in config:
        checked_config({key: required(check)}, config)


def _is_migrating(given: Mapping[str, Any]) -> bool:
    marks = {"migrate_discovery", "migr_discvry"} & given.keys()
    if not marks:
        return False
    if len(given) > 1 or given[marks.pop()] is not True:
        raise DeviceConfigError("migrate_discovery must be true, and stand alone")
    return True


@functools.cache
def _short_names() -> dict[str, dict[str, str]]:
    file = importlib.resources.files("appliance.devices") / "abbreviations.toml"
    return tomllib.loads(file.read_text("utf-8"))


def _renamed(table: Mapping[str, Any], kind: str) -> dict[str, Any]:
    names = _short_names()[kind]
    return {names.get(key, key): value for key, value in table.items()}


def _with_full_names(given: Mapping[str, Any]) -> dict[str, Any]:
    """The message with full names, also in the tables where short ones are allowed."""
    config = _component_with_full_names(given)
    for key in ("device", "origin"):
        if isinstance(config.get(key), dict):
            config[key] = _renamed(config[key], key)
    if isinstance(config.get("components"), dict):
        config["components"] = {
            name: _component_with_full_names(one) if isinstance(one, dict) else one
            for name, one in config["components"].items()
        }
    return config


def _component_with_full_names(given: Mapping[str, Any]) -> dict[str, Any]:
    config = _renamed(given, "message")
    entries = config.get("availability")
    if isinstance(entries, dict):
        entries = [entries]
    if isinstance(entries, list):
        config["availability"] = [
            _renamed(entry, "message") if isinstance(entry, dict) else entry for entry in entries
        ]
    return config


def _with_base_topic(config: dict[str, Any]) -> dict[str, Any]:
    """The message with `~` in front of or behind a topic replaced by the base topic."""
    if "~" not in config:
        return config
    base = str(config.pop("~"))
    replaced = {
        key: _replaced(value, base) if key.endswith("topic") else value
        for key, value in config.items()
    }
    if isinstance(replaced.get("availability"), list):
        replaced["availability"] = [
            {**entry, "topic": _replaced(entry.get("topic"), base)}
            if isinstance(entry, dict)
            else entry
            for entry in replaced["availability"]
        ]
    return replaced


def _replaced(topic: Any, base: str) -> Any:
    if not isinstance(topic, str) or not topic:
        return topic
    if topic[0] == "~":
        topic = f"{base}{topic[1:]}"
    if topic[-1] == "~":
        topic = f"{topic[:-1]}{base}"
    return topic
