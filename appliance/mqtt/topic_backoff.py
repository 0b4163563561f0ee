"""Topics on which the broker does not let us publish: asked again, ever more rarely."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

FIRST_RETRY_S, LONGEST_RETRY_S = 5.0, 300.0
"""Before a message goes again to a topic that the broker refused; doubled each time."""


@dataclass(frozen=True, slots=True)
class _Refused:
    delay: float
    until: float


class TopicBackoff:
    """Of one connection; one thread calls it."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._refused: dict[str, _Refused] = {}

    def forget(self, topic: str | None = None) -> None:
        """The broker took a message there; without a topic: this is another connection."""
        if topic is None:
            self._refused.clear()
        else:
            self._refused.pop(topic, None)

    def note(self, topic: str) -> bool:
        """A message was refused there; whether that is news."""
        before = self._refused.get(topic)
        if before is not None and before.until > self._clock():
            return False  # one of several that were under way together
        delay = min(LONGEST_RETRY_S, before.delay * 2) if before else FIRST_RETRY_S
        self._refused[topic] = _Refused(delay, self._clock() + delay)
        return before is None

    def forbidden(self) -> set[str]:
        """Topics whose time to be asked again has not come."""
        now = self._clock()
        return {topic for topic, refused in self._refused.items() if refused.until > now}
