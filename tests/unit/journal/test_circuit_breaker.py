"""After the disk refused a write, it is left alone for some seconds."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from support.fake_clock import FakeClock

from appliance.errors import JournalError
from appliance.journal.circuit_breaker import RETRY_S, DiskCircuitBreaker

if TYPE_CHECKING:
    import pytest


def test_a_disk_that_refused_is_tried_again_only_after_some_seconds() -> None:
    now = 100.0
    breaker = DiskCircuitBreaker(lambda: now)
    assert not breaker.is_waiting()
    breaker.record_failure(JournalError("full"))
    assert breaker.is_waiting()
    now += RETRY_S
    assert not breaker.is_waiting()
    assert breaker.error == "full"  # until a write succeeded
    breaker.record_success()
    assert breaker.error is None


def test_of_several_refusals_in_a_row_one_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    breaker = DiskCircuitBreaker(lambda: 0.0)
    for _ in range(3):
        breaker.record_failure(JournalError("full"))
    assert caplog.text.count("full") == 1


def test_a_disk_that_refuses_now_and_then_gives_one_line_a_minute(
    caplog: pytest.LogCaptureFixture,
) -> None:
    clock = FakeClock()
    breaker = DiskCircuitBreaker(clock)
    with caplog.at_level(logging.INFO):
        for _ in range(33 * 59):
            breaker.record_failure(JournalError("the disk is full"))
            breaker.record_failure(JournalError("the disk is full"))
            breaker.record_success()
            clock.now += 1 / 33
    assert caplog.messages == ["the disk is full", "the journal can be written again"]
    assert breaker.error is None
