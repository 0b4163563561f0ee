"""The devices that are known now: follows discovery and states, and keeps both on disk."""

from __future__ import annotations

import contextlib
import logging
import threading
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import msgspec

from appliance.devices.discovered_entities import DiscoveredEntities, matches
from appliance.devices.sayable_devices import sayable_devices, sentence_lists
from appliance.devices.sparkplug_nodes import SparkplugNodes, is_internal
from appliance.devices.tasmota_discovery import TASMOTA_FILTER, tasmota_components
from appliance.devices.zigbee2mqtt_bridge import FILTERS, BridgeLists, Zigbee2MqttBridges
from appliance.errors import UNREADABLE_JSON, DeviceConfigError, UnsafeTemplate
from appliance.system import atomic_file

if TYPE_CHECKING:
    from pathlib import Path

    from appliance.devices.discovered_entities import DiscoveryRules
    from appliance.devices.entity import DeviceEntity
    from appliance.devices.owner_file import OwnerFile
    from appliance.devices.sayable_devices import SayableDevice
    from appliance.values import Message

logger = logging.getLogger(__name__)

SETTLE_S = 2.0
"""Seconds without a change after which a burst of discovery is over."""

LONGEST_BURST_S = 8.0
"""Seconds after which the names are used even if more devices still announce themselves."""

SAVE_EVERY_S = 60.0
"""Seconds between two writes of states, to spare the SD card."""

MOST_DISCOVERY_BYTES = 32_000_000
"""Maximum size of all discovery messages, which are kept in memory and on disk: 10 kB for each
possible entity. A component has about 600 bytes."""

FILE_VERSION = 1


class KeptDevices(msgspec.Struct):
    """The file in the state directory."""

    version: int = FILE_VERSION
    discovery: dict[str, str] = {}
    """The last discovery message on each topic."""
    states: dict[str, dict[str, Any]] = {}
    """The known values of each entity, in the order in which they got their names."""
    heard_at: dict[str, float] = {}
    bridges: dict[str, BridgeLists] = {}
    """What zigbee2mqtt has said, by base topic."""
    births: dict[str, bytes] = {}
    """The last birth of each Sparkplug node and device, by topic."""


