"""The desk, between a real journal and a queue: what becomes of requests that end early."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from appliance import config
from appliance.ids import Ids, boot_seconds
from appliance.jobs.job_queue import JobQueue
from appliance.journal.dead_letters import open_dead_letters
from appliance.journal.inbox import IncomingRequest
from appliance.journal.journal import Journal
from appliance.messages.control_requests import ControlRequest
from appliance.messages.payloads import Answer
from appliance.messages.status_payloads import Status
from appliance.messages.topics import Topics
from appliance.mqtt.connection import BrokerConnection
from appliance.mqtt.connection_events import Delivery
from appliance.requests.mqtt_service import MqttService, status_of
from appliance.requests.request_dispatcher import Option, RequestDispatcher
from appliance.requests.request_parser import RequestParser
from appliance.values import Outcome, Request, Result

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from appliance.values import Job

ROOT = "appliance/kitchen"
ATTEMPTS = 3


class Room:
    """A desk with what it stands between; nothing of it has a thread or a connection."""

    def __init__(self, directory: Path) -> None:
        settings = config.Config(
            device=config.DeviceSettings(name="kitchen", state_directory=str(directory)),
            mqtt=config.MqttSettings(group="plant", group_root="work"),
            requests=config.RequestSettings(maximum_attempts=ATTEMPTS),
        )
        self.topics = Topics.of(settings)
        self.journal = Journal(directory, settings.journal, settings.requests)
        self.jobs = JobQueue(10, begin=self.begin)
        self.desk = RequestDispatcher(self.jobs, self.journal, self.topics, settings)
        self.reader = RequestParser(self.topics, 10_000, Ids(self.journal.last_id).new)
        link = BrokerConnection(settings, status_of(self.topics, Status.OFFLINE))
        self.desk.postman = MqttService(self.journal, link, self.topics, self.reader, self.desk)

    def begin(self, job: Job) -> None:
        self.desk.begin(job)

    def request(self, name: str, *, root: str = ROOT, **sent: Any) -> Request:
        """An accepted request, in the queue."""
        offer = self.reader.read(
            Delivery(1, f"{root}/request/parse", b"hello", correlation=name.encode(), **sent)
        )
        assert isinstance(offer, IncomingRequest), offer
        (verdict,) = self.journal.accept([offer])
        assert verdict.accepted is not None
        assert self.desk.enqueue(verdict.accepted)
        return verdict.accepted

    def order(
        self, control: str, payload: bytes = b"", *, root: str = ROOT, **sent: Any
    ) -> Answer | None:
        """What is answered to an order at once."""
        order = self.reader.read(Delivery(1, f"{root}/request/{control}", payload, **sent))
        assert isinstance(order, ControlRequest), order
        return self.desk.handle_control(order)

    def answers(self) -> list[tuple[str, str | None]]:
        """State and id of the answers that wait for the broker."""
        rows = self.journal.pending(100)
        answers = [row.message for row in rows if "/response/" in row.message.topic]
        told = [msgspec.json.decode(message.payload, type=Answer) for message in answers]
        return [(answer.state.value, answer.transaction) for answer in told]


@pytest.fixture
def room(tmp_path: Path) -> Iterator[Room]:
    room = Room(tmp_path)
    yield room
    room.journal.close()


def done(request: Request, outcome: Outcome = Outcome.TRANSCRIPT) -> Result:
    return Result(
        id=request.id,
        source="mqtt",  # type: ignore[arg-type]
        trigger="request",  # type: ignore[arg-type]
        language="en",
        outcome=outcome,
        at="2026-01-01T00:00:00Z",
        reason="it broke" if outcome is Outcome.FAILED else None,
    )


def test_a_request_that_waits_is_cancelled_by_its_id_and_answered_so(room: Room) -> None:
    room.request("one")
    room.request("two")
    answer = room.order("cancel", b"one")
    assert answer is not None
    assert (answer.state, answer.data) == ("done", {"cancelled": 1})
    assert room.answers() == [("cancelled", "one")]
    assert [request.transaction for request in room.jobs.requests()] == ["two"]
    assert room.journal.counts.inbox.rows == 1


def test_the_request_at_work_is_broken_off(room: Room) -> None:
    request = room.request("one")
    room.jobs.take(0.0)
    room.desk.cancel_at_work = lambda name: name == request.id
    answer = room.order("cancel", b'{"id": "one", "transaction": "t"}')
    assert answer is not None
    assert (answer.state, answer.transaction) == ("done", "t")


def test_a_cancellation_means_the_request_with_the_same_reply_topic_first(room: Room) -> None:
    room.request("1", response_topic="home/a")
    room.request("1", response_topic="home/b")
    room.order("cancel", b"1", response_topic="home/b")
    assert [request.reply_to for request in room.jobs.requests()] == ["home/a"]
    room.order("cancel", b"1")
    assert room.jobs.requests() == []


def test_an_id_that_nobody_has_is_unknown_but_in_a_group_another_member_may_have_it(
    room: Room,
) -> None:
    answer = room.order("cancel", b"nobody")
    assert answer is not None
    assert (answer.state, answer.reason) == ("rejected", "unknown")
    assert room.order("cancel", b"nobody", root="work") is None


def test_a_request_of_the_group_is_answered_below_the_group(room: Room) -> None:
    request = room.request("one", root="work")
    assert request.reply_to == "work/response/parse"


def test_a_request_is_expired_at_its_time_while_it_waits(room: Room) -> None:
    room.request("late", expiry_s=0)
    room.request("early", expiry_s=60)
    room.request("whenever")
    time.sleep(0.01)
    room.desk.tick()
    assert room.answers() == [("expired", "late")]
    assert len(room.jobs.requests()) == 2


def test_options_change_what_is_given_and_tell_what_is_in_force(room: Room) -> None:
    level = ["info"]
    room.desk.options = {
        "log_level": Option(lambda: level[0], lambda value: level.__setitem__(0, value)),
        "telemetry_every_s": Option(lambda: 5.0, lambda _: pytest.fail("it was not given")),
    }
    answer = room.order("options", b'{"log_level": "debug"}')
    assert answer is not None
    assert answer.data == {"log_level": "debug", "telemetry_every_s": 5.0}
    assert level == ["debug"]


def test_one_check_at_a_time_answers_as_the_command_does(
    room: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[Answer] = []
    monkeypatch.setattr(
        room.desk.postman,
        "publish",
        lambda message: told.append(msgspec.json.decode(message.payload, type=Answer)),
    )
    room.desk._checking.acquire()
    busy = room.order("check")
    assert busy is not None
    assert busy.reason == "busy"
    room.desk._checking.release()
    assert room.order("check") is None
    end = time.monotonic() + 30
    while not told and time.monotonic() < end:
        time.sleep(0.05)
    report = told[0].data
    assert {answer["question"] for answer in report["answers"]} >= {"disk", "broker"}
    assert report["errors"] + report["warnings"] <= len(report["answers"])


def test_work_that_ends_the_process_is_tried_so_often_then_failed_and_set_aside(
    tmp_path: Path,
) -> None:
    for attempt in range(ATTEMPTS):
        room = Room(tmp_path)
        if attempt == 0:
            room.request("deadly")
        else:
            room.desk.open()
        assert room.jobs.take(0.0) is not None
        room.journal.close()  # as when the process dies here
    room = Room(tmp_path)
    room.desk.open()
    assert room.jobs.requests() == []
    assert room.answers() == [("failed", "deadly")]
    assert room.desk.postman.health().set_aside == 1
    with open_dead_letters(tmp_path) as dead_letters:
        (row,) = dead_letters.all()
        assert (row.transaction, row.attempts, row.operation) == ("deadly", ATTEMPTS, "parse")
        assert dead_letters.payload(row.id) == b"hello"
        assert dead_letters.remove(row.id)
        assert not dead_letters.remove(row.id)
    assert room.desk.postman.health().set_aside == 0
    room.journal.close()


def test_a_stop_in_the_middle_is_no_attempt_and_a_good_end_forgets_them(tmp_path: Path) -> None:
    room = Room(tmp_path)
    request = room.request("one")
    for _ in range(ATTEMPTS + 2):
        room.jobs.offer(request)
        room.jobs.take(0.0)
        room.desk.put_off(request)
    assert room.journal.attempts(request.id) == 0
    room.desk.begin(request)
    room.desk.deliver(request, done(request))
    assert room.journal.attempts(request.id) == 0
    room.journal.close()


def test_a_request_that_kills_the_engine_is_set_aside_with_its_answer(
    room: Room, tmp_path: Path
) -> None:
    request = room.request("deadly")
    room.jobs.take(0.0)
    room.desk.give_up(request)
    room.desk.deliver(request, done(request, Outcome.FAILED))
    harmless = room.request("harmless")
    room.desk.deliver(harmless, done(harmless, Outcome.FAILED))
    with open_dead_letters(tmp_path) as dead_letters:
        assert [(row.transaction, row.reason) for row in dead_letters.all()] == [
            ("deadly", "it broke")
        ]


def test_the_deadline_of_a_request_that_waits_over_a_restart_holds(tmp_path: Path) -> None:
    room = Room(tmp_path)
    room.request("soon", expiry_s=1000)
    room.journal.close()
    room = Room(tmp_path)
    (request,) = room.journal.waiting()
    assert request.expires_at is not None
    assert request.expires_at - boot_seconds() == pytest.approx(1000, abs=30)
    room.journal.close()
