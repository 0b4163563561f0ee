"""The common part of all components: availability, state topics, commands, assumed states."""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar

from appliance.devices.config_fields import COMMON, checked_config
from appliance.errors import DeviceConfigError, ServiceRefused, TemplateFailed, UnsafeTemplate

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from appliance.devices.config_fields import Fields
    from appliance.devices.template import DeviceTemplate

logger = logging.getLogger(__name__)

UNKNOWN, UNAVAILABLE = "unknown", "unavailable"
NONE = "None"
"""Text by which a device reports an unknown value."""

ERRORS_BEFORE_WARNING = 10
"""Number of unreadable messages in a row after which the device is logged once."""

LONGEST_STATE = 255


@dataclass(frozen=True, slots=True)
class Publication:
    """One message to a device."""

    topic: str
    payload: bytes
    qos: int = 0
    retain: bool = False
    fresh_s: float | None = None
    """Seconds after which it is too late; None: after `devices.stale_s`."""


@dataclass(slots=True)
class ServicePlan:
    """The messages of a service, in order, and the state that is assumed afterwards."""

    messages: list[Publication] = field(default_factory=list)
    assumed: dict[str, Any] = field(default_factory=dict)


ServiceData = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Service:
    """A service of an entity."""

    plan: Callable[[Any, ServicePlan, ServiceData], None]
    """Function of the entity that adds messages and assumed values to the plan."""
    fields: Mapping[str, Callable[[Any], Any]] = field(default_factory=dict)
    required: tuple[str, ...] = ()
    supported: Callable[[Any], bool] = lambda _entity: True


