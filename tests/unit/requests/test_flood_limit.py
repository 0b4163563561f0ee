"""In a flood of new names, who is known and how many others are answered."""

from __future__ import annotations

from support.fake_clock import FakeClock

from appliance.mqtt.connection_event_types import Delivery
from appliance.requests import flood_limit
from appliance.requests.flood_limit import FloodLimit


def delivery(name: str) -> Delivery:
    return Delivery(
        1, "appliance/kitchen/request/parse", b"x", user_properties=(("requester", name),)
    )


def test_a_requester_is_known_after_it_came_back_and_not_after_many_at_once() -> None:
    clock = FakeClock()
    limit = FloodLimit(clock)
    for _ in range(50):
        limit.note_accepted("many at once")
    limit.note_accepted("came back")
    clock.now += flood_limit.KNOWN_AFTER_S
    limit.note_accepted("came back")
    assert limit.is_known("came back")
    assert not limit.is_known("many at once")


def test_a_thousand_invented_names_do_not_make_a_known_requester_unknown() -> None:
    clock = FakeClock()
    limit = FloodLimit(clock)
    limit.note_accepted("honest")
    clock.now += flood_limit.KNOWN_AFTER_S
    limit.note_accepted("honest")
    for number in range(20_000):
        clock.now += 0.01
        limit.note_accepted(f"invented {number}")
    assert limit.is_known("honest")
    assert not limit.is_known("invented 19999")


def test_unknown_requesters_are_answered_up_to_a_burst_and_then_so_many_in_a_second() -> None:
    clock = FakeClock()
    limit = FloodLimit(clock)
    answered = [limit.may_read(delivery(f"invented {number}")) for number in range(2000)]
    assert answered == [True] * flood_limit.BUSY_BURST + [False] * (2000 - flood_limit.BUSY_BURST)
    clock.now += 1.0
    again = sum(limit.may_read(delivery(f"later {number}")) for number in range(2000))
    assert again == flood_limit.BUSY_PER_S


def test_a_known_requester_is_always_read_and_uses_up_nobody_elses_answers() -> None:
    clock = FakeClock()
    limit = FloodLimit(clock)
    limit.note_accepted("honest")
    clock.now += flood_limit.KNOWN_AFTER_S
    limit.note_accepted("honest")
    assert all(limit.may_read(delivery("honest")) for _ in range(2000))
    assert limit.may_read(delivery("invented"))


def test_the_name_is_the_user_property_else_the_response_topic() -> None:
    named = Delivery(
        1, "t", b"x", response_topic="appliance-clients/a", user_properties=(("requester", "b"),)
    )
    unnamed = Delivery(1, "t", b"x", response_topic="appliance-clients/a")
    assert [flood_limit.named_requester(one) for one in (named, unnamed)] == [
        *("b", "appliance-clients/a"),
    ]
