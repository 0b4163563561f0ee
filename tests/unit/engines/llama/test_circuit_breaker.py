"""How often a language model that does not open is tried again."""

from __future__ import annotations

import logging

import pytest
from support.fake_clock import FakeClock

from appliance.engines.llama.circuit_breaker import (
    FAIL_FAST_AFTER,
    LONGEST_PAUSE_S,
    MISSING_PAUSE_S,
    ModelCircuitBreaker,
)


def attempts(breaker: ModelCircuitBreaker, clock: FakeClock, seconds: float) -> int:
    """Failing attempts in so many seconds, if it is checked each second."""
    count, end = 0, clock.now + seconds
    while clock.now < end:
        if not breaker.is_waiting():
            count += 1
            breaker.record_failure("it is cut off", permanent=True)
        clock.now += 1.0
    return count


def test_a_model_that_does_not_open_is_tried_less_and_less_often_but_for_ever() -> None:
    clock = FakeClock()
    breaker = ModelCircuitBreaker(clock)
    assert 4 <= attempts(breaker, clock, 60) <= 8
    attempts(breaker, clock, 1000)
    assert attempts(breaker, clock, 10 * LONGEST_PAUSE_S) == 10


def test_the_first_failure_is_tried_again_at_once_and_a_success_resets_the_count() -> None:
    clock = FakeClock()
    breaker = ModelCircuitBreaker(clock)
    breaker.record_failure("killed", permanent=False)
    assert not breaker.is_waiting()
    breaker.record_failure("killed", permanent=False)
    assert breaker.is_waiting()
    breaker.record_opened()
    breaker.record_success()
    breaker.record_failure("killed", permanent=False)
    assert not breaker.is_waiting()


def test_a_missing_engine_is_looked_for_often_reported_once_and_is_no_failure(
    caplog: pytest.LogCaptureFixture,
) -> None:
    clock = FakeClock()
    breaker = ModelCircuitBreaker(clock)
    looks = 0
    for _ in range(600):
        if not breaker.is_waiting():
            looks += 1
            breaker.record_missing("not installed yet")
        clock.now += 1.0
    assert looks == 600 / MISSING_PAUSE_S
    breaker.record_missing("not installed yet")
    assert breaker.reason_to_refuse() == "not installed yet"
    assert caplog.text.count("not installed yet") == 1
    breaker.record_failure("killed", permanent=False)
    assert not breaker.is_waiting()


def test_a_request_fails_fast_after_a_permanent_failure_and_not_after_one_death() -> None:
    clock = FakeClock()
    breaker = ModelCircuitBreaker(clock)
    for _ in range(FAIL_FAST_AFTER - 1):
        breaker.record_failure("killed", permanent=False)
        assert breaker.reason_to_refuse() is None
    breaker.record_failure("killed", permanent=False)
    assert breaker.reason_to_refuse() == "killed"
    breaker.record_opened()
    assert breaker.reason_to_refuse() is None
    breaker.record_failure("it is cut off", permanent=True)
    assert breaker.reason_to_refuse() == "it is cut off"
    clock.now += LONGEST_PAUSE_S
    assert breaker.reason_to_refuse() is None


def test_each_failure_is_logged_as_an_error_with_the_same_text(
    caplog: pytest.LogCaptureFixture,
) -> None:
    breaker = ModelCircuitBreaker(FakeClock())
    breaker.record_failure("it is cut off", permanent=True)
    breaker.record_failure("it is cut off", permanent=True)
    assert {(one.levelno, "it is cut off" in one.message) for one in caplog.records} == {
        (logging.ERROR, True)
    }
    assert len({one.message for one in caplog.records}) == 1
