"""Which message makes the broker close the connection."""

from __future__ import annotations

from appliance.mqtt.outbox_quarantine import HOLD, Quarantine


def test_after_a_loss_each_message_goes_alone_until_the_broker_took_it() -> None:
    quarantine = Quarantine(lambda: 0.0)
    quarantine.record_failure({1, 2})
    assert quarantine.must_go_alone(1)
    assert quarantine.must_go_alone(2)
    assert not quarantine.must_go_alone(3)
    quarantine.record_success(1)
    assert not quarantine.must_go_alone(1)
    assert quarantine.waiting() == set()


def test_a_message_that_breaks_two_connections_alone_is_held_back_longer_each_time() -> None:
    now = 0.0
    quarantine = Quarantine(lambda: now)
    quarantine.record_failure({1, 2})
    quarantine.record_failure({1})
    assert quarantine.waiting() == set()
    quarantine.record_failure({1})
    assert quarantine.waiting() == {1}
    now = HOLD.first_s
    assert quarantine.waiting() == set()
    for _ in range(50):
        quarantine.record_failure({1})
    now += HOLD.longest_s - 1.0
    assert quarantine.waiting() == {1}
    now += 1.0
    assert quarantine.waiting() == set()


def test_a_loss_with_nothing_in_flight_puts_no_message_into_quarantine() -> None:
    quarantine = Quarantine(lambda: 0.0)
    quarantine.record_failure(set())
    assert not quarantine.must_go_alone(1)
