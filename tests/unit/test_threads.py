"""A Loop can be asked to stop, and keeps the error that killed it."""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest

from appliance.errors import ThreadStuck
from appliance.threads import Deadline, Loop


def test_a_loop_turns_until_it_is_stopped_and_ends_in_order() -> None:
    done: list[str] = []
    turned = threading.Event()

    def turn() -> None:
        done.append("turn")
        turned.set()
        loop.stopping.wait(0.05)

    loop = Loop("worker", turn, starting=mark(done, "start"), ending=mark(done, "end"))
    with loop:
        assert turned.wait(5)
    assert (done[0], done[1], done[-1]) == ("start", "turn", "end")
    assert loop.error is None


def test_a_crash_is_kept_and_the_ending_still_happens() -> None:
    done: list[str] = []

    def turn() -> None:
        raise RuntimeError("broken")

    loop = Loop("worker", turn, ending=mark(done, "end"))
    loop.start()
    loop.join(5)
    assert isinstance(loop.error, RuntimeError)
    assert done == ["end"]


def test_a_loop_that_does_not_stop_in_time_is_said_to_be_stuck() -> None:
    release = threading.Event()
    loop = Loop("listener", wait_for(release))
    loop.start()
    with pytest.raises(ThreadStuck, match="listener"):
        loop.stop(Deadline(0.05))
    release.set()
    loop.join(5)
    assert not loop.is_alive()


def test_a_loop_that_was_never_started_can_be_stopped() -> None:
    Loop("worker", lambda: None).stop(Deadline(0.0))


def wait_for(event: threading.Event) -> Callable[[], None]:
    def turn() -> None:
        event.wait(10)

    return turn


def mark(done: list[str], word: str) -> Callable[[], None]:
    return lambda: done.append(word)
