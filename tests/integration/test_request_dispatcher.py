"""The dispatcher, with a real journal and queue: what becomes of requests that end early."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any

import msgspec
import pytest
from support.pipeline_parts import FixedBoard, RecordedEvents
from support.sentences import sentence_set

from appliance import config
from appliance.devices.confirmation_rules import ConfirmationRules
from appliance.dialogue import request_confirmation
from appliance.dialogue.request_confirmation import RequestConfirmation
from appliance.errors import EngineError
from appliance.events import ConfirmationAsked, JobFinished
from appliance.fleet.bundle_receiver import BundleReceiver
from appliance.ids import Ids, boot_seconds
from appliance.jobs.act_stage import ActStage
from appliance.jobs.commit_stage import JobLedger
from appliance.jobs.job_queue import JobQueue
from appliance.journal.dead_letters import open_dead_letters
from appliance.journal.inbox import IncomingRequest
from appliance.journal.journal import Journal
from appliance.listening.mute_state import MutedBy
from appliance.messages.control_requests import ControlRequest
from appliance.messages.request_payloads import Answer
from appliance.messages.status_payloads import Status
from appliance.messages.topics import Topics
from appliance.mqtt.connection import BrokerConnection
from appliance.mqtt.connection_event_types import Delivery
from appliance.mqtt.publisher import Publisher
from appliance.mqtt.result_commit import ResultCommitter
from appliance.requests.mqtt_thread import status_of
from appliance.requests.request_dispatcher import RequestDispatcher
from appliance.requests.request_parser import RequestParser
from appliance.requests.runtime_options import RuntimeOptions
from appliance.sentences.active_sentences import ActiveSentences
from appliance.sentences.sentence_files import DeclaredIntent
from appliance.system import logs
from appliance.values import Intent, Operation, Outcome, Request, Result

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from appliance.values import Job

ROOT = "appliance/kitchen"
SENTENCES = sentence_set(
    {"Light": "light on", "Door": "unlock the door"}, DeclaredIntent("Door", confirm=True)
)
ATTEMPTS = 3


class MutedVoice:
    """A voice input whose options can be changed, except that it has no wake word."""

    def __init__(self) -> None:
        self.mutes: set[MutedBy] = set()
        self.trigger = "button"

    @property
    def muted(self) -> bool:
        return bool(self.mutes)

    def is_muted_by(self, by: MutedBy) -> bool:
        return by in self.mutes

    def mute(self, by: MutedBy, *, muted: bool) -> None:
        self.mutes = self.mutes | {by} if muted else self.mutes - {by}

    def use_trigger(self, trigger: str) -> None:
        if trigger == "wake_word":
            raise EngineError(f"there is no model for {trigger}")
        self.trigger = trigger


class OneSession:
    """A dialogue in which somebody speaks, until it is stopped."""

    def __init__(self, session_id: str) -> None:
        self.session_id: str | None = session_id
        self.stopped: list[str] = []

    def stop_session(self, session_id: str, reason: str) -> bool:
        if session_id != self.session_id:
            return False
        self.session_id = None
        self.stopped.append(reason)
        return True


class DispatcherParts:
    """A dispatcher with a real journal; nothing of it has a thread or a connection."""

    def __init__(self, directory: Path, trigger: str = "always", level: str = "info") -> None:
        settings = config.Config(
            device=config.DeviceSettings(name="kitchen", state_directory=str(directory)),
            mqtt=config.MqttSettings(group="plant", group_root="work", reply_prefixes=["home/"]),
            requests=config.RequestSettings(maximum_attempts=ATTEMPTS),
            listening=config.ListeningSettings(trigger=trigger),  # type: ignore[arg-type]
            log=config.LogSettings(level=level),  # type: ignore[arg-type]
        )
        self.topics = Topics.of(settings)
        self.journal = Journal(directory, settings.journal, settings.requests)
        self.jobs = JobQueue(10)
        self.parser = RequestParser(self.topics, 10_000, Ids(self.journal.last_id).new)
        connection = BrokerConnection(settings, status_of(self.topics, Status.OFFLINE))
        self.publisher = Publisher(self.journal, connection)
        committer = ResultCommitter(self.journal, connection, self.topics, self.publisher)
        self.events = events = RecordedEvents()
        self.ledger = JobLedger(self.journal, committer, events, ActStage())
        self.voice = MutedVoice()
        self.dialogue = OneSession("said-1")
        self.confirmation = RequestConfirmation(
            self.ledger,
            ConfirmationRules(ActiveSentences(SENTENCES)),
            topics=self.topics,
            publisher=self.publisher,
            events=events,
        )
        parts: dict[str, Any] = {
            "confirmation": self.confirmation,
            "topics": self.topics,
            "publisher": self.publisher,
            "options": RuntimeOptions(settings, self.voice, events),  # type: ignore[arg-type]
            "voice": self.voice,
            "speech": None,
            "board": FixedBoard(),
            "bundles": BundleReceiver(directory / "config.toml", settings),
            "timers": None,
            "dialogue": self.dialogue,
        }
        self.dispatcher = RequestDispatcher(settings, self.jobs, self.journal, self.ledger, **parts)

    def begin_next(self) -> Job:
        """Start the next job, as the worker does."""
        queued = self.jobs.dequeue_job(0.0)
        assert queued is not None
        self.ledger.begin(queued.job)
        return queued.job

    def request(self, name: str, *, root: str = ROOT, **sent: Any) -> Request:
        """An accepted request, in the queue."""
        incoming = self.parser.parse(
            Delivery(1, f"{root}/request/parse", b"hello", correlation=name.encode(), **sent)
        )
        assert isinstance(incoming, IncomingRequest), incoming
        (verdict,) = self.journal.accept([incoming])
        assert verdict.accepted is not None
        assert self.dispatcher.enqueue_request(verdict.accepted)
        return verdict.accepted

    def control(
        self, control: str, payload: bytes = b"", *, root: str = ROOT, **sent: Any
    ) -> Answer | None:
        """Send a control request; return its immediate answer."""
        control_request = self.parser.parse(
            Delivery(1, f"{root}/request/{control}", payload, **sent)
        )
        assert isinstance(control_request, ControlRequest), control_request
        return self.dispatcher.handle_control(control_request)

    def answers(self) -> list[tuple[str, str | None]]:
        """State and id of the answers that wait for the broker."""
        rows = self.journal.pending(100)
        answers = [row.message for row in rows if "/response/" in row.message.topic]
        told = [msgspec.json.decode(message.payload, type=Answer) for message in answers]
        return [(answer.state.value, answer.transaction) for answer in told]


@pytest.fixture
def parts(tmp_path: Path) -> Iterator[DispatcherParts]:
    parts = DispatcherParts(tmp_path)
    yield parts
    parts.journal.close()


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


def test_a_waiting_request_is_cancelled_by_its_id_and_answered_as_cancelled(
    parts: DispatcherParts,
) -> None:
    parts.request("one")
    parts.request("two")
    answer = parts.control("cancel", b"one")
    assert answer is not None
    assert (answer.state, answer.data) == ("done", {"cancelled": 1})
    assert parts.answers() == [("cancelled", "one")]
    assert [request.transaction for request in parts.jobs.requests()] == ["two"]
    assert parts.journal.counts.inbox.rows == 1


def test_a_request_in_progress_is_cancelled(parts: DispatcherParts) -> None:
    parts.request("one")
    parts.begin_next()
    answer = parts.control("cancel", b'{"id": "one", "transaction": "t"}')
    assert answer is not None
    assert (answer.state, answer.transaction) == ("done", "t")


def test_of_two_requests_with_one_id_the_one_with_the_same_reply_topic_is_cancelled(
    parts: DispatcherParts,
) -> None:
    parts.request("1", response_topic="home/a")
    parts.request("1", response_topic="home/b")
    parts.control("cancel", b"1", response_topic="home/b")
    assert [request.reply_to for request in parts.jobs.requests()] == ["home/a"]
    parts.control("cancel", b"1")
    assert parts.jobs.requests() == []


def test_an_id_that_nobody_has_is_unknown_but_in_a_group_another_member_may_have_the_request(
    parts: DispatcherParts,
) -> None:
    answer = parts.control("cancel", b"nobody")
    assert answer is not None
    assert (answer.state, answer.reason) == ("rejected", "unknown")
    assert parts.control("cancel", b"nobody", root="work") is None


def test_what_is_being_said_is_stopped_by_the_id_of_its_session_and_by_no_group(
    parts: DispatcherParts,
) -> None:
    assert parts.control("cancel", b"said-1", root="work") is None
    answer = parts.control("cancel", b"said-1")
    assert answer is not None
    assert (answer.state, answer.data) == ("done", {"cancelled": 1})
    assert parts.dialogue.stopped == ["it was stopped by a request"]


def test_a_session_without_an_id_is_stopped_and_no_request_is_taken_for_it(
    parts: DispatcherParts,
) -> None:
    parts.request("")
    parts.dialogue.session_id = ""
    answer = parts.control("cancel", b'{"id": ""}')
    assert answer is not None
    assert answer.state == "done"
    assert len(parts.jobs.requests()) == 1
    assert len(parts.dialogue.stopped) == 1


def test_a_request_of_the_group_is_answered_below_the_group(parts: DispatcherParts) -> None:
    request = parts.request("one", root="work")
    assert request.reply_to == "work/response/parse"


def test_a_waiting_request_expires_at_its_deadline(parts: DispatcherParts) -> None:
    parts.request("late", expiry_s=0)
    parts.request("early", expiry_s=60)
    parts.request("whenever")
    time.sleep(0.01)
    parts.dispatcher.tick()
    assert parts.answers() == [("expired", "late")]
    assert len(parts.jobs.requests()) == 2


def test_options_change_what_is_given_and_report_what_is_active(
    parts: DispatcherParts, monkeypatch: pytest.MonkeyPatch
) -> None:
    levels: list[str] = []
    monkeypatch.setattr(logs, "set_level", levels.append)
    parts.control("microphone", b'{"muted": true}')
    answer = parts.control("options", b'{"log_level": "error"}')
    assert answer is not None
    assert levels == ["error"]
    assert {name: answer.data[name] for name in ("telemetry_every_s", "muted", "trigger")} == {
        "telemetry_every_s": 5.0,
        "muted": True,
        "trigger": "button",
    }


@pytest.mark.parametrize(
    ("configured", "asked", "allowed"),
    [
        ("off", "always", False),
        ("off", "request", False),
        ("off", "button", False),
        ("request", "always", False),
        ("button", "request", True),
        ("wake_word", "always", False),
        ("wake_word", "request", True),
        ("always", "always", True),
        ("always", "off", True),
    ],
)
def test_a_request_lets_less_start_the_listening_and_never_more(
    tmp_path: Path, configured: str, asked: str, *, allowed: bool
) -> None:
    parts = DispatcherParts(tmp_path, trigger=configured)
    parts.voice.trigger = configured
    answer = parts.control("microphone", json.dumps({"trigger": asked}).encode())
    assert answer is not None
    assert answer.state == ("done" if allowed else "rejected")
    assert parts.voice.trigger == (asked if allowed else configured)
    parts.journal.close()


def test_what_a_request_has_closed_it_may_open_again(tmp_path: Path) -> None:
    parts = DispatcherParts(tmp_path, trigger="always")
    parts.control("microphone", b'{"trigger": "off"}')
    parts.control("microphone", b'{"trigger": "always"}')
    assert parts.voice.trigger == "always"
    parts.journal.close()


def test_a_request_does_not_undo_the_mute_of_the_button(parts: DispatcherParts) -> None:
    parts.voice.mute(MutedBy.BUTTON, muted=True)
    parts.control("microphone", b'{"muted": true}')
    answer = parts.control("microphone", b'{"muted": false}')
    assert answer is not None
    assert (answer.state, answer.reason) == ("rejected", "unsupported")
    assert parts.voice.mutes == {MutedBy.BUTTON}


@pytest.mark.parametrize("configured", ["info", "debug"])
def test_a_request_writes_speech_into_the_log_only_if_the_configuration_does(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, configured: str
) -> None:
    levels: list[str] = []
    monkeypatch.setattr(logs, "set_level", levels.append)
    parts = DispatcherParts(tmp_path, level=configured)
    parts.control("options", b'{"log_level": "warning"}')
    answer = parts.control("options", b'{"log_level": "debug"}')
    assert answer is not None
    assert answer.state == ("done" if configured == "debug" else "rejected")
    assert levels == ["warning", *(["debug"] if configured == "debug" else [])]
    parts.journal.close()


def test_an_option_that_cannot_be_changed_is_rejected_with_the_reason(
    parts: DispatcherParts,
) -> None:
    answer = parts.control("microphone", b'{"trigger": "wake_word"}')
    assert answer is not None
    assert (answer.state, answer.reason) == ("rejected", "unsupported")
    assert answer.message == "there is no model for wake_word"


def test_one_check_at_a_time_answers_as_the_command_does(
    parts: DispatcherParts, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[Answer] = []
    monkeypatch.setattr(
        parts.publisher,
        "publish",
        lambda message: told.append(msgspec.json.decode(message.payload, type=Answer)),
    )
    parts.dispatcher._checking.acquire()
    busy = parts.control("check")
    assert busy is not None
    assert busy.reason == "busy"
    parts.dispatcher._checking.release()
    assert parts.control("check") is None
    end = time.monotonic() + 30
    while not told and time.monotonic() < end:
        time.sleep(0.05)
    report = told[0].data
    assert {answer["question"] for answer in report["answers"]} >= {"disk", "broker"}
    assert report["errors"] + report["warnings"] <= len(report["answers"])


def test_a_request_that_crashes_the_process_becomes_a_dead_letter_after_some_attempts(
    tmp_path: Path,
) -> None:
    for attempt in range(ATTEMPTS):
        parts = DispatcherParts(tmp_path)
        if attempt == 0:
            parts.request("deadly")
        else:
            parts.dispatcher.restore()
        parts.begin_next()
        parts.journal.close()  # as when the process dies here
    parts = DispatcherParts(tmp_path)
    parts.dispatcher.restore()
    assert parts.jobs.requests() == []
    assert parts.answers() == [("failed", "deadly")]
    assert parts.journal.dead_letter_count() == 1
    with open_dead_letters(tmp_path) as dead_letters:
        (row,) = dead_letters.all()
        assert (row.transaction, row.attempts, row.operation) == ("deadly", ATTEMPTS, "parse")
        assert dead_letters.payload(row.id) == b"hello"
        assert dead_letters.remove(row.id)
        assert not dead_letters.remove(row.id)
    assert parts.journal.dead_letter_count() == 0
    parts.journal.close()


def test_a_stop_does_not_count_as_an_attempt_and_a_result_ends_the_count(tmp_path: Path) -> None:
    parts = DispatcherParts(tmp_path)
    request = parts.request("one")
    for _ in range(ATTEMPTS + 2):
        parts.ledger.begin(request)
        parts.ledger.put_off(request)
    assert parts.journal.attempts(request.id) == 0
    parts.ledger.begin(request)
    parts.ledger.commit_job(request, done(request))
    assert parts.journal.attempts(request.id) == 0
    parts.journal.close()


def test_a_request_that_crashes_the_engine_becomes_a_dead_letter_with_its_answer(
    parts: DispatcherParts, tmp_path: Path
) -> None:
    parts.request("deadly")
    request = parts.begin_next()
    assert isinstance(request, Request)
    parts.ledger.commit_job(request, done(request, Outcome.FAILED), dead_letter=True)
    harmless = parts.request("harmless")
    parts.ledger.commit_job(harmless, done(harmless, Outcome.FAILED))
    with open_dead_letters(tmp_path) as dead_letters:
        assert [(row.transaction, row.reason) for row in dead_letters.all()] == [
            ("deadly", "it broke")
        ]


def test_a_deadline_still_applies_after_a_restart(tmp_path: Path) -> None:
    parts = DispatcherParts(tmp_path)
    parts.request("soon", expiry_s=1000)
    parts.journal.close()
    parts = DispatcherParts(tmp_path)
    (request,) = parts.journal.waiting()
    assert request.expires_at is not None
    assert request.expires_at - boot_seconds() == pytest.approx(1000, abs=30)
    parts.journal.close()


def asked_at_satellite(parts: DispatcherParts) -> str:
    """A command that needs a yes was said at a satellite; its id."""
    request = Request(
        id="said", operation=Operation.RECOGNIZE, payload=b"", requester="satellite:bedroom"
    )
    incoming = IncomingRequest(request, b"said", may_repeat=False)
    assert parts.journal.accept([incoming])[0].accepted is not None
    door = Intent("Door", {})
    result = msgspec.structs.replace(
        done(request, Outcome.INTENT), intent=door, text="unlock the door"
    )
    parts.confirmation.confirm_result(request, result)
    assert [event.request.id for event in parts.events.of(ConfirmationAsked)] == ["said"]
    return request.id


def test_what_was_said_at_a_satellite_is_not_confirmed_over_mqtt(parts: DispatcherParts) -> None:
    asked_at_satellite(parts)
    assert parts.answers() == []
    answer = parts.control("confirm", b"said")
    assert answer is not None
    assert answer.state == "rejected"
    assert parts.events.of(JobFinished) == []
    settled = parts.confirmation.answer_at_satellite("said", yes=True, why="")
    assert settled is not None
    assert settled.outcome is Outcome.INTENT
    assert parts.confirmation.answer_at_satellite("said", yes=True, why="") is None


def test_a_satellites_question_ends_after_its_time(
    parts: DispatcherParts, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked_at_satellite(parts)
    later = boot_seconds() + 1000.0
    monkeypatch.setattr(request_confirmation, "boot_seconds", lambda: later)
    assert parts.confirmation.answer_at_satellite("said", yes=True, why="") is None
    parts.dispatcher.tick()
    (finished,) = parts.events.of(JobFinished)
    assert finished.result.outcome is Outcome.CANCELLED
