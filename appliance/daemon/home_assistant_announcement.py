"""Announces the appliance to Home Assistant, and removes outdated announcements."""

from __future__ import annotations

import logging
import threading
from typing import TYPE_CHECKING

import msgspec

from appliance.errors import JournalError
from appliance.messages import discovery
from appliance.messages.announcement_record import MOST_COMPONENTS, AnnouncedDevice
from appliance.messages.topics import Topics
from appliance.values import Message

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from appliance.config import Config
    from appliance.journal.journal import Journal
    from appliance.mqtt.publisher import Publisher

logger = logging.getLogger(__name__)


class HomeAssistantAnnouncement:
    """Any thread may call it."""

    def __init__(
        self, config: Config, journal: Journal, topics: Topics, publisher: Publisher
    ) -> None:
        self._journal = journal
        self._topics = topics
        self._publisher = publisher
        self._lock = threading.Lock()
        self._announced = AnnouncedDevice.of(config)

    def publish(self, config: Config, intents: Iterable[str]) -> None:
        """Announce the present components, and remove those that are gone."""
        with self._lock:
            message = discovery.discovery(config, self._topics, intents, self._announced)
            former, self._announced = self._announced, _after(config, message, self._announced)
            if former != self._announced:
                self._clear(former)
                self._announced.keep(config.state_directory)
        self._publisher.publish_retained(message)

    def _clear(self, former: AnnouncedDevice) -> None:
        """Queue the removals on disk; a broker that is away gets them later, and only once."""
        messages = tuple(_cleared(former, self._announced))
        if not messages:
            return
        try:
            self._journal.write_records({}, messages)
        except JournalError as error:
            logger.warning("the topics of the former name stay on the broker: %s", error)
        else:
            self._publisher.notify()


def _after(config: Config, message: Message, announced: AnnouncedDevice) -> AnnouncedDevice:
    components = msgspec.json.decode(message.payload)["components"]
    platforms = {name: one["platform"] for name, one in components.items()}
    return msgspec.structs.replace(
        announced,
        root=config.root,
        prefix=config.home_assistant.prefix,
        components=dict(list(platforms.items())[:MOST_COMPONENTS]),
    )


def _cleared(former: AnnouncedDevice, now: AnnouncedDevice) -> Iterator[Message]:
    """Empty messages that delete the retained messages of a former name or prefix."""
    if former.prefix != now.prefix:
        yield _empty(discovery.discovery_topic(former.prefix, former))
    if former.root != now.root:
        for topic in Topics(former.root).retained:
            yield _empty(topic)


def _empty(topic: str) -> Message:
    return Message(topic, b"", retain=True, content_type=None)
