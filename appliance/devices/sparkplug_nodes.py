"""Reads births, data and deaths of Sparkplug B edge nodes, whose metrics become devices.

Sparkplug 3.0.0, chapters 4 to 6. The appliance is a listener: it publishes no STATE, and so no edge
node that waits for a primary host is told that there is one.
"""

from __future__ import annotations

import hashlib
import logging
import time
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from appliance.devices.device_phrases import device_phrase
from appliance.devices.discovery_message import declared_component
from appliance.errors import DeviceConfigError, UnsafeTemplate
from appliance.messages.sparkplug_payload import (
    NOT_KNOWN,
    DataType,
    Metric,
    Payload,
    PayloadError,
    decode,
    encode,
    is_number,
    metric_text,
)
from appliance.values import Message

if TYPE_CHECKING:
    from collections.abc import Mapping

    from appliance.devices.discovered_entities import DiscoveredEntities, DiscoveryRules
    from appliance.devices.discovery_message import ComponentMessage
    from appliance.devices.entity import DeviceEntity
    from appliance.devices.owner_file import DeviceEntry, OwnerFile

logger = logging.getLogger(__name__)

SOURCE = "sparkplug"
INTERNAL = "$sparkplug/"
"""Beginning of the topics by which values reach the entities. They are not topics of the broker:
they are not subscribed to, and a message on one is not read."""

KINDS = ("NBIRTH", "NDATA", "NDEATH", "DBIRTH", "DDATA", "DDEATH")
MESSAGE_BYTES = 262_144
"""Longer messages are refused; a birth with 1,000 metrics has about 60,000."""

MOST_METRICS = 1000
"""Maximum number of metrics that become devices, of all edge nodes."""

MOST_BIRTH_BYTES = 4_000_000
"""Maximum size of all births, which are kept in memory and on disk."""

MOST_NODES = 100
MOST_DEVICES = 100
"""Maximum number of devices of an edge node."""

LONGEST_NAME = 200
"""Maximum length of the name of a metric, in characters."""

NOT_READ = ("Node Control/", "Device Control/", "Properties/", "Node Info/", "Device Info/")
"""Beginnings of names of metrics that tell of the node itself."""

REBIRTH = "Node Control/Rebirth"
REBIRTH_S, LONGEST_REBIRTH_S = 30.0, 3600.0
"""Seconds between two requests for a birth to one node; twice as long after each that brings
none."""

REBIRTHS_APART_S = 1.0
"""Seconds between two requests for a birth to any node."""

NUMBERS = 256
"""Sequence numbers are from 0 to 255."""

GOOD = 192
"""The property `Quality` of a value that can be relied on."""

ONLINE, OFFLINE = b"online", b"offline"

DEVICE_CLASSES = {
    "temperature": ("°C", "degC", "Celsius", "°F", "degF"),
    "power": ("W", "kW", "MW"),
    "energy": ("Wh", "kWh", "MWh"),
    "voltage": ("V", "mV"),
    "current": ("A", "mA"),
    "frequency": ("Hz", "kHz"),
    "pressure": ("Pa", "hPa", "kPa", "bar", "mbar", "psi"),
}
"""Units that say what is measured."""

UNITS = {"degC": "°C", "Celsius": "°C", "degF": "°F"}
"""Units under the name that they have elsewhere."""


@dataclass(frozen=True, slots=True)
class KnownMetric:
    """A metric of a birth that is an entity."""

    topic: str
    """The internal topic of its values."""
    key: str
    datatype: int


@dataclass(slots=True)
class EdgeNodeState:
    """What is known of an edge node, or of one of its devices."""

    metrics: dict[str, dict[str, KnownMetric]] = field(default_factory=dict)
    """By device, which is empty for the node itself, and by name."""
    births: dict[str, bytes] = field(default_factory=dict)
    """The last birth by device: kept on disk, and read again when the owner's file changes."""
    aliases: dict[int, tuple[str, str]] = field(default_factory=dict)
    """Device and name by alias."""
    born: set[str] = field(default_factory=set)
    """The devices that are there now; empty is the node itself."""
    birth_number: int | None = None
    """`bdSeq` of its birth: a death with another one is of a session before."""
    seq: int = 0
    wants_birth: bool = False
    rebirth_at: float = 0.0
    """When it may be asked for a birth, by the monotonic clock."""
    rebirth_wait_s: float = REBIRTH_S


