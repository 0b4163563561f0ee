"""Makes the entity of a discovery message: which class reads which component."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from appliance.devices.components.alarm import AlarmControlPanel
from appliance.devices.components.climate import Climate, WaterHeater
from appliance.devices.components.cover import Cover
from appliance.devices.components.fan import Fan
from appliance.devices.components.light_default import DefaultLight
from appliance.devices.components.light_json import JsonLight
from appliance.devices.components.light_template import TemplateLight
from appliance.devices.components.lock import Lock
from appliance.devices.components.media_player import MediaPlayer
from appliance.devices.components.sensors import BinarySensor, Event, Sensor
from appliance.devices.components.settings import Button, Number, Scene, Select, Text
from appliance.devices.components.sparkplug_metrics import SPARKPLUG_CLASSES
from appliance.devices.components.switches import Humidifier, Siren, Switch
from appliance.devices.components.vacuum import LawnMower, Vacuum
from appliance.devices.components.valve import Valve
from appliance.errors import DeviceConfigError, UnsafeTemplate

if TYPE_CHECKING:
    from collections.abc import Mapping

    from appliance.devices.entity import DeviceEntity

LIGHT_SCHEMAS: Mapping[str, type[DeviceEntity]] = {
    "basic": DefaultLight,
    "json": JsonLight,
    "template": TemplateLight,
}

CLASSES: Mapping[str, type[DeviceEntity]] = {
    kind.component: kind
    for kind in (
        *(AlarmControlPanel, BinarySensor, Button, Climate, Cover, Event, Fan, Humidifier),
        *(LawnMower, Lock, Number, Scene, Select, Sensor, Siren, Switch, Text, Vacuum, Valve),
        *(WaterHeater, MediaPlayer),
    )
}

NOT_READ = frozenset(
    {
        *("camera", "date", "datetime", "device_automation", "device_tracker", "image"),
        *("infrared", "notify", "tag", "time", "update"),
    }
)
"""Components of Home Assistant that say and do nothing by voice."""

OWN_ONLY = frozenset({MediaPlayer.component})
"""Components that only the owner's file can declare: no discovery has them."""

COMPONENTS = frozenset({"light", *CLASSES}) - OWN_ONLY
"""Components that discovery can declare."""


def make_entity(
    component: str, key: str, given: Mapping[str, Any], source: str = ""
) -> DeviceEntity:
    """The entity of one component's message, whose keys have their full names.

    `source` is "sparkplug" for a metric.

    Raises:
        DeviceConfigError: the message cannot be used.
        UnsafeTemplate: one of its templates cannot.

    """
    try:
        return _entity(component, key, given, source)
    except (DeviceConfigError, UnsafeTemplate):
        raise
    except Exception as error:  # a foreign message must not end the thread that reads it
        raise DeviceConfigError(f"it cannot be read: {type(error).__name__}: {error}") from error


def _entity(component: str, key: str, given: Mapping[str, Any], source: str) -> DeviceEntity:
    if source:
        return SPARKPLUG_CLASSES[component](key, given)
    if component == "light":
        schema = str(given.get("schema", "basic")).lower()
        if schema not in LIGHT_SCHEMAS:
            raise DeviceConfigError(f"schema: there is no schema {schema[:40]!r}")
        return LIGHT_SCHEMAS[schema](key, given)
    return CLASSES[component](key, given)
