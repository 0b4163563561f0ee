"""This appliance and its satellites: where several hear one call, the best goes on."""

from __future__ import annotations

from appliance.listening.earshot import Earshot
from appliance.values import Message, SoundLevel, Wake


class RecordedAnnouncements:
    def __init__(self) -> None:
        self.sent: list[Message] = []

    def publish(self, message: Message) -> None:
        self.sent.append(message)


class RecordedCancels:
    def __init__(self) -> None:
        self.cancelled: list[str] = []

    def cancel(self, reason: str) -> None:
        self.cancelled.append(reason)


def level(over_noise: float) -> SoundLevel:
    return SoundLevel(level_dbfs=0.0, peak_dbfs=over_noise, noise_floor_dbfs=0.0, clipped_share=0.0)


WAKE = Wake("okay_nabu", 0.7, 0.5)


def test_the_one_that_heard_worse_stops_without_a_broker() -> None:
    publisher = RecordedAnnouncements()
    earshot = Earshot(None, publisher)  # type: ignore[arg-type]
    near, far = RecordedCancels(), RecordedCancels()
    first, second = earshot.join("kitchen/near", near), earshot.join("kitchen/far", far)
    second.on_own_wake(Wake("okay_nabu", 0.99, 0.5), level(10.0))
    first.on_own_wake(WAKE, level(30.0))
    assert (near.cancelled, len(far.cancelled)) == ([], 1)
    assert publisher.sent == []


def test_wakes_are_announced_to_other_appliances_and_theirs_count_here() -> None:
    publisher = RecordedAnnouncements()
    earshot = Earshot("earshot", publisher)  # type: ignore[arg-type]
    here = RecordedCancels()
    earshot.join("kitchen/bed", here).on_own_wake(WAKE, level(10.0))
    assert [message.topic for message in publisher.sent] == ["earshot"]
    earshot.on_announced(
        b'{"device": "hall", "word": "okay_nabu", "score": 0.7, "level_over_noise_db": 40.0}'
    )
    assert len(here.cancelled) == 1


def test_one_that_has_left_does_not_count() -> None:
    earshot = Earshot(None, RecordedAnnouncements())  # type: ignore[arg-type]
    left = RecordedCancels()
    gone = earshot.join("a", left)
    other = earshot.join("b", RecordedCancels())
    earshot.leave(gone)
    gone.on_own_wake(WAKE, level(1.0))
    other.on_own_wake(WAKE, level(50.0))
    assert left.cancelled == []