class DeviceRegistry:
    """Any thread may call it."""

    def __init__(self, rules: DiscoveryRules, owner: OwnerFile, file: Path) -> None:
        """`file` keeps discovery and states over a restart: many are not retained by the broker."""
        self.rules = rules
        self._owner = owner
        self._file = file
        self._lock = threading.RLock()
        self._found = DiscoveredEntities(rules)
        self._bridges = Zigbee2MqttBridges()
        self._nodes = SparkplugNodes(rules, self._found)
        self._discovery: dict[str, str] = {}
        self._subscribed: set[str] = set()
        self._devices: list[SayableDevice] | None = None
        self._changed_at: float | None = None
        self._first_change_at = 0.0
        self._unsaved_since: float | None = None
        self._declare_own(owner)
        self._load()
        self._last_lists = self.lists()

    @property
    def discovery_filters(self) -> list[str]:
        """The filters of discovery messages."""
        prefix = self.rules.prefix
        own = [f"{prefix}/+/+/config", f"{prefix}/+/+/+/config", TASMOTA_FILTER, *FILTERS]
        return [*own, *self._nodes.filters]

    def connected(self) -> None:
        """Note that on a new connection everything must be subscribed to again."""
        with self._lock:
            self._subscribed = set()
            self._nodes.connected()

    def rebirth(self) -> Message | None:
        """The next request for the birth of a Sparkplug node, if one is due."""
        with self._lock:
            return self._nodes.rebirth()

    def new_filters(self) -> list[str]:
        """The filters that are not subscribed to yet; they count as subscribed from now on."""
        with self._lock:
            states = (one for one in self._found.filters if not is_internal(one))
            wanted = {*self.discovery_filters, *states}
            new = sorted(wanted - self._subscribed)
            self._subscribed |= wanted
            return new

    def wants(self, topic: str) -> bool:
        """Whether a message on this topic is about devices."""
        with self._lock:
            is_state = not is_internal(topic) and self._found.reads(topic)
            return is_state or self._is_discovery(topic)

    def receive(self, topic: str, payload: bytes, *, retained: bool) -> list[DeviceEntity]:
        """Follow a message; the entities whose topic it was, if it is about a state."""
        with self._lock:
            if self._is_of_nodes(topic):
                return self._receive_node(topic, payload, retained=retained)
            if _is_bridge(topic):
                self._receive_bridge(topic, payload)
            elif self._is_discovery(topic):
                self._receive_discovery(topic, payload)
            # A state may have such a topic, too, so that it cannot be hidden in this way.
            changed = self._found.receive(topic, payload, retained=retained)
            if changed:
                self._note_unsaved()
            return changed

    def listeners(self, topic: str) -> list[DeviceEntity]:
        """The entities that read a topic; of a Sparkplug node, those of its last message."""
        with self._lock:
            if self._is_of_nodes(topic):
                return list(self._nodes.told)
            return self._found.readers(topic)

    @property
    def devices(self) -> list[SayableDevice]:
        """Every entity, with its names and room."""
        with self._lock:
            if self._devices is None:
                self._devices = sayable_devices(
                    self._found.entities.values(), self._owner, bridges=self._bridges
                )
            return self._devices

    @property
    def owner(self) -> OwnerFile:
        """The active version of the owner's file."""
        with self._lock:
            return self._owner

    def replace_owner(self, owner: OwnerFile) -> bool:
        """Let another version of the owner's file count from now on; whether it is another one."""
        with self._lock:
            if owner == self._owner:
                return False
            kept = {own.message().key for own in owner.own}
            messages = [own.message() for own in self._owner.own]
            gone = [replace(one, config=None) for one in messages if one.key not in kept]
            self._found.declare(gone)
            self._declare_own(owner)
            self._nodes.redeclare(owner)
            self._owner, self._devices = owner, None
            # No other device announces itself, so there is no burst to wait for.
            self._first_change_at = self._changed_at = time.monotonic() - LONGEST_BURST_S
            return True

    @property
    def problems(self) -> dict[str, str]:
        """Why discovery messages are not used, by topic."""
        with self._lock:
            return dict(self._found.problems)

    def lists(self) -> dict[str, list[Any]]:
        """The values that the devices add to the sentences' lists."""
        return sentence_lists(self.devices)

    def lists_with(self, owner: OwnerFile) -> dict[str, list[Any]]:
        """What `lists` would give with another version of the owner's file."""
        with self._lock:
            found = self._found.entities.values()
            return sentence_lists(sayable_devices(found, owner, bridges=self._bridges))

    def has_settled(self) -> bool:
        """Whether what can be said has changed and the burst is over; True once for each."""
        with self._lock:
            if self._changed_at is None:
                return False
            now = time.monotonic()
            over = now - self._changed_at > SETTLE_S
            if not over and now - self._first_change_at < LONGEST_BURST_S:
                return False
            self._changed_at = None
            before, self._last_lists = self._last_lists, self.lists()
            return before != self._last_lists

    def turn(self) -> None:
        """Write to disk if it is time."""
        with self._lock:
            since = self._unsaved_since
            if since is not None and time.monotonic() - since > SAVE_EVERY_S:
                self.save()

    def save(self) -> None:
        """Write discovery and states to disk now; a full disk costs a warning."""
        with self._lock:
            if self._unsaved_since is None:
                return
            self._unsaved_since = None
            entities = self._found.entities
            kept = KeptDevices(
                discovery=self._discovery,
                states={key: entity.values for key, entity in entities.items()},
                heard_at={key: entity.heard_at for key, entity in entities.items()},
                bridges=self._bridges.lists,
                births=self._nodes.births,
            )
            try:
                atomic_file.replace(self._file, msgspec.json.encode(kept))
            except OSError as error:
                logger.warning("the devices cannot be kept in %s: %s", self._file, error)

    def _declare_own(self, owner: OwnerFile) -> None:
        """Make the devices of the owner's file; the file was checked, but others may be there."""
        for own in owner.own:
            message = own.message()
            try:
                self._found.declare([message])
            except (DeviceConfigError, UnsafeTemplate) as error:
                self._found.refuse(message.key, error)

    def _is_discovery(self, topic: str) -> bool:
        return any(matches(one, topic) for one in self.discovery_filters)

    def _receive_discovery(self, topic: str, payload: bytes) -> None:
        kept = sum(map(len, self._discovery.values())) - len(self._discovery.get(topic, ""))
        if payload and kept + len(payload) > MOST_DISCOVERY_BYTES:
            error = f"all discovery messages have more than {MOST_DISCOVERY_BYTES:,} bytes"
            self._found.refuse(topic, DeviceConfigError(error))
            return
        if not self._follow(topic, payload):
            return
        if payload:
            self._discovery[topic] = payload.decode("utf-8", "replace")
        else:
            self._discovery.pop(topic, None)
        self._note_change()
        self._note_unsaved()

    def _is_of_nodes(self, topic: str) -> bool:
        return any(matches(one, topic) for one in self._nodes.filters)

    def _receive_node(self, topic: str, payload: bytes, *, retained: bool) -> list[DeviceEntity]:
        """Follow a message of a Sparkplug node; return the entities that it tells of.

        None of them is ever stored by the broker, so a stored one is of somebody else.
        """
        self._nodes.told = []
        if retained:
            self._found.refuse(topic, DeviceConfigError("a retained Sparkplug message"))
            return []
        try:
            if self._nodes.receive(topic, payload, self._owner):
                self._note_change()
        except DeviceConfigError as error:
            self._found.refuse(topic, error)
            return []
        self._note_unsaved()
        return self._nodes.told

    def _receive_bridge(self, topic: str, payload: bytes) -> None:
        """Follow a list of zigbee2mqtt."""
        try:
            if self._bridges.receive(topic, payload):
                self._note_change()
                self._note_unsaved()
        except DeviceConfigError as error:
            self._found.refuse(topic, error)

    def _note_change(self) -> None:
        """Note that names may have changed; a burst begins or goes on."""
        self._devices = None
        now = time.monotonic()
        if self._changed_at is None:
            self._first_change_at = now
        self._changed_at = now

    def _note_unsaved(self) -> None:
        if self._unsaved_since is None:
            self._unsaved_since = time.monotonic()

    def _follow(self, topic: str, payload: bytes) -> bool:
        if not _is_tasmota(topic):
            return self._found.receive_discovery(topic, payload)
        try:
            return self._found.declare(tasmota_components(topic, payload))
        except (DeviceConfigError, UnsafeTemplate) as error:
            self._found.refuse(topic, error)
            return False

    def _load(self) -> None:
        try:
            kept = msgspec.json.decode(self._file.read_bytes(), type=KeptDevices)
        except FileNotFoundError:
            return
        except (OSError, *UNREADABLE_JSON) as error:
            logger.warning("the kept devices in %s cannot be read: %s", self._file, error)
            return
        self._bridges.lists = kept.bridges
        own = list(self._found.entities)
        for topic, payload in kept.discovery.items():
            if self._follow(topic, payload.encode()):
                self._discovery[topic] = payload
        self._nodes.restore(kept.births, self._owner)
        self._found.put_in_order([*own, *kept.states])
        for key, entity in self._found.entities.items():
            with contextlib.suppress(TypeError, ValueError):
                entity.values |= kept.states.get(key, {})
                entity.heard_at = float(kept.heard_at.get(key, 0.0))


def _is_bridge(topic: str) -> bool:
    return any(matches(one, topic) for one in FILTERS)


def _is_tasmota(topic: str) -> bool:
    return matches(TASMOTA_FILTER, topic)