class SparkplugNodes:
    """The edge nodes of some groups. It has no lock; its owner serialises the calls."""

    def __init__(self, rules: DiscoveryRules, found: DiscoveredEntities) -> None:
        self._groups = rules.sparkplug_groups
        self._own_node = rules.own_node
        self._language = rules.language
        self._found = found
        self._nodes: dict[tuple[str, str], EdgeNodeState] = {}
        self._asked_at = -REBIRTHS_APART_S
        self.told: list[DeviceEntity] = []
        """The entities that the last message told of."""

    @property
    def filters(self) -> list[str]:
        """The topic filters of the groups."""
        return [
            f"spBv1.0/{group}/{kind}/+{'/+' if kind[0] == 'D' else ''}"
            for group in self._groups
            for kind in KINDS
        ]

    @property
    def births(self) -> dict[str, bytes]:
        """The births of nodes and devices, by topic, to be kept on disk."""
        return {
            _topic(node, device, "BIRTH"): birth
            for node, state in self._nodes.items()
            for device, birth in state.births.items()
        }

    def receive(self, topic: str, payload: bytes, owner: OwnerFile) -> bool:
        """Follow a message; whether the entities have changed.

        Raises:
            DeviceConfigError: it cannot be read, or is too much.

        """
        self.told = []
        _, group, kind, node_id, *rest = topic.split("/")
        node, device = (group, node_id), rest[0] if rest else ""
        if node == self._own_node:
            return False
        message = _decoded(payload)
        state = self._node(node)
        if kind == "NBIRTH":
            return self._node_born(node, message, payload, owner)
        if kind == "NDEATH":
            self._node_died(state, message)
            return False
        self._check_order(state, message)
        if kind == "DBIRTH" and "" in state.born:
            return self._born(node, device, message, payload, owner)
        if device not in state.born or kind == "DBIRTH":
            state.wants_birth = True
        elif kind == "DDEATH":
            self._died(state, device)
        else:
            self._tell(state, device, message)
        return False

    def _node(self, node: tuple[str, str]) -> EdgeNodeState:
        if node not in self._nodes and len(self._nodes) >= MOST_NODES:
            raise DeviceConfigError(f"more than {MOST_NODES} edge nodes")
        return self._nodes.setdefault(node, EdgeNodeState())

    def restore(self, births: Mapping[str, bytes], owner: OwnerFile) -> None:
        """Declare the metrics of births from before a restart; none of them is there yet."""
        for topic, payload in births.items():
            parts = topic.split("/")
            if len(parts) not in (4, 5) or parts[1] not in self._groups:
                continue  # the owner reads this group no more
            node, device = (parts[1], parts[3]), "".join(parts[4:])
            try:
                self._declare(node, device, payload, owner)
            except DeviceConfigError as error:
                logger.warning("a kept birth of %s is not used: %s", topic, error)
                continue
            self._nodes[node].wants_birth = True

    def redeclare(self, owner: OwnerFile) -> None:
        """Declare every metric again: another owner's file may let others be written."""
        for node, state in self._nodes.items():
            for device, birth in state.births.items():
                self._declare(node, device, birth, owner)
                if device in state.born:
                    self._tell_online(state, device, ONLINE)
            state.wants_birth = True  # what is new has no value: those of the birth are old

    def connected(self) -> None:
        """Note a new connection: what was said meanwhile was not heard."""
        for state in self._nodes.values():
            state.wants_birth = True

    def rebirth(self) -> Message | None:
        """The next request for a birth, if one is due."""
        now = time.monotonic()
        if now - self._asked_at < REBIRTHS_APART_S:
            return None
        for node, state in self._nodes.items():
            if state.wants_birth and now >= state.rebirth_at:
                self._asked_at = now
                state.wants_birth = False
                state.rebirth_at = now + state.rebirth_wait_s
                state.rebirth_wait_s = min(2 * state.rebirth_wait_s, LONGEST_REBIRTH_S)
                now_ms = int(time.time() * 1000)
                metric = Metric(REBIRTH, DataType.BOOLEAN, value=True, timestamp_ms=now_ms)
                payload = encode(Payload([metric], now_ms))
                topic = _topic(node, "", "CMD")
                return Message(topic, payload, content_type=None, fleeting=True)
        return None

    # Births.

    def _node_born(
        self, node: tuple[str, str], message: Payload, payload: bytes, owner: OwnerFile
    ) -> bool:
        state = self._nodes[node]
        for device in tuple(state.born):
            self._died(state, device)
        state.aliases.clear()
        state.birth_number = _birth_number(message)
        state.seq = message.seq or 0
        state.wants_birth, state.rebirth_wait_s = False, REBIRTH_S
        return self._born(node, "", message, payload, owner)

    def _born(
        self,
        node: tuple[str, str],
        device: str,
        message: Payload,
        payload: bytes,
        owner: OwnerFile,
    ) -> bool:
        state = self._nodes[node]
        changed = self._declare(node, device, payload, owner)
        state.born.add(device)
        for metric in message.metrics:
            if metric.alias is not None and metric.name in state.metrics[device]:
                state.aliases[metric.alias] = (device, metric.name)
        self._tell_online(state, device, ONLINE)
        self._tell(state, device, message)
        return changed

    def _declare(
        self, node: tuple[str, str], device: str, payload: bytes, owner: OwnerFile
    ) -> bool:
        """Make entities of the metrics of a birth, and remove those that it has no more."""
        message = _decoded(payload)
        state = self._node(node)
        if device not in state.births and len(state.births) > MOST_DEVICES:
            raise DeviceConfigError(f"an edge node with more than {MOST_DEVICES} devices")
        kept = sum(map(len, self.births.values())) - len(state.births.get(device, b""))
        if kept + len(payload) > MOST_BIRTH_BYTES:
            raise DeviceConfigError(f"all births have more than {MOST_BIRTH_BYTES:,} bytes")
        before = state.metrics.get(device, {})
        known: dict[str, KnownMetric] = {}
        changed, refused = False, Counter[str]()
        state.births[device], state.metrics[device] = payload, known
        free, named = MOST_METRICS - self._number(), _named(message)
        if len(named) > free:
            refused[f"more than {MOST_METRICS:,} of all edge nodes"] = len(named) - free
        for metric, name in named[:free]:
            place = MetricPlace(node, device, metric, name, self._language)
            try:
                component = place.component(owner)
                changed |= self._found.declare([component])
            except (DeviceConfigError, UnsafeTemplate) as error:
                refused[str(error)] += 1
                continue
            known[place.name] = KnownMetric(place.topic, component.key, metric.datatype or 0)
        stay = {one.key for one in known.values()}
        gone = [one.key for one in before.values() if one.key not in stay]
        changed |= self._found.remove(gone)
        for reason, count in refused.items():
            why = DeviceConfigError(f"{count} metrics: {reason}")
            self._found.refuse(_topic(node, device, "BIRTH"), why)
        return changed

    def _number(self) -> int:
        return sum(
            len(metrics) for state in self._nodes.values() for metrics in state.metrics.values()
        )

    # Data and deaths.

    def _check_order(self, state: EdgeNodeState, message: Payload) -> None:
        """Notice that a message is missing; then nobody knows what an alias means."""
        if message.seq is None:
            return
        expected, state.seq = (state.seq + 1) % NUMBERS, message.seq
        if message.seq != expected and state.born:
            state.aliases.clear()
            state.wants_birth = True

    def _tell(self, state: EdgeNodeState, device: str, message: Payload) -> None:
        """Pass current values on."""
        for metric in message.metrics:
            name = metric.name
            if name is None and metric.alias in state.aliases:
                owner_of_alias, name = state.aliases[metric.alias]
                if owner_of_alias != device:
                    continue
            elif name is None:
                state.wants_birth = True
                continue
            known = state.metrics[device].get(name)
            if known is None or metric.is_historical:
                continue
            is_good = metric.properties.get("Quality", GOOD) == GOOD
            value = metric_text(metric, known.datatype) if is_good else NOT_KNOWN
            self._found.receive(known.topic, value.encode())
            self.told += self._found.readers(known.topic)

    def _node_died(self, state: EdgeNodeState, message: Payload) -> None:
        number = _birth_number(message)
        if number is not None and state.birth_number not in (None, number):
            return  # the last will of a session before
        for device in tuple(state.born):
            self._died(state, device)

    def _died(self, state: EdgeNodeState, device: str) -> None:
        state.born.discard(device)
        self._tell_online(state, device, OFFLINE)

    def _tell_online(self, state: EdgeNodeState, device: str, payload: bytes) -> None:
        for known in state.metrics.get(device, {}).values():
            self._found.receive(f"{known.topic}/online", payload)


