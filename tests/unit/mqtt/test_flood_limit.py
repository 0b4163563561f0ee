"""In a flood of new names, who is known and how many others are answered."""

from __future__ import annotations

from support.fake_clock import FakeClock

from appliance.messages.topics import Topics
from appliance.mqtt import flood_limit
from appliance.mqtt.connection_event_types import Delivery
from appliance.mqtt.flood_limit import FloodLimit


class InboxWithRoom:
    """A journal whose inbox has so much room for new requesters."""

    def __init__(self, free: int) -> None:
        self.free = free

    def free_for_new(self) -> int:
        return self.free


def limit_of(clock: FakeClock, free: int = 0) -> FloodLimit:
    return FloodLimit(Topics("appliance/kitchen"), InboxWithRoom(free), clock)  # type: ignore[arg-type]


def delivery(name: str, topic: str = "appliance/kitchen/request/parse") -> Delivery:
    return Delivery(1, topic, None, user_properties=(("requester", name),))


def test_a_requester_is_known_after_it_came_back_and_not_after_many_at_once() -> None:
    clock = FakeClock()
    limit = limit_of(clock)
    for _ in range(50):
        limit.note_accepted("many at once")
    limit.note_accepted("came back")
    clock.now += flood_limit.KNOWN_AFTER_S
    limit.note_accepted("came back")
    assert limit.is_known("came back")
    assert not limit.is_known("many at once")


def test_a_thousand_invented_names_do_not_make_a_known_requester_unknown() -> None:
    clock = FakeClock()
    limit = limit_of(clock)
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
    limit = limit_of(clock)
    discarded = [limit.must_discard(delivery(f"invented {number}")) for number in range(2000)]
    over = 2000 - flood_limit.BUSY_BURST
    assert discarded == [False] * flood_limit.BUSY_BURST + [True] * over
    assert limit.discarded == over
    clock.now += 1.0
    again = sum(limit.must_discard(delivery(f"later {number}")) for number in range(2000))
    assert again == 2000 - flood_limit.BUSY_PER_S


def test_a_known_requester_is_always_read_and_uses_up_nobody_elses_answers() -> None:
    clock = FakeClock()
    limit = limit_of(clock)
    limit.note_accepted("honest")
    clock.now += flood_limit.KNOWN_AFTER_S
    limit.note_accepted("honest")
    assert not any(limit.must_discard(delivery("honest")) for _ in range(2000))
    assert not limit.must_discard(delivery("invented"))


def test_nothing_is_discarded_while_there_is_room_and_nothing_that_is_no_request() -> None:
    roomy, full = limit_of(FakeClock(), free=1), limit_of(FakeClock())
    for number in range(2000):
        assert not roomy.must_discard(delivery(f"invented {number}"))
        roomy.note_judged(1)
        assert not full.must_discard(delivery("x", topic="home/lamp/state"))


def test_one_free_place_lets_one_through_until_the_inbox_has_judged_it() -> None:
    limit = limit_of(FakeClock(), free=1)
    used_up = [limit.must_discard(delivery(f"x{n}")) for n in range(flood_limit.BUSY_BURST + 2)]
    assert used_up == [False] * (flood_limit.BUSY_BURST + 1) + [True]
    limit.note_judged(flood_limit.BUSY_BURST + 1)
    assert [limit.must_discard(delivery(f"y{n}")) for n in range(2)] == [False, True]


def test_the_name_is_the_user_property_else_the_response_topic() -> None:
    named = Delivery(
        1, "t", b"x", response_topic="appliance-clients/a", user_properties=(("requester", "b"),)
    )
    unnamed = Delivery(1, "t", b"x", response_topic="appliance-clients/a")
    assert [flood_limit.named_requester(one) for one in (named, unnamed)] == [
        *("b", "appliance-clients/a"),
    ]
