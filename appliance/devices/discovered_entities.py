"""The entities that discovery messages have declared, and which topics they read."""

from __future__ import annotations

import logging
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from appliance.devices.discovery_message import DeviceGone, read_discovery
from appliance.devices.entity_factory import make_entity
from appliance.errors import DeviceConfigError, UnsafeTemplate

if TYPE_CHECKING:
    from collections.abc import Iterable

    from appliance.config import Config
    from appliance.devices.discovery_message import ComponentMessage
    from appliance.devices.entity import DeviceEntity

logger = logging.getLogger(__name__)

MAXIMUM_ENTITIES = 3000
SHOWN_BY_DEFAULT = ("enabled_by_default", "visible_by_default")
PROBLEMS_KEPT = 100
PROBLEMS_LOGGED = 20
"""Maximum number of problems logged in one run; `appliance devices list` shows the others."""


@dataclass(frozen=True, slots=True)
class DiscoveryRules:
    """The topics that are read, and those that commands must not use."""

    prefix: str = "homeassistant"
    root: str = "appliance"
    """Root of the appliance's own topics; commands must not use them."""
    requests: tuple[str, ...] = ()
    """Topic filters of requests to this appliance and others, below `root` or not."""
    sparkplug_groups: tuple[str, ...] = ()
    """Group ids of the Sparkplug B edge nodes that are read."""
    own_node: tuple[str, str] = ("", "")
    """Group id and id of the edge node that the appliance itself is."""
    language: str = "en"
    """In which the metrics of Sparkplug have further names."""
    own_identifiers: frozenset[str] = frozenset()
    """Identifiers of devices that the appliance itself declares."""

    @classmethod
    def of(cls, config: Config) -> DiscoveryRules:
        """The rules that a configuration makes.

        Requests include those of appliances that differ only in their name, and of their shared
        queue.
        """
        roots = (config.mqtt.root.replace("{device}", "+"), config.mqtt.group_root)
        return cls(
            config.home_assistant.prefix,
            config.root,
            tuple(f"{root}/request/+" for root in roots if root),
            tuple(config.devices.sparkplug_groups),
            (config.sparkplug.group_id, config.sparkplug.node_id or config.name),
            config.device.language,
        )

    def forbids(self, topic: str) -> bool:
        """Whether a command must not be published on this topic."""
        own = topic == self.root or topic.startswith(f"{self.root}/")
        discovery = topic.startswith(f"{self.prefix}/") and topic.endswith("/config")
        request = any(matches(one, topic) for one in self.requests)
        return own or discovery or request or topic.startswith("$")

    def is_of_requests(self, topic_filter: str) -> bool:
        """Whether a filter includes requests, which the broker would then send twice."""
        requests = (f"{self.root}/request/+", *self.requests)
        return any(overlap(topic_filter, one) for one in requests)


