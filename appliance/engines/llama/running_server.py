"""A running language model process, with its responses sorted by request."""

from __future__ import annotations

from collections import defaultdict, deque
from typing import TYPE_CHECKING, Any

from appliance.child_process import ChildDied
from appliance.errors import Interrupted

if TYPE_CHECKING:
    from collections.abc import Callable

    from appliance.child_process import Child
    from appliance.engines.llama.suspension import WorkClock

CANCELLED = "the appliance stopped, or the request was cancelled"

START = 0
"""Stands for a request's id in the response that says whether the model is open."""

GOES_ON = frozenset({"token", "reading"})
"""Responses after which another one comes."""

POLL_S = 0.005
"""Seconds between two checks whether to stop, and whether somebody speaks."""


class ServerProcess:
    """One process. A request may be made while another waits for its next token."""

    def __init__(self, child: Child, start_clock: WorkClock) -> None:
        self.child = child
        self.start_clock = start_clock
        """The time that it has to open its model."""
        self.ready = False
        """Whether its model is open."""
        self.ended = False
        """Whether `end` was called."""
        self._responses: dict[int, deque[dict[str, Any]]] = defaultdict(deque)

    def next_response(
        self, request_id: int, clock: WorkClock, must_stop: Callable[[], bool]
    ) -> dict[str, Any] | None:
        """The next response to a request; None if its time is over.

        Raises:
            ChildDied: the process ended.
            Interrupted: `must_stop` returned True.

        """
        while True:
            if request_id == START and self._responses[START]:
                return self._responses[START][0]  # kept: a request within must_stop needs it, too
            if self._responses[request_id]:
                return self._responses[request_id].popleft()
            if clock.excluding(must_stop):
                raise Interrupted(CANCELLED)
            if self.ended:
                raise ChildDied("it ended during another request")
            if self._responses[request_id]:
                continue
            left_s = clock.left_s()
            if left_s <= 0:
                return None
            self._receive(min(POLL_S, left_s))

    def poll_start(self) -> dict[str, Any] | None:
        """The response to the start, if it is there already; ChildDied if the process ended."""
        if not self._responses[START]:
            self._receive(0.0)
        return self._responses[START][0] if self._responses[START] else None

    def finishes(self, request_id: int, clock: WorkClock) -> bool:
        """Read on to the last response to a cancelled request; False if it does not come in time.

        Raises:
            ChildDied: the process ended.

        """
        while not self.ended and clock.left_s() > 0:
            self._receive(max(0.0, clock.left_s()))
            while self._responses[request_id]:
                if not GOES_ON & self._responses[request_id].popleft().keys():
                    return True
        return False

    def forget(self, request_id: int) -> None:
        """Drop the responses to a request that is over."""
        self._responses.pop(request_id, None)

    def end(self) -> None:
        """Kill the process; may be called twice."""
        self.ended = True
        self.child.kill()

    def _receive(self, timeout_s: float) -> None:
        response = self.child.receive(timeout_s)
        if response is not None:
            self._responses[response.get("id", START)].append(response)
