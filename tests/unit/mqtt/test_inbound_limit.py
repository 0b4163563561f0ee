"""What waits in memory is bounded."""

from __future__ import annotations

from appliance.mqtt.inbound_limit import MAXIMUM_ROWS, InboundLimit


def test_payloads_are_kept_up_to_the_bound_and_again_when_some_were_picked_up() -> None:
    backlog = InboundLimit(100)
    assert backlog.take(60)
    assert not backlog.take(60)
    assert backlog.take(40)
    backlog.give_back(60)
    assert backlog.take(60)


def test_beyond_a_number_nothing_is_kept_and_that_is_counted() -> None:
    backlog = InboundLimit(100)
    for _ in range(MAXIMUM_ROWS):
        assert not backlog.full()
        backlog.take(0)
    assert backlog.full()
    assert backlog.overrun == 1
    backlog.give_back(0)
    assert not backlog.full()
