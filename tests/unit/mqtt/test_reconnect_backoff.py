"""How long we wait before the broker is asked again."""

from __future__ import annotations

from appliance.mqtt.reconnect_backoff import (
    FIRST_DELAY,
    GOOD_CONNECTION_S,
    LONGEST_DELAY,
    SLOW_DELAY,
    ReconnectBackoff,
)


def test_the_delay_doubles_to_a_limit_and_never_takes_the_whole() -> None:
    patience = ReconnectBackoff()
    delays = [patience.delay(lasted=0.0, slow=False) for _ in range(40)]
    for number, delay in enumerate(delays):
        whole = min(LONGEST_DELAY, FIRST_DELAY * 2**number)
        assert whole / 2 <= delay <= whole


def test_chance_keeps_appliances_from_coming_back_together() -> None:
    assert len({ReconnectBackoff().delay(lasted=0.0, slow=False) for _ in range(20)}) > 1


def test_a_good_connection_ends_a_row_of_failures_and_a_short_one_does_not() -> None:
    patience = ReconnectBackoff()
    for _ in range(5):
        patience.delay(lasted=0.1, slow=False)
    assert patience.failures == 5
    patience.delay(lasted=GOOD_CONNECTION_S + 1, slow=False)
    assert patience.failures == 1


def test_what_only_a_person_can_mend_is_tried_slowly() -> None:
    assert ReconnectBackoff().delay(lasted=0.0, slow=True) >= SLOW_DELAY / 2


def test_the_same_words_are_news_only_once() -> None:
    patience = ReconnectBackoff()
    assert patience.is_news("refused")
    assert not patience.is_news("refused")
    assert patience.is_news("no route")
