"""When to connect again, and when to publish again on a refused topic."""

from __future__ import annotations

from appliance.mqtt.retry_policy import (
    GOOD_CONNECTION_S,
    RECONNECT,
    RECONNECT_SLOWLY,
    REFUSED_TOPIC,
    ReconnectPolicy,
    TopicRetryPolicy,
)


def test_the_delay_before_reconnecting_doubles_up_to_a_limit() -> None:
    policy = ReconnectPolicy()
    delays = [policy.record_failure(lasted_s=0.0, slow=False) for _ in range(40)]
    for number, delay_s in enumerate(delays):
        whole_s = min(RECONNECT.longest_s, RECONNECT.first_s * 2**number)
        assert whole_s / 2 <= delay_s <= whole_s


def test_jitter_keeps_appliances_from_reconnecting_at_the_same_instant() -> None:
    delays = {ReconnectPolicy().record_failure(lasted_s=0.0, slow=False) for _ in range(20)}
    assert len(delays) > 1


def test_a_good_connection_ends_a_row_of_failures_and_a_short_one_does_not() -> None:
    policy = ReconnectPolicy()
    for _ in range(5):
        policy.record_failure(lasted_s=0.1, slow=False)
    assert policy.failures == 5
    policy.record_failure(lasted_s=GOOD_CONNECTION_S + 1, slow=False)
    assert policy.failures == 1


def test_a_refusal_that_only_a_person_can_resolve_is_retried_slowly() -> None:
    delay_s = ReconnectPolicy().record_failure(lasted_s=0.0, slow=True)
    assert delay_s >= RECONNECT_SLOWLY.first_s / 2


def test_a_reason_is_new_only_once_in_a_row() -> None:
    policy = ReconnectPolicy()
    assert policy.is_new_reason("refused")
    assert not policy.is_new_reason("refused")
    assert policy.is_new_reason("no route")


def test_a_refused_topic_waits_twice_as_long_after_each_refusal() -> None:
    now = 0.0
    policy = TopicRetryPolicy(lambda: now)
    assert policy.record_failure("t")
    assert not policy.record_failure("t")  # it was in flight together with the first
    now = REFUSED_TOPIC.first_s
    assert policy.waiting() == set()
    assert not policy.record_failure("t")
    now += REFUSED_TOPIC.first_s
    assert policy.waiting() == {"t"}
    now += REFUSED_TOPIC.first_s
    assert policy.waiting() == set()


def test_a_topic_waits_no_longer_once_the_broker_takes_a_message_on_it() -> None:
    policy = TopicRetryPolicy(lambda: 0.0)
    policy.record_failure("t")
    policy.record_success("t")
    assert policy.waiting() == set()


def test_no_topic_waits_on_a_new_connection() -> None:
    policy = TopicRetryPolicy(lambda: 0.0)
    policy.record_failure("t")
    policy.reset()
    assert policy.waiting() == set()
