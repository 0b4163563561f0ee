"""Timers with a real journal on disk: orders, ringing, crashes, a disk that refuses."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path
from typing import Any

import pytest
from support.board_clock import BoardClock
from support.mqtt_stack import result_for

from appliance import config
from appliance.audio.earcons import Earcon
from appliance.devices.confirmation_rules import ConfirmationRules
from appliance.errors import CommandRefused, JournalError, RequestError
from appliance.ids import Ids
from appliance.jobs.job_queue import JobQueue
from appliance.journal.circuit_breaker import DiskCircuitBreaker
from appliance.journal.journal import Journal
from appliance.messages.request_payloads import TimerRequest
from appliance.messages.timer_payloads import TimerPhase
from appliance.messages.topics import Topics
from appliance.sentences import sentence_set
from appliance.sentences.active_sentences import ActiveSentences
from appliance.timers import timer_service
from appliance.timers.timer_service import TimerService
from appliance.values import Intent, Message, Operation, Outcome, Source


class RecordedPublisher:
    """Keeps what is published without the journal."""

    def __init__(self, board: BoardClock) -> None:
        self.retained: list[Message] = []
        self.transient: list[Message] = []
        self.disk_breaker = DiskCircuitBreaker(lambda: board.seconds)

    def publish_retained(self, message: Message, *, repeat: bool = False) -> None:
        self.retained.append(message)

    def publish(self, message: Message) -> None:
        self.transient.append(message)

    def notify(self) -> None:
        pass


class RecordedSpeech:
    """Keeps what would be heard."""

    def __init__(self) -> None:
        self.interruptions = 0
        self.heard: list[Any] = []

    def play(self, earcon: Earcon, *, always: bool = False) -> None:
        assert always
        self.heard.append(earcon)

    def say(self, text: str) -> None:
        self.heard.append(text)


class Rig:
    """The service with a journal in a folder; `restart` as after a crash, `reboot` as after a
    power cut."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.folder = folder
        self.board = BoardClock()
        monkeypatch.setattr(timer_service, "Clocks", lambda latest, **_: self.board.clocks(latest))
        self.ids = Ids()
        self.sentences = ActiveSentences(sentence_set.load(None, "en"))
        self.journal: Journal | None = None
        self.restart()

    def restart(self) -> None:
        if self.journal is not None:
            self.journal.close()
        self.journal = Journal(self.folder, config.JournalSettings(), config.RequestSettings())
        self.queue = JobQueue(10)
        self.publisher, self.speech = RecordedPublisher(self.board), RecordedSpeech()
        self.service = TimerService(
            config.Config(),
            self.journal,
            self.publisher,  # type: ignore[arg-type]
            topics=Topics("a"),
            ids=self.ids,
            speech=self.speech,  # type: ignore[arg-type]
            sentences=self.sentences,
            rules=ConfirmationRules(self.sentences),
            queue=self.queue,
            is_synced=lambda: self.board.synced,
        )
        self.service.start()
        self.service._wake.set()

    def reboot(self, off_s: float) -> None:
        before = self.board
        self.board = BoardClock(before.calendar + off_s, before.boot + "+")
        self.restart()

    def order(
        self,
        name: str,
        id_: str | None = None,
        /,
        *,
        by: str = "grammar",
        source: Source = Source.MQTT,
        **slots: Any,
    ) -> str | None:
        id_ = id_ or self.ids.new()
        result = result_for("", id_, Outcome.INTENT)
        result = type(result)(
            **{field: getattr(result, field) for field in result.__struct_fields__}
            | {"intent": Intent(name, slots, by=by), "language": "en", "source": source}
        )
        action = self.service.handle_intent(result)
        return None if action is None else action.answer

    def pass_time(self, seconds: float) -> None:
        self.board.go(seconds)
        self.service._wake.set()
        self.service.turn()

    def events(self) -> list[str]:
        assert self.journal is not None
        return [row.message.topic.removeprefix("a/timer/") for row in self.journal.pending(999)]

    def shown(self) -> list[dict[str, Any]]:
        listed = json.loads(self.publisher.retained[-1].payload)["timers"]
        return [dict(one) for one in listed]