@dataclass(frozen=True, slots=True)
class MetricPlace:
    """A metric of a birth, and where it is."""

    node: tuple[str, str]
    device: str
    metric: Metric
    short_name: str
    language: str
    """In which it is also called "Temperature of Machine 3"."""

    @property
    def name(self) -> str:
        """Its full name."""
        return self.metric.name or ""

    @property
    def path(self) -> str:
        """What identifies it."""
        return "/".join(filter(None, (*self.node, self.device, self.name)))

    @property
    def topic(self) -> str:
        """The internal topic of its values; a name may have characters that a topic has not."""
        return INTERNAL + hashlib.sha256(self.path.encode("utf-8", "replace")).hexdigest()

    def component(self, owner: OwnerFile) -> ComponentMessage:
        """Its declaration: a sensor, or what is written if the owner's file says so.

        Raises:
            DeviceConfigError: it cannot be a device.

        """
        written = self._written(owner)
        is_boolean = self.metric.datatype == DataType.BOOLEAN
        if written is None:
            component = "binary_sensor" if is_boolean else "sensor"
            config = self._common() | ({} if is_boolean else self._unit())
        else:
            component, entry = written
            command = _topic(self.node, self.device, "CMD")
            about = {
                "name": self.name,
                "datatype": self.metric.datatype,
                "alias": self.metric.alias,
            }
            config = self._common() | {"command_topic": command, "metric": about}
            if component == "number":
                config |= {**self._unit(), **self._limits(entry)}
                config.pop("device_class", None)
        return declared_component(component, f"{SOURCE} {self.path}", config, source=SOURCE)

    def _common(self) -> dict[str, Any]:
        device = self.device or self.node[1]
        return {
            "name": self.short_name,
            "other_names": [f"{self._of_device} {device}"],
            "state_topic": self.topic,
            "availability_topic": f"{self.topic}/online",
            "device": {
                "identifiers": [f"{SOURCE} {'/'.join((*self.node, self.device))}"],
                "name": device,
            },
        }

    @property
    def _of_device(self) -> str:
        return device_phrase(self.language, "of_device", [self.short_name])

    def _unit(self) -> dict[str, Any]:
        unit = self.metric.properties.get("engUnit")
        if not isinstance(unit, str) or not unit or not is_number(self.metric.datatype):
            return {}
        found = (kind for kind, units in DEVICE_CLASSES.items() if unit in units)
        kind = next(found, None)
        about = {"unit_of_measurement": UNITS.get(unit, unit)}
        return about if kind is None else {**about, "device_class": kind}

    def _written(self, owner: OwnerFile) -> tuple[str, DeviceEntry] | None:
        """The component and the entry if the owner's file lets it be written.

        There is no sign of what can be written, so that the file must name it with its component.
        """
        kind = "switch" if self.metric.datatype == DataType.BOOLEAN else "number"
        if kind == "number" and not is_number(self.metric.datatype):
            return None
        if self.metric.properties.get("readOnly") is True:
            return None
        about = self._common()
        entry = owner.entry_for(kind, f"{about['device']['name']} {self.short_name}")
        named = entry is not None and entry.device.casefold().startswith(f"{kind} ")
        if entry is None or not named or not entry.expose or entry.read_only:
            return None
        return kind, entry

    def _limits(self, entry: DeviceEntry) -> dict[str, float]:
        properties = self.metric.properties
        low, high = entry.range or (properties.get("engLow"), properties.get("engHigh"))
        if not isinstance(low, (int, float)) or not isinstance(high, (int, float)) or low >= high:
            raise DeviceConfigError(
                "a number that is written needs limits; write `range: [low, high]` in its entry"
            )
        return {"min": float(low), "max": float(high)}


