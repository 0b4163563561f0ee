"""What of the time that passes is an order's own, and what was given to others."""

from __future__ import annotations

import pytest

from appliance.engines.llama.work_clock import GIVEN_AT_MOST, Pauses, WorkClock


class Time:
    def __init__(self) -> None:
        self.now = 1000.0

    def passes(self, seconds: float) -> None:
        self.now += seconds


@pytest.fixture
def time(monkeypatch: pytest.MonkeyPatch) -> Time:
    kept = Time()
    monkeypatch.setattr("appliance.engines.llama.work_clock.time.monotonic", lambda: kept.now)
    return kept


def nothing() -> None:
    return


def test_an_order_is_charged_for_the_time_that_passes(time: Time) -> None:
    clock = WorkClock(10.0, Pauses())
    time.passes(4.0)
    assert (clock.seconds(), clock.left()) == (4.0, 6.0)


def test_a_pause_is_not_charged_whoever_made_it(time: Time) -> None:
    pauses = Pauses()
    clock = WorkClock(10.0, pauses)
    pauses.begin("a glance", nothing)
    time.passes(8.0)
    assert clock.left() == 10.0  # also while it lasts
    pauses.begin("another", nothing)
    pauses.end("a glance", nothing)
    time.passes(3.0)
    pauses.end("another", nothing)
    time.passes(1.0)
    assert clock.left() == 9.0


def test_pauses_before_an_order_are_none_of_its_own(time: Time) -> None:
    pauses = Pauses()
    pauses.begin("a glance", nothing)
    time.passes(8.0)
    pauses.end_own(nothing)
    clock = WorkClock(10.0, pauses)
    time.passes(2.0)
    assert clock.left() == 8.0


def test_who_talks_without_end_does_not_keep_an_order_for_ever(time: Time) -> None:
    pauses = Pauses()
    clock = WorkClock(10.0, pauses)
    for number in range(100):
        pauses.begin(number, nothing)
        time.passes(1.0)
        pauses.end(number, nothing)
    assert clock.left() == 10.0 - (100.0 - GIVEN_AT_MOST)


def test_work_that_others_do_in_a_look_counts_once_paused_or_not(time: Time) -> None:
    pauses = Pauses()
    clock = WorkClock(10.0, pauses)

    def speech() -> bool:
        time.passes(2.0)
        pauses.begin("speech", nothing)
        time.passes(3.0)
        pauses.end("speech", nothing)
        return True

    assert clock.without(speech)
    time.passes(1.0)
    assert clock.left() == 9.0