class DeviceEntity:
    """One entity: a light, a sensor. Reads its topics, and plans what a service publishes.

    `values` are the known attributes, by Home Assistant's names. A subclass declares the keys of
    its discovery in `FIELDS`, its services in `SERVICES`, and the topics that it reads in `listen`.
    """

    component: ClassVar[str]
    default_name: ClassVar[str]
    FIELDS: ClassVar[Fields] = COMMON
    SERVICES: ClassVar[Mapping[str, Service]] = {}
    is_guarded: ClassVar[bool] = False
    """Whether it is moved only if the owner's file says so, and after a yes."""
    is_exposed_by_group: ClassVar[bool] = False
    """Whether it can be said because the owner has it read, with its group."""

    def __init__(self, key: str, given: Mapping[str, Any]) -> None:
        """`key` is its permanent identifier; `given` is the discovery message with full names.

        Raises:
            DeviceConfigError: the message cannot be used.
            UnsafeTemplate: one of its templates cannot.

        """
        self.key = key
        self.config = self.check(checked_config(self.FIELDS, given))
        if "availability" in self.config and "availability_topic" in self.config:
            raise DeviceConfigError("availability and availability_topic exclude each other")
        self.values: dict[str, Any] = {}
        self.changed_at = 0.0
        """Unix seconds of the last message that changed something."""
        self.heard_at = 0.0
        """Unix seconds of the last message on a state topic."""
        self.errors = 0
        """Messages in a row that could not be read."""
        self._handlers: dict[str, list[Callable[[str], None]]] = {}
        self._available: dict[str, bool] = {}
        self._available_last = False
        self._listen_to_availability()
        self.setup()
        self.listen()

    # Parts that a component adds.

    def check(self, config: dict[str, Any]) -> dict[str, Any]:
        """Compare the keys with each other; DeviceConfigError if they do not fit together."""
        return config

    def setup(self) -> None:
        """Set the first values."""

    def listen(self) -> None:
        """Name the topics that are read, with `on`."""

    @property
    def value(self) -> Any:
        """The main state in Home Assistant's words; None if it is not known."""
        return None

    @property
    def attributes(self) -> dict[str, Any]:
        """Other known values, by Home Assistant's names of attributes."""
        return {}

    @property
    def is_assumed(self) -> bool:
        """Whether its state is assumed from the last command, because it reports none."""
        return bool(self.config.get("optimistic")) or "state_topic" not in self.config

    # Names.

    @property
    def entity_name(self) -> str | None:
        """The part of the name after the device's; None or "" for the main entity."""
        if "name" in self.config:
            name = self.config["name"]
            return None if name is None else str(name)
        return self.name_by_class() or self.default_name

    def name_by_class(self) -> str | None:
        """The name that its device class gives it, if there is no other."""
        return None

    @property
    def other_names(self) -> list[str]:
        """Further names that its source has for it."""
        return list(self.config.get("other_names", []))

    @property
    def name(self) -> str:
        """The full name: device and entity."""
        device = self.config.get("device", {}).get("name")
        parts = [part for part in (device, self.entity_name) if part]
        return " ".join(parts) or self.default_name

    @property
    def device_class(self) -> str | None:
        """Home Assistant's device class, if it has one."""
        found = self.config.get("device_class")
        return None if found is None else str(found)

    # Reading.

    @property
    def filters(self) -> list[str]:
        """The topic filters that must be subscribed to."""
        return list(self._handlers)

    @property
    def is_available(self) -> bool:
        """Whether it is available, as far as it reports this."""
        if not self._available:
            return True
        mode = self.config["availability_mode"]
        if mode == "latest":
            return self._available_last
        return (all if mode == "all" else any)(self._available.values())

    @property
    def state(self) -> str:
        """The state in words: a value, `unknown` or `unavailable`."""
        if not self.is_available:
            return UNAVAILABLE
        value = self.value
        return UNKNOWN if value is None else str(value)

    def receive(self, topic_filter: str, payload: bytes, *, retained: bool = False) -> bool:
        """Read a message on one of `filters`; return whether anything changed."""
        before = (self.state, dict(self.values))
        decoded = self._decoded(payload)
        if decoded is None:
            return False
        self.heard_at = time.time()
        for handler in self._handlers.get(topic_filter, []):
            self._handle(handler, decoded, retained=retained)
        changed = before != (self.state, self.values)
        if changed:
            self.changed_at = self.heard_at
        return changed

    def on(self, key: str, handler: Callable[[str], None]) -> bool:
        """Call `handler` with each payload on the topic under `key`; False if there is none."""
        topic = self.config.get(key)
        if topic is None:
            return False
        self._handlers.setdefault(topic, []).append(handler)
        return True

    def read(self, key: str, payload: str, *, otherwise: Any = None, **more: Any) -> Any:
        """The payload after the template under `key`, if there is one.

        If the template lacks a value, the result is `otherwise`, or the payload if that is None.
        """
        template: DeviceTemplate | None = self.config.get(key)
        if template is None:
            return payload
        try:
            return template.render_value(payload, {"name": self.name, **more})
        except TemplateFailed:
            return payload if otherwise is None else otherwise

    def adopt(self, other: DeviceEntity) -> None:
        """Take over the values from before its discovery message changed."""
        self.values = {**self.values, **other.values}
        self.heard_at, self.changed_at = other.heard_at, other.changed_at
        for topic in self._available.keys() & other._available.keys():
            self._available[topic] = other._available[topic]
        self._available_last = other._available_last

    # Acting.

    def plan(self, service: str, data: ServiceData) -> ServicePlan:
        """The plan of a service; nothing is sent. It is empty if the entity is unavailable.

        Raises:
            ServiceRefused: it cannot do this, or the data is wrong.

        """
        known = self.SERVICES.get(service)
        if known is None or not known.supported(self):
            raise ServiceRefused(f"{self.name} cannot do {service}")
        checked = self._checked(known, service, data)
        plan = ServicePlan()
        if self.is_available:
            try:
                known.plan(self, plan, checked)
            except (TemplateFailed, UnsafeTemplate, ValueError, TypeError) as error:
                raise ServiceRefused(f"{self.name}: {error}") from error
        return plan

    def assume(self, plan: ServicePlan) -> None:
        """Note the states that are assumed after the messages of a plan are sent."""
        if plan.assumed:
            self.values.update(plan.assumed)
            self.changed_at = time.time()

    def publish(self, plan: ServicePlan, topic_key: str, payload: Any) -> None:
        """Add a message to the plan, with the entity's QoS and retain flag."""
        data = payload if isinstance(payload, bytes) else str(payload).encode()
        config = self.config
        plan.messages.append(
            Publication(config[topic_key], data, config["qos"], config.get("retain", False))
        )

    def command(self, key: str, value: Any, **more: Any) -> Any:
        """A command's payload after the template under `key`, if there is one."""
        template: DeviceTemplate | None = self.config.get(key)
        if template is None:
            return value
        return template.render_command({"value": value, "name": self.name, **more})

    def _checked(self, service: Service, name: str, data: ServiceData) -> ServiceData:
        checked = {}
        for key, value in data.items():
            if key not in service.fields:
                raise ServiceRefused(f"{name} has no {key}")
            try:
                checked[key] = service.fields[key](value)
            except (ValueError, TypeError, OverflowError) as error:
                raise ServiceRefused(f"{name}, {key}: {error}") from error
        for key in service.required:
            if key not in checked:
                raise ServiceRefused(f"{name} needs {key}")
        return checked

    def _decoded(self, payload: bytes) -> str | None:
        try:
            return payload.decode(self.config["encoding"] or "utf-8")
        except (ValueError, LookupError):  # also "undefined", or a name with a null character
            return None

    def _handle(self, handler: Callable[[str], None], payload: str, *, retained: bool) -> None:
        try:
            handler(payload)
            self.errors = 0
        except Exception as error:  # noqa: BLE001  (foreign templates: whatever they raise)
            self.errors += 1
            if self.errors == ERRORS_BEFORE_WARNING:
                logger.warning("%s: its messages cannot be read: %s", self.name, error)

    def _listen_to_availability(self) -> None:
        config = self.config
        entries = config.get("availability", [])
        if "availability_topic" in config:
            entries = [
                {
                    "topic": config["availability_topic"],
                    "payload_available": config["payload_available"],
                    "payload_not_available": config["payload_not_available"],
                    "value_template": config.get("availability_template"),
                }
            ]
        for entry in {entry["topic"]: entry for entry in entries}.values():
            self._available[entry["topic"]] = False
            handler = _AvailabilityHandler(self, entry)
            self._handlers.setdefault(entry["topic"], []).append(handler)

    def set_available(self, topic: str, *, available: bool) -> None:
        """Note the message of an availability topic."""
        self._available[topic] = available
        self._available_last = available


class _AvailabilityHandler:
    """Reads one availability topic."""

    def __init__(self, entity: DeviceEntity, entry: Mapping[str, Any]) -> None:
        self._entity = entity
        self._entry = entry

    def __call__(self, payload: str) -> None:
        template: DeviceTemplate | None = self._entry.get("value_template")
        if template is not None:
            try:
                payload = template.render_value(payload, {"name": self._entity.name})
            except TemplateFailed:
                return
        if payload == self._entry["payload_available"]:
            self._entity.set_available(self._entry["topic"], available=True)
        elif payload == self._entry["payload_not_available"]:
            self._entity.set_available(self._entry["topic"], available=False)
