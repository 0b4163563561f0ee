"""The lines that the language model's process writes, kept apart by the order they belong to."""

from __future__ import annotations

from collections import defaultdict, deque
from typing import TYPE_CHECKING, Any

from appliance.engines.child_process import ChildDied
from appliance.errors import Interrupted

if TYPE_CHECKING:
    from collections.abc import Callable

    from appliance.engines.child_process import Child
    from appliance.engines.llama.work_clock import WorkClock

STOPPED = "the appliance stopped, or the request was cancelled"

OPENING = 0
"""Stands for an order's number where the process tells how opening its model went."""

LOOK_EVERY = 0.005
"""Seconds between two looks whether to stop, and whether somebody speaks."""


class ResponseLines:
    """What one process writes; an order may be asked while another is written."""

    def __init__(self, child: Child, opening: WorkClock) -> None:
        self.child = child
        self.opening = opening
        """The time that it has to open its model."""
        self.ready = False
        """Whether it has opened its model."""
        self.over = False
        """Whether the process was given up."""
        self._kept: dict[int, deque[dict[str, Any]]] = defaultdict(deque)

    def next(
        self, number: int, clock: WorkClock, stopping: Callable[[], bool]
    ) -> dict[str, Any] | None:
        """The next line for an order; None when its time is over.

        ChildDied when the process ended, Interrupted once `stopping` says True.
        """
        while True:
            if number == OPENING and self._kept[OPENING]:
                return self._kept[OPENING][0]  # it stays: who looks to a stop may ask within it
            if self._kept[number]:
                return self._kept[number].popleft()
            if clock.without(stopping):
                raise Interrupted(STOPPED)
            if self.over:
                raise ChildDied("it ended at another text meanwhile")
            if self._kept[number]:
                continue
            left = clock.left()
            if left <= 0:
                return None
            self._receive(min(LOOK_EVERY, left))

    def glance(self) -> dict[str, Any] | None:
        """What came of opening the model, if it is there already; ChildDied as in `next`."""
        if not self._kept[OPENING]:
            self._receive(0.0)
        return self._kept[OPENING][0] if self._kept[OPENING] else None

    def ends_by_itself(self, number: int, clock: WorkClock) -> bool:
        """Read until the end of an order that was told to stop; False where it does not come."""
        while not self.over and clock.left() > 0:
            self._receive(max(0.0, clock.left()))
            while self._kept[number]:
                if "token" not in self._kept[number].popleft():
                    return True
        return False

    def forget(self, number: int) -> None:
        """Nobody asks for the lines of this order any more."""
        self._kept.pop(number, None)

    def give_up(self) -> None:
        """End the process."""
        self.over = True
        self.child.kill()

    def _receive(self, seconds: float) -> None:
        line = self.child.receive(seconds)
        if line is not None:
            self._kept[line.get("id", 0)].append(line)
