"""How often a language model is tried that cannot be opened."""

from __future__ import annotations

import logging

import pytest

from appliance.engines.llama.circuit_breaker import LONGEST_PAUSE, MANY, RetryPolicy


class Time:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


def tries(failures: RetryPolicy, time: Time, seconds: float) -> int:
    """How often it is opened in so many seconds, by who looks each second, in vain."""
    count, end = 0, time.now + seconds
    while time.now < end:
        if not failures.too_early():
            count += 1
            failures.note("it is cut off", refused=True)
        time.now += 1.0
    return count


def test_what_cannot_be_opened_is_tried_more_and_more_seldom_but_for_ever() -> None:
    time = Time()
    failures = RetryPolicy(time)
    assert 4 <= tries(failures, time, 60) <= 8
    tries(failures, time, 1000)
    assert tries(failures, time, 10 * LONGEST_PAUSE) == 10


def test_one_failure_is_tried_again_at_once_and_work_makes_up_for_the_ones_before() -> None:
    time = Time()
    failures = RetryPolicy(time)
    failures.note("killed", refused=False)
    assert not failures.too_early()
    failures.note("killed", refused=False)
    assert failures.too_early()
    failures.opened()
    failures.worked()
    failures.note("killed", refused=False)
    assert not failures.too_early()


def test_a_request_is_refused_for_what_will_be_the_same_and_tried_for_a_chance_death() -> None:
    time = Time()
    failures = RetryPolicy(time)
    for _ in range(MANY - 1):
        failures.note("killed", refused=False)
        assert failures.refuses() is None
    failures.note("killed", refused=False)
    assert failures.refuses() == "killed"
    failures.opened()
    assert failures.refuses() is None
    failures.note("it is cut off", refused=True)
    assert failures.refuses() == "it is cut off"
    time.now += LONGEST_PAUSE
    assert failures.refuses() is None


def test_each_failure_is_an_error_in_the_same_words(caplog: pytest.LogCaptureFixture) -> None:
    failures = RetryPolicy(Time())
    failures.note("it is cut off", refused=True)
    failures.note("it is cut off", refused=True)
    assert {(one.levelno, "it is cut off" in one.message) for one in caplog.records} == {
        (logging.ERROR, True)
    }
    assert len({one.message for one in caplog.records}) == 1
