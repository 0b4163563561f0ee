"""Components that are metrics of Sparkplug B: sensors, and a switch and a number that are written.

Commands: Sparkplug 3.0.0, sections 6.4.25 (NCMD) and 6.4.26 (DCMD).
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, ClassVar

import msgspec

from appliance.devices.components.sensors import BinarySensor, Sensor
from appliance.devices.components.settings import Number
from appliance.devices.components.switches import Switch
from appliance.devices.config_fields import Fields, optional, required, texts
from appliance.devices.entity import DeviceEntity, Publication, ServicePlan
from appliance.errors import ServiceRefused
from appliance.messages.sparkplug_payload import (
    DataType,
    Metric,
    Payload,
    Value,
    encode,
    is_in_range,
    is_whole,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

FRESH_S = 5.0
"""Seconds after which a command is dropped: with its next birth, an edge node may give the alias
to another metric."""


class WrittenMetric(msgspec.Struct, frozen=True):
    """How a birth declared a metric."""

    name: str
    datatype: int
    alias: int | None = None


NAMES: Fields = {"other_names": optional(texts, [])}
WRITTEN: Fields = {
    **NAMES,
    "metric": required(lambda value: msgspec.convert(value, WrittenMetric)),
}


class SparkplugSensor(Sensor):
    """A number or a text that is only read."""

    FIELDS: ClassVar[Fields] = {**Sensor.FIELDS, **NAMES}

    is_exposed_by_group = True


class SparkplugBinarySensor(BinarySensor):
    """A Boolean that is only read."""

    FIELDS: ClassVar[Fields] = {**BinarySensor.FIELDS, **NAMES}

    is_exposed_by_group = True


class SparkplugSwitch(Switch):
    """A Boolean that is written."""

    is_guarded = True
    FIELDS: ClassVar[Fields] = {**Switch.FIELDS, **WRITTEN}

    def publish(self, plan: ServicePlan, topic_key: str, payload: Any) -> None:
        """Add a command with the metric."""
        value = payload == self.config["payload_on"]
        plan.messages.append(_command(self, topic_key, value))


class SparkplugNumber(Number):
    """A number that is written, within the limits of its birth or of the owner's file."""

    is_guarded = True
    FIELDS: ClassVar[Fields] = {**Number.FIELDS, **WRITTEN}

    def publish(self, plan: ServicePlan, topic_key: str, payload: Any) -> None:
        """Add a command with the metric.

        Raises:
            ServiceRefused: its type cannot hold the number.

        """
        datatype = DataType(self.config["metric"].datatype)
        if is_whole(datatype) and not float(payload).is_integer():
            raise ServiceRefused(f"{self.name}: {payload} is not a whole number")
        value = int(payload) if is_whole(datatype) else float(payload)
        if not is_in_range(datatype, value):
            raise ServiceRefused(f"{self.name}: {payload} is out of range")
        plan.messages.append(_command(self, topic_key, value))


SPARKPLUG_CLASSES: Mapping[str, type[DeviceEntity]] = {
    kind.component: kind
    for kind in (SparkplugSensor, SparkplugBinarySensor, SparkplugSwitch, SparkplugNumber)
}


def _command(entity: DeviceEntity, topic_key: str, value: Value) -> Publication:
    """If a birth gave an alias, a command must have it, and must not have the name."""
    written: WrittenMetric = entity.config["metric"]
    now_ms = int(time.time() * 1000)
    name = written.name if written.alias is None else None
    metric = Metric(name, written.datatype, value, now_ms, alias=written.alias)
    payload = encode(Payload([metric], now_ms))
    return Publication(entity.config[topic_key], payload, fresh_s=FRESH_S)
