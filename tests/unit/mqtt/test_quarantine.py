"""Which message is why the broker hangs up."""

from __future__ import annotations

from appliance.mqtt.quarantine import FIRST_HOLD_S, LONGEST_HOLD_S, Quarantine


def test_after_a_loss_each_message_travels_alone_until_the_broker_took_it() -> None:
    suspects = Quarantine()
    suspects.broke({1, 2}, now=0.0)
    assert suspects.alone(1)
    assert suspects.alone(2)
    assert not suspects.alone(3)
    suspects.cleared(1)
    assert not suspects.alone(1)
    assert suspects.held(0.0) == set()


def test_a_message_lost_alone_twice_is_held_back_longer_each_time() -> None:
    suspects = Quarantine()
    suspects.broke({1, 2}, now=0.0)
    suspects.broke({1}, now=1.0)
    assert suspects.held(1.0) == set()
    suspects.broke({1}, now=2.0)
    assert suspects.held(2.0) == {1}
    assert suspects.held(2.0 + FIRST_HOLD_S) == set()
    for _ in range(50):
        suspects.broke({1}, now=100.0)
    assert suspects.held(99.0 + LONGEST_HOLD_S) == {1}
    assert suspects.held(100.0 + LONGEST_HOLD_S) == set()


def test_a_loss_with_nothing_under_way_accuses_nobody() -> None:
    suspects = Quarantine()
    suspects.broke(set(), now=0.0)
    assert not suspects.alone(1)