@pytest.fixture
def rig(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Rig:
    return Rig(tmp_path, monkeypatch)


def test_an_order_is_answered_announced_listed_and_rung(rig: Rig) -> None:
    assert rig.order("HassStartTimer", minutes=1, name="pasta") == (
        "Timer set for 1 minute named pasta"
    )
    (shown,) = rig.shown()
    assert (shown["name"], shown["phase"], shown["left_s"]) == ("pasta", "running", 60.0)
    rig.pass_time(59.0)
    assert rig.speech.heard == []
    rig.pass_time(1.1)
    assert rig.speech.heard == [Earcon.RING, "Your pasta timer is up."]
    assert rig.events() == ["started", "finished"]
    assert rig.shown()[0]["phase"] == "ringing"


def test_a_timer_is_paused_resumed_and_cancelled_by_its_id_and_each_is_announced(rig: Rig) -> None:
    rig.order("HassStartTimer", minutes=1)
    (timer,) = rig.service.now().timers
    for change in ("pause", "resume", "cancel"):
        rig.service.change(TimerRequest(id=timer.id, change=change))
        assert [one.phase for one in rig.service.now().timers] == {
            "pause": [TimerPhase.PAUSED],
            "resume": [TimerPhase.RUNNING],
            "cancel": [],
        }[change]
        rig.pass_time(10.0)
    assert rig.events() == ["started", "updated", "updated", "cancelled"]
    rig.restart()
    assert rig.service.now().timers == []


def test_a_timer_that_is_not_there_and_an_alarm_to_be_paused_are_refused(rig: Rig) -> None:
    rig.order("AlarmSet", hour=7)
    (alarm,) = rig.service.now().timers
    with pytest.raises(RequestError, match="no timer has this id"):
        rig.service.change(TimerRequest(id="nobody", change="cancel"))
    with pytest.raises(RequestError, match="not this alarm"):
        rig.service.change(TimerRequest(id=alarm.id, change="pause"))
    assert [one.phase for one in rig.service.now().timers] == [TimerPhase.RUNNING]


def test_an_intent_that_is_not_about_timers_is_left_to_others(rig: Rig) -> None:
    assert rig.order("HassTurnOn", area="kitchen") is None
    assert rig.events() == []


def test_a_request_that_comes_again_after_a_crash_is_not_done_twice(rig: Rig) -> None:
    rig.order("HassStartTimer", "one", minutes=10)
    rig.order("HassIncreaseTimer", "two", minutes=5)
    rig.restart()
    assert rig.order("HassIncreaseTimer", "two", minutes=5) == "5 minutes added to timer"
    assert rig.order("HassStartTimer", "one", minutes=10) == "Timer set for 10 minutes"
    (shown,) = rig.shown()
    assert shown["left_s"] == 900.0
    assert rig.events() == ["started", "updated"]


def test_it_rings_on_after_a_crash_and_is_announced_once(rig: Rig) -> None:
    rig.order("HassStartTimer", seconds=2)
    rig.restart()
    rig.pass_time(2.5)
    rig.restart()
    rig.pass_time(1.0)
    assert rig.speech.heard == [Earcon.RING, "Your timer is up."]
    assert rig.events() == ["started", "finished"]


def test_it_stops_ringing_if_somebody_interrupts_the_sound(rig: Rig) -> None:
    rig.order("HassStartTimer", seconds=1)
    rig.pass_time(1.5)
    rig.speech.interruptions += 1
    rig.pass_time(0.2)
    assert rig.events() == ["started", "finished", "silenced"]
    assert rig.shown() == []
    heard = len(rig.speech.heard)
    rig.pass_time(10.0)
    assert len(rig.speech.heard) == heard


def test_an_interruption_before_it_rang_does_not_stop_it(rig: Rig) -> None:
    rig.order("HassStartTimer", seconds=1)
    rig.speech.interruptions += 1
    rig.pass_time(0.2)
    rig.pass_time(1.0)
    assert rig.events() == ["started", "finished"]


def test_it_stops_ringing_after_two_minutes(rig: Rig) -> None:
    rig.order("HassStartTimer", seconds=1)
    rig.pass_time(1.0)
    rig.pass_time(119.0)
    assert rig.events() == ["started", "finished"]
    rig.pass_time(2.0)
    assert rig.events() == ["started", "finished", "silenced"]


def test_cancel_ends_the_ringing(rig: Rig) -> None:
    rig.order("HassStartTimer", seconds=1)
    rig.order("HassStartTimer", minutes=10)
    rig.pass_time(1.0)
    assert rig.order("HassCancelTimer") == "Timer cancelled"
    assert [one["duration_s"] for one in rig.shown()] == [600.0]


def test_what_was_missed_while_the_power_was_off_is_said_and_announced(rig: Rig) -> None:
    rig.order("HassStartTimer", minutes=1, name="pasta")
    rig.order("HassStartTimer", hours=2)
    rig.reboot(3600.0)
    rig.pass_time(0.1)
    assert rig.speech.heard == ["While I was off, this was missed: the pasta timer."]
    assert rig.events() == ["started", "started", "missed"]
    assert [one["duration_s"] for one in rig.shown()] == [7200.0]


def test_several_timers_are_asked_back_and_nothing_is_changed(rig: Rig) -> None:
    rig.order("HassStartTimer", minutes=1, name="pasta")
    rig.order("HassStartTimer", minutes=10)
    answer = rig.order("HassCancelTimer")
    assert answer == "Which one: the pasta timer or the timer for 10 minutes?"
    assert len(rig.shown()) == 2


def test_a_snoozed_alarm_rings_again(rig: Rig) -> None:
    assert rig.order("AlarmSnooze") == "Nothing is ringing."
    rig.order("AlarmSet", hour=12, minute=0)
    due_s = rig.shown()[0]["left_s"]
    rig.pass_time(due_s + 0.1)
    rig.speech.interruptions += 1  # the wake word, before "snooze" is said
    rig.pass_time(0.2)
    assert rig.order("AlarmSnooze") == "It rings again in 9 minutes."
    rig.pass_time(539.0)
    assert rig.shown()[0]["phase"] == "running"
    rig.pass_time(2.0)
    assert rig.shown()[0]["phase"] == "ringing"


def test_an_alarm_that_was_stopped_long_ago_is_not_snoozed(rig: Rig) -> None:
    rig.order("AlarmSet", hour=12, minute=0)
    rig.pass_time(rig.shown()[0]["left_s"] + 0.1)
    rig.speech.interruptions += 1
    rig.pass_time(0.2)
    rig.pass_time(3600.0)
    assert rig.order("AlarmSnooze") == "Nothing is ringing."
    assert rig.shown() == []


def test_an_alarm_says_so_if_the_clock_is_not_set(rig: Rig) -> None:
    rig.board.synced = False
    answer = rig.order("AlarmSet", hour=7, minute=30) or ""
    assert answer.endswith("But my clock is not set yet, so it may ring at the wrong time.")


@pytest.mark.parametrize(
    ("command", "answer"),
    [
        ("make me rich", "I do not know this command: make me rich."),
        ("start machine 3", "That cannot be done later by itself: start machine 3."),
        ("set a timer for 5 minutes", "That cannot be done later by itself: "),
    ],
)
def test_a_command_that_cannot_be_done_without_a_person_is_refused(
    rig: Rig, command: str, answer: str
) -> None:
    with pytest.raises(CommandRefused) as refused:
        rig.order("HassStartTimer", minutes=10, conversation_command=command)
    assert str(refused.value).startswith(answer)
    assert rig.events() == []


def test_too_long_and_too_many_are_refused(rig: Rig) -> None:
    assert rig.order("HassStartTimer", hours=100_000) == "That is too long."
    for _ in range(100):
        rig.order("HassStartTimer", minutes=1)
    assert rig.order("HassStartTimer", minutes=1) == "There are too many timers already."
    assert len(rig.shown()) == 100


@pytest.mark.parametrize("minutes", ["nan", "inf", "-inf", "some"])
def test_what_is_no_number_starts_no_timer(rig: Rig, minutes: str) -> None:
    assert rig.order("HassStartTimer", minutes=minutes) == "For how long?"
    assert rig.order("AlarmSet", hour=7, to=minutes) is not None
    assert rig.order("AlarmSet", hour=minutes) == "For how long?"
    assert [timer["kind"] for timer in rig.shown()] == ["alarm"]


def test_an_alarm_is_not_snoozed_for_longer_than_a_timer_may_run(rig: Rig) -> None:
    rig.order("AlarmSet", hour=(rig.board.clocks().local().hour + 1) % 24)
    (alarm,) = rig.shown()
    rig.pass_time(alarm["left_s"] + 1.0)
    assert rig.order("AlarmSnooze", hours=1e12) == "That is too long."
    assert [timer["phase"] for timer in rig.shown()] == ["ringing"]


def test_a_disk_that_refuses_does_not_keep_a_timer_from_ringing(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: Any) -> None:
        raise JournalError("the journal cannot be written: the disk is full")

    assert rig.journal is not None
    with monkeypatch.context() as patched:
        patched.setattr(rig.journal, "write_records", refuse)
        rig.order("HassStartTimer", seconds=1)
        rig.pass_time(1.5)
    assert rig.speech.heard == [Earcon.RING, "Your timer is up."]
    published = [one.topic for one in rig.publisher.transient]
    assert published == ["a/timer/started", "a/timer/finished"]
    rig.pass_time(6.0)  # the circuit breaker leaves the disk alone for a while
    assert len(rig.journal.records("timer/")) == 1


def test_a_timer_of_a_newer_version_stays_on_disk(
    rig: Rig, caplog: pytest.LogCaptureFixture
) -> None:
    with sqlite3.connect(rig.folder / "journal.db") as database:
        record = ("timer/new", b'{"kind": "egg"}')
        database.execute("INSERT INTO records VALUES (?, ?)", record)
    database.close()
    rig.restart()
    assert "timer new stays on disk" in caplog.text
    assert rig.journal is not None
    assert set(rig.journal.records("timer/")) == {"new"}


def test_a_delayed_command_becomes_a_request_once_through_a_crash(rig: Rig) -> None:
    answer = rig.order("HassStartTimer", minutes=10, conversation_command="turn on all lights")
    assert answer == "Command will be executed in 10 minutes"
    rig.pass_time(599.0)
    assert rig.queue.requests() == []
    rig.pass_time(2.0)
    (request,) = rig.queue.requests()
    assert (request.operation, request.payload) == (Operation.COMMAND, b"turn on all lights")
    assert rig.events() == ["started", "finished"]
    rig.restart()
    rig.pass_time(1.0)
    assert rig.journal is not None
    assert [waiting.id for waiting in rig.journal.waiting()] == [request.id]
    assert rig.shown() == []


@pytest.mark.parametrize("source", [Source.MQTT, Source.SPEECH])
@pytest.mark.parametrize("name", ["HassStartTimer", "CommandAtTime"])
def test_a_command_that_was_said_for_later_is_still_speech_after_a_crash(
    rig: Rig, source: Source, name: str
) -> None:
    now = rig.board.clocks().local()
    when: dict[str, Any] = (
        {"hours": 24} if name == "HassStartTimer" else {"hour": now.hour, "minute": now.minute}
    )
    rig.order(name, source=source, conversation_command="turn on all lights", **when)
    rig.restart()
    (shown,) = rig.shown()
    rig.pass_time(shown["left_s"] + 1.0)
    rig.restart()
    assert rig.journal is not None
    (request,) = rig.journal.waiting()
    assert request.source is source


def test_a_command_for_later_that_was_only_guessed_is_refused(rig: Rig) -> None:
    with pytest.raises(CommandRefused):
        rig.order(
            "HassStartTimer", by="fuzzy", minutes=10, conversation_command="turn on all lights"
        )
    assert rig.shown() == []


def test_a_command_that_was_due_while_the_power_was_off_is_dropped_and_said(rig: Rig) -> None:
    rig.order("HassStartTimer", minutes=10, conversation_command="turn on all lights")
    rig.reboot(3600.0)
    rig.pass_time(0.1)
    assert rig.queue.requests() == []
    assert rig.speech.heard == [
        "While I was off, this was missed: the command: turn on all lights."
    ]
    assert rig.events() == ["started", "missed"]


def test_a_command_that_the_disk_refuses_is_done_as_soon_as_it_takes_it(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: Any) -> None:
        raise JournalError("the journal cannot be written: the disk is full")

    assert rig.journal is not None
    rig.order("HassStartTimer", seconds=5, conversation_command="turn on all lights")
    with monkeypatch.context() as patched:
        patched.setattr(rig.journal, "write_records", refuse)
        rig.pass_time(5.5)
    assert rig.queue.requests() == []
    rig.pass_time(6.0)
    assert [request.payload for request in rig.queue.requests()] == [b"turn on all lights"]
