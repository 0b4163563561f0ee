"""Which time counts against the limit of a request."""

from __future__ import annotations

import contextlib

import pytest
from support.fake_clock import FakeClock

from appliance.engines.llama.suspension import MAXIMUM_FREE_S, Suspender, WorkClock


@pytest.fixture
def time(monkeypatch: pytest.MonkeyPatch) -> FakeClock:
    fake = FakeClock()
    monkeypatch.setattr("appliance.engines.llama.suspension.time", fake)
    return fake


def test_a_request_uses_up_the_time_that_passes(time: FakeClock) -> None:
    clock = WorkClock(10.0, Suspender())
    time.sleep(4.0)
    assert (clock.seconds(), clock.left_s()) == (4.0, 6.0)


def test_suspension_does_not_count_whoever_holds_it(time: FakeClock) -> None:
    suspender = Suspender()
    clock = WorkClock(10.0, suspender)
    first, second = contextlib.ExitStack(), contextlib.ExitStack()
    first.enter_context(suspender.hold())
    time.sleep(8.0)
    assert clock.left_s() == 10.0  # also while it lasts
    second.enter_context(suspender.hold())
    first.close()
    time.sleep(3.0)
    second.close()
    time.sleep(1.0)
    assert clock.left_s() == 9.0


def test_suspension_before_a_request_is_not_subtracted_from_its_time(time: FakeClock) -> None:
    suspender = Suspender()
    with suspender.hold():
        time.sleep(8.0)
        suspender.release_thread()
        clock = WorkClock(10.0, suspender)
        time.sleep(2.0)
        assert clock.left_s() == 8.0


def test_endless_speech_does_not_hold_a_request_for_ever(time: FakeClock) -> None:
    suspender = Suspender()
    clock = WorkClock(10.0, suspender)
    for _ in range(100):
        with suspender.hold():
            time.sleep(1.0)
    assert clock.left_s() == 10.0 - (100.0 - MAXIMUM_FREE_S)


def test_the_time_of_a_check_is_excluded_once_suspended_or_not(time: FakeClock) -> None:
    suspender = Suspender()
    clock = WorkClock(10.0, suspender)

    def check() -> bool:
        time.sleep(2.0)
        with suspender.hold():
            time.sleep(3.0)
        return True

    assert clock.excluding(check)
    time.sleep(1.0)
    assert clock.left_s() == 9.0