class DiscoveredEntities:
    """Keeps the entities of discovery messages. It has no lock; its owner serialises the calls."""

    def __init__(self, rules: DiscoveryRules) -> None:
        self._rules = rules
        self.entities: dict[str, DeviceEntity] = {}
        """Entities by their permanent key, in the order in which they got their names."""
        self.problems: dict[str, str] = {}
        """Reasons why discovery topics are not used, by topic; the newest ones."""
        self.refused: Counter[str] = Counter()
        """Number of unused discovery messages, by reason."""
        self._routes: dict[str, list[DeviceEntity]] = {}
        self._wildcards: set[str] = set()
        self._by_unique_id: dict[str, str] = {}
        """The key of the entity that has a unique id, by component and id."""
        self._given: dict[str, dict[str, Any]] = {}
        self._declared: set[str] = set()
        """Keys of other sources than discovery, whose messages do not remove them."""
        self._parked: dict[str, DeviceEntity] = {}
        """Entities that migrate from one message to another, by component and unique id."""

    @property
    def filters(self) -> list[str]:
        """Every topic filter that an entity reads."""
        return list(self._routes)

    def receive_discovery(self, topic: str, payload: bytes) -> bool:
        """Handle a message below the discovery prefix; return whether the entities changed.

        A message that cannot be used changes nothing; it is counted and kept in `problems`.
        """
        try:
            findings = read_discovery(self._rules.prefix, topic, payload)
        except DeviceConfigError as error:
            self.refuse(topic, error)
            return False
        self.problems.pop(topic, None)
        changed = False
        for finding in findings:
            try:
                if isinstance(finding, DeviceGone):
                    changed |= self._remove_device(finding)
                else:
                    changed |= self._follow(finding)
            except (DeviceConfigError, UnsafeTemplate) as error:
                self.refuse(topic, error)
        return changed

    def declare(self, messages: Iterable[ComponentMessage]) -> bool:
        """Handle a declaration from another source; return whether the entities changed.

        Raises:
            DeviceConfigError: one cannot be used.
            UnsafeTemplate: one of its templates cannot.

        """
        changed = False
        for message in messages:
            self._declared.add(message.key)
            changed |= self._follow(message)
        return changed

    def remove(self, keys: Iterable[str]) -> bool:
        """Remove entities that another source has no more; return whether any was there."""
        removed = [self._remove(key, keep=False) for key in keys]
        return any(removed)

    def receive(self, topic: str, payload: bytes, *, retained: bool = False) -> list[DeviceEntity]:
        """Pass a message to the entities that read its topic; return the changed ones."""
        return [
            entity
            for topic_filter, entities in list(self._matching(topic))
            for entity in entities
            if entity.receive(topic_filter, payload, retained=retained)
        ]

    def reads(self, topic: str) -> bool:
        """Whether an entity reads this topic."""
        return any(True for _ in self._matching(topic))

    def readers(self, topic: str) -> list[DeviceEntity]:
        """The entities that read this topic."""
        return [entity for _, entities in self._matching(topic) for entity in entities]

    def _matching(self, topic: str) -> Iterable[tuple[str, list[DeviceEntity]]]:
        if topic in self._routes:
            yield topic, self._routes[topic]
        for topic_filter in self._wildcards:
            if matches(topic_filter, topic):
                yield topic_filter, self._routes[topic_filter]

    def _follow(self, message: ComponentMessage) -> bool:
        known = self.entities.get(message.key)
        if message.config is None:
            return self._remove(message.key, keep=message.migrating)
        if known is not None and self._given[message.key] == message.config:
            return False
        entity = make_entity(message.component, message.key, message.config, message.source)
        if self._is_own(entity):
            return False
        self._check(entity, known)
        former = known or self._parked.pop(_unique(entity) or "", None)
        if former is not None:
            entity.adopt(former)
        if known is not None:
            self._forget(known)
            if _naming(known) != _naming(entity):
                del self.entities[message.key]  # under its new name it is a newcomer
        self.entities[message.key] = entity
        self._given[message.key] = message.config
        self._note(entity)
        return True

    def put_in_order(self, keys: Iterable[str]) -> None:
        """Put the entities in this order, others after them."""
        first = {key: self.entities[key] for key in keys if key in self.entities}
        self.entities = first | self.entities

    def _check(self, entity: DeviceEntity, known: DeviceEntity | None) -> None:
        if known is None and len(self.entities) >= MAXIMUM_ENTITIES:
            raise DeviceConfigError(f"more than {MAXIMUM_ENTITIES:,} entities")
        for key, value in entity.config.items():
            sends = key.endswith("command_topic") or key.startswith(("set_", "send_"))
            if sends and isinstance(value, str) and self._rules.forbids(value):
                raise DeviceConfigError(f"{key}: a device must not send us to {value!r}")
        for topic_filter in entity.filters:
            if self._rules.is_of_requests(topic_filter):
                raise DeviceConfigError(
                    f"a device must not read requests, as {topic_filter!r} does"
                )
        unique = _unique(entity)
        if unique is not None and self._by_unique_id.get(unique, entity.key) != entity.key:
            raise DeviceConfigError("another entity has the same unique_id; the first one stays")

    def _is_own(self, entity: DeviceEntity) -> bool:
        identifiers = entity.config.get("device", {}).get("identifiers", [])
        return bool(self._rules.own_identifiers & set(identifiers))

    def _remove_device(self, gone: DeviceGone) -> bool:
        keys = [
            key
            for key in self.entities
            if key.partition(" ")[2].startswith(f"{gone.node} ") and key not in self._declared
        ]
        removed = [self._remove(key, keep=gone.migrating) for key in keys]
        return any(removed)

    def _remove(self, key: str, *, keep: bool) -> bool:
        entity = self.entities.pop(key, None)
        self._given.pop(key, None)
        self._declared.discard(key)
        if entity is None:
            return False
        unique = _unique(entity)
        if keep and unique is not None and len(self._parked) < MAXIMUM_ENTITIES:
            self._parked[unique] = entity
        self._forget(entity)
        return True

    def _note(self, entity: DeviceEntity) -> None:
        unique = _unique(entity)
        if unique is not None:
            self._by_unique_id[unique] = entity.key
        for topic_filter in entity.filters:
            self._routes.setdefault(topic_filter, []).append(entity)
            if "+" in topic_filter or "#" in topic_filter:
                self._wildcards.add(topic_filter)

    def _forget(self, entity: DeviceEntity) -> None:
        self._by_unique_id.pop(_unique(entity) or "", None)
        for topic_filter in entity.filters:
            self._routes[topic_filter].remove(entity)
            if not self._routes[topic_filter]:
                del self._routes[topic_filter]
                self._wildcards.discard(topic_filter)

    def refuse(self, topic: str, error: Exception) -> None:
        """Count and keep the reason why the message on a topic is not used."""
        reason = str(error)[:200]
        self.refused[type(error).__name__] += 1
        if len(self.problems) < PROBLEMS_KEPT or topic in self.problems:
            self.problems[topic[:200]] = reason
        if self.refused.total() <= PROBLEMS_LOGGED:
            logger.warning("the discovery message on %r is not used: %s", topic[:200], reason)


def _naming(entity: DeviceEntity) -> tuple[Any, ...]:
    """What decides whether and under which name an entity can be said."""
    config = entity.config
    told = config.get("device", {}).get("suggested_area")
    hidden = (config.get(key) for key in ("entity_category", *SHOWN_BY_DEFAULT))
    return entity.name, told, entity.device_class, *hidden


def _unique(entity: DeviceEntity) -> str | None:
    unique = entity.config.get("unique_id")
    return None if unique is None else f"{entity.component} {unique}"


def overlap(one: str, other: str) -> bool:
    """Whether a topic can fit both filters."""
    levels, others = one.split("/"), other.split("/")
    for level, wanted in zip(levels, others, strict=False):
        if "#" in (level, wanted):
            return True
        if level != wanted and "+" not in (level, wanted):
            return False
    rest = levels[len(others) :] or others[len(levels) :]
    return not rest or rest[0] == "#"


def matches(topic_filter: str, topic: str) -> bool:
    """Whether a topic fits a filter with the wildcards + and #."""
    levels, wanted = topic.split("/"), topic_filter.split("/")
    for index, level in enumerate(wanted):
        if level == "#":
            return not topic.startswith("$") or index > 0
        if index >= len(levels) or level not in ("+", levels[index]):
            return False
    return len(levels) == len(wanted)
