"""What waits in memory is bounded."""

from __future__ import annotations

from appliance.mqtt.inbound_backlog import MAXIMUM_ROWS, InboundBacklog


def test_payloads_are_kept_up_to_the_limit_and_again_after_some_were_dequeued() -> None:
    limit = InboundBacklog(100)
    assert limit.reserve_row()
    assert limit.reserve_bytes(60)
    assert not limit.reserve_bytes(60)
    assert limit.reserve_bytes(40)
    limit.release(60)
    assert limit.reserve_bytes(60)


def test_beyond_a_number_of_messages_each_is_discarded_and_counted() -> None:
    limit = InboundBacklog(100)
    for _ in range(MAXIMUM_ROWS):
        assert limit.reserve_row()
    assert not limit.reserve_row()
    assert limit.overrun == 1
    limit.release(0)
    assert limit.reserve_row()
