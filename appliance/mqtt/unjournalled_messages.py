"""Messages that wait in memory: retained values, and messages that may be lost in a power cut."""

from __future__ import annotations

import collections
import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from appliance.values import Message

MAXIMUM_TRANSIENT = 10_000
"""Maximum number of messages, a few megabytes in all."""


class RetainedValues:
    """The last message on every retained topic, and which of them must be sent; any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._last: dict[str, Message] = {}
        self._unsent: dict[str, Message] = {}

    def set(self, message: Message, *, repeat: bool) -> None:
        """Replace the message on its topic; an equal one is sent only if `repeat` is true."""
        with self._lock:
            if repeat or self._last.get(message.topic) != message:
                self._last[message.topic] = self._unsent[message.topic] = message

    def resend_all(self) -> None:
        """Send the message on every topic again."""
        with self._lock:
            self._unsent = dict(self._last)

    def dequeue_all(self) -> list[Message]:
        """Return the messages that must be sent now."""
        with self._lock:
            unsent, self._unsent = self._unsent, {}
        return list(unsent.values())

    def empty(self) -> bool:
        """Whether there is no message to send."""
        return not self._unsent


class TransientMessages:
    """Messages that need not survive a power cut, up to a limit; any thread may enqueue."""

    def __init__(self) -> None:
        self._messages: collections.deque[Message] = collections.deque()
        self.dropped = 0
        """Messages for which there was no room, since start."""

    def enqueue(self, message: Message) -> None:
        """Add a message; it is dropped and counted if there is no room."""
        if len(self._messages) < MAXIMUM_TRANSIENT:
            self._messages.append(message)
        else:
            self.dropped += 1

    def first(self) -> Message | None:
        """Return the oldest message, which stays in the queue."""
        return self._messages[0] if self._messages else None

    def dequeue(self) -> None:
        """Remove the oldest message."""
        self._messages.popleft()

    def empty(self) -> bool:
        """Whether there is no message to send."""
        return not self._messages
