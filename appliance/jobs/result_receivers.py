"""Which clients wait for the results of which requests; several may wait for the same one."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Generic, TypeVar

from appliance.events import JobFinished, JobNotRun
from appliance.jobs.client_jobs import ResultReceiver
from appliance.values import Request

if TYPE_CHECKING:
    from appliance.events import Event

Receiver = TypeVar("Receiver", bound=ResultReceiver)


class ResultReceivers(Generic[Receiver]):
    """Receivers by the id of their request. Any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._waiting: dict[str, list[Receiver]] = {}

    def add(self, name: str, receiver: Receiver) -> None:
        """Have the result of a request delivered, when it is there."""
        with self._lock:
            self._waiting.setdefault(name, []).append(receiver)

    def remove(self, receiver: Receiver) -> None:
        """Deliver nothing to it any more."""
        with self._lock:
            for name, receivers in list(self._waiting.items()):
                left = [one for one in receivers if one is not receiver]
                if left:
                    self._waiting[name] = left
                else:
                    del self._waiting[name]

    def of(self, name: str) -> tuple[Receiver, ...]:
        """Those that wait for the result of a request."""
        with self._lock:
            return tuple(self._waiting.get(name, ()))

    def on_event(self, event: Event) -> None:
        """Deliver a result."""
        match event:
            case JobFinished(Request(id=name), result) | JobNotRun(Request(id=name), result):
                for receiver in self.of(name):
                    receiver.deliver(result)
