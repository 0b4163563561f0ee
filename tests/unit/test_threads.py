"""A Loop can be asked to stop, and keeps the error that ended it."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING

import pytest

from appliance.errors import ThreadStuck
from appliance.threads import Deadline, Loop, LoopBody

if TYPE_CHECKING:
    from collections.abc import Callable


class RecordedBody(LoopBody):
    """Records the order of a loop's calls."""

    def __init__(self, turn: Callable[[], object] = lambda: None) -> None:
        self.done: list[str] = []
        self.turned = threading.Event()
        self._turn = turn

    def start(self) -> None:
        self.done.append("start")

    def turn(self) -> None:
        self.done.append("turn")
        self.turned.set()
        self._turn()

    def stop(self) -> None:
        self.done.append("stop")


def test_a_loop_calls_turn_until_it_is_stopped() -> None:
    body = RecordedBody(lambda: threading.Event().wait(0.02))
    loop = Loop("worker", body)
    with loop:
        assert body.turned.wait(5)
    assert (body.done[0], body.done[1], body.done[-1]) == ("start", "turn", "stop")
    assert loop.error is None


def test_a_crash_is_kept_and_the_body_is_still_stopped() -> None:
    def crash() -> None:
        raise RuntimeError("broken")

    body = RecordedBody(crash)
    loop = Loop("worker", body)
    loop.start()
    loop.join(5)
    assert isinstance(loop.error, RuntimeError)
    assert body.done == ["start", "turn", "stop"]


def test_a_loop_that_does_not_stop_in_time_is_reported_as_stuck() -> None:
    release = threading.Event()
    loop = Loop("listener", RecordedBody(lambda: release.wait(10)))
    loop.start()
    with pytest.raises(ThreadStuck, match="listener"):
        loop.stop(Deadline(0.05))
    release.set()
    loop.join(5)
    assert not loop.is_alive()


def test_a_turn_that_takes_longer_than_its_limit_is_noticed() -> None:
    release = threading.Event()
    body = RecordedBody(lambda: release.wait(10))
    loop = Loop("listener", body, turn_limit_s=0.0)
    loop.start()
    assert body.turned.wait(5)
    assert loop.ready.wait(5)
    while not loop.is_stuck():
        assert loop.is_alive()
    release.set()
    loop.stop(Deadline(5))
    assert not loop.is_stuck()


def test_a_turn_that_could_not_go_on_while_the_process_stood_still_is_not_stuck() -> None:
    release = threading.Event()
    body = RecordedBody(lambda: release.wait(10))
    loop = Loop("listener", body, turn_limit_s=0.0)
    loop.start()
    assert body.turned.wait(5)
    while not loop.is_stuck():
        assert loop.is_alive()
    assert not loop.is_stuck(since=time.monotonic() + 60.0)
    release.set()
    loop.stop(Deadline(5))


def test_a_loop_that_was_never_started_can_be_stopped() -> None:
    Loop("worker", RecordedBody()).stop(Deadline(0.0))
