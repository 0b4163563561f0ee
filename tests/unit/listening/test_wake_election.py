"""Which of several appliances goes on when all of them heard the word."""

from __future__ import annotations

import itertools

import pytest
from support.pipeline_parts import commands_of

from appliance.dialogue.listener_control import Cancel, ListenerControl
from appliance.listening.wake_election import WINDOW_SECONDS, WakeElection
from appliance.values import Message, SoundLevel, Wake


class Earshot:
    """Appliances that hear one another's announcements, each after its delay in seconds."""

    def __init__(self, *names: str) -> None:
        self.now = 100.0
        self.sent: list[bytes] = []
        self.controls = {name: ListenerControl() for name in names}
        self.members = {name: self._member(name) for name in names}

    def _member(self, name: str) -> WakeElection:
        return WakeElection(
            name,
            "earshot",
            self,
            self.controls[name],
            lambda: self.now,
        )

    def publish(self, message: Message) -> None:
        assert (message.topic, message.fleeting) == ("earshot", True)
        self.sent.append(message.payload)

    @property
    def yielded(self) -> list[tuple[str, str]]:
        """Who gave up, and for which reason."""
        return [
            (name, command.reason)
            for name, control in self.controls.items()
            for command in commands_of(control)
            if isinstance(command, Cancel)
        ]

    def wake(self, name: str, over_noise: float, score: float = 0.9) -> None:
        level = SoundLevel(
            level_dbfs=-30.0,
            peak_dbfs=-60.0 + over_noise,
            noise_floor_dbfs=-60.0,
            clipped_share=0.0,
        )
        self.members[name].on_own_wake(Wake("okay_nabu", score, 0.65), level)

    def deliver(self) -> None:
        for payload in self.sent:
            for member in self.members.values():
                member.on_announced(payload)
        self.sent.clear()


@pytest.mark.parametrize("order", list(itertools.permutations(["kitchen", "hall", "attic"])))
def test_the_nearest_goes_on_whoever_was_first(order: tuple[str, ...]) -> None:
    loudness = {"kitchen": 40.0, "hall": 25.0, "attic": 30.0}
    earshot = Earshot(*loudness)
    for name in order:
        earshot.wake(name, loudness[name])
        earshot.now += 0.1
        earshot.deliver()

    assert {name for name, _ in earshot.yielded} == {"hall", "attic"}


def test_announcements_that_cross_each_other_leave_exactly_one() -> None:
    earshot = Earshot("kitchen", "hall")
    earshot.wake("kitchen", 30.0)
    earshot.wake("hall", 30.0)
    earshot.deliver()

    assert earshot.yielded == [("hall", "yielded to kitchen, which heard better")]


def test_one_that_is_alone_goes_on() -> None:
    earshot = Earshot("kitchen")
    earshot.wake("kitchen", 10.0)
    earshot.deliver()

    assert earshot.yielded == []


def test_calls_at_different_times_do_not_meet() -> None:
    earshot = Earshot("kitchen", "hall")
    earshot.wake("kitchen", 40.0)
    earshot.deliver()
    earshot.now += WINDOW_SECONDS + 0.1
    earshot.wake("hall", 20.0)
    earshot.deliver()

    assert earshot.yielded == []


@pytest.mark.parametrize(
    "payload",
    [
        *(b"", b"hello", b"{}", b'{"device": 3}', b"\xff\xfe", b'{"device":"\xff"}'),
        b'{"x":' + b"[" * 5000 + b"]" * 5000 + b"}",
    ],
)
def test_a_payload_that_is_not_an_announcement_is_ignored(payload: bytes) -> None:
    earshot = Earshot("kitchen")
    earshot.wake("kitchen", 10.0)
    earshot.members["kitchen"].on_announced(payload)

    assert earshot.yielded == []