def is_internal(topic: str) -> bool:
    """Whether a topic is one of those that are not on the broker."""
    return topic.startswith(INTERNAL)


def _decoded(payload: bytes) -> Payload:
    if len(payload) > MESSAGE_BYTES:
        raise DeviceConfigError(f"the message has more than {MESSAGE_BYTES:,} bytes")
    try:
        return decode(payload)
    except PayloadError as error:
        raise DeviceConfigError(f"not a Sparkplug message: {error}") from error


def _named(message: Payload) -> list[tuple[Metric, str]]:
    """The metrics that can be devices, each with the shortest end of its name that is its own."""
    metrics = {metric.name or "": metric for metric in message.metrics if _is_device(metric)}
    ends: Counter[str] = Counter()
    for name in metrics:
        ends.update(_ends(name))
    return [
        (metric, next((end for end in _ends(name) if ends[end] == 1), " ".join(name.split("/"))))
        for name, metric in metrics.items()
    ]


def _is_device(metric: Metric) -> bool:
    name, datatype = metric.name or "", metric.datatype
    if not 0 < len(name) <= LONGEST_NAME or name == "bdSeq" or name.startswith(NOT_READ):
        return False
    return datatype in (DataType.BOOLEAN, DataType.STRING, DataType.TEXT) or is_number(datatype)


def _ends(name: str) -> list[str]:
    """The ends of a name, the shortest first: "Pressure", "Hydraulics Pressure"."""
    levels = [level for level in name.split("/") if level][-4:]
    return [" ".join(levels[-length:]) for length in range(1, len(levels) + 1)]


def _birth_number(message: Payload) -> int | None:
    found = (metric.value for metric in message.metrics if metric.name == "bdSeq")
    value = next(found, None)
    return value if isinstance(value, int) else None


def _topic(node: tuple[str, str], device: str, kind: str) -> str:
    group, node_id = node
    end = f"/{device}" if device else ""
    return f"spBv1.0/{group}/{'D' if device else 'N'}{kind}/{node_id}{end}"
