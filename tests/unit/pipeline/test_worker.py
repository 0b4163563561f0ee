"""The worker, turn by turn, without its thread."""

from __future__ import annotations

import dataclasses
import logging
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from support.pipeline_parts import (
    CommitsAtOnce,
    FixedBoard,
    RecordedEvents,
    RecordedLedger,
    ScriptedDecode,
    scripted_pipeline,
)
from support.scripted_engines import ScriptedLanguageModel
from support.sentences import sentence_set

from appliance.errors import EngineDied, EngineError
from appliance.events import ActivityChanged
from appliance.ids import boot_seconds
from appliance.jobs.job_queue import JobQueue
from appliance.pipeline.worker import Worker
from appliance.system.board_state import BoardState
from appliance.threads import StopSignal
from appliance.values import (
    Activity,
    BoardReading,
    Completion,
    Operation,
    Outcome,
    Pace,
    Question,
    Request,
    Result,
    Trigger,
    Utterance,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from appliance.jobs.result_builder import ResultBuilder
    from appliance.values import Job

SENTENCES = sentence_set({"Light": "light on"})


class WorkerParts:
    """A worker with what it needs, and what it delivered."""

    def __init__(self, *said: str, model: object = None) -> None:
        self.jobs = JobQueue(maximum_requests=10)
        self.ledger = RecordedLedger()
        self.events = RecordedEvents()
        self.stopping = StopSignal()
        self.board = FixedBoard(BoardState(reading=BoardReading(temperature_c=61.2)))
        self.pipeline = scripted_pipeline(SENTENCES, *said, model=model, events=self.events)
        self.worker = Worker(
            self.jobs,
            self.pipeline,
            CommitsAtOnce(self.ledger),  # type: ignore[arg-type]
            self.ledger,  # type: ignore[arg-type]
            confirmation=CommitsAtOnce(self.ledger),  # type: ignore[arg-type]
            board=self.board,  # type: ignore[arg-type]
            events=self.events,
            stopping=self.stopping,
        )

    @property
    def delivered(self) -> list[Result]:
        return self.ledger.results

    @property
    def outcomes(self) -> list[tuple[str, Outcome]]:
        return [(result.id, result.outcome) for result in self.delivered]


def utterance(name: str) -> Utterance:
    return Utterance(name, np.ones(30_400, np.float32), Trigger.ALWAYS, 0.0, 0.0)


def request(name: str, operation: Operation = Operation.ANSWER) -> Request:
    return Request(name, operation, b"why")


def test_a_job_is_done_shown_and_delivered() -> None:
    parts = WorkerParts("light on")
    parts.jobs.enqueue_job(utterance("abcd-7f3a"))
    parts.worker.turn()
    assert parts.outcomes == [("abcd-7f3a", Outcome.INTENT)]
    shown = [event.activity for event in parts.events.of(ActivityChanged)]
    assert shown == [Activity.THINKING, Activity.IDLE]


def test_the_log_has_one_line_a_job_without_a_word_of_what_was_said(
    caplog: pytest.LogCaptureFixture,
) -> None:
    parts = WorkerParts("light on")
    parts.jobs.enqueue_job(utterance("abcd-7f3a"))
    with caplog.at_level(logging.INFO):
        parts.worker.turn()
    (line,) = caplog.messages
    assert line.startswith("answered speech abcd-7f3a in ")
    assert "intent Light by grammar, heard 1.9 s" in line
    assert line.endswith("pace full, 61 °C")
    assert "light on" not in line


def test_the_log_names_the_whole_id_and_the_requester_who_cannot_fake_a_line(
    caplog: pytest.LogCaptureFixture,
) -> None:
    parts = WorkerParts()
    parts.jobs.enqueue_job(
        Request("0192-abcd-7f3a", Operation.PARSE, b"light on", requester="panel\nanswered speech")
    )
    with caplog.at_level(logging.INFO):
        parts.worker.turn()
    (line,) = caplog.messages
    assert line.startswith(r"answered parse request 0192-abcd-7f3a of 'panel\nanswered speech' in ")


def test_what_was_said_is_in_the_log_at_debug_level(caplog: pytest.LogCaptureFixture) -> None:
    parts = WorkerParts("light on")
    parts.jobs.enqueue_job(utterance("u"))
    with caplog.at_level(logging.DEBUG):
        parts.worker.turn()
    assert any("light on" in message for message in caplog.messages)


def test_a_fault_of_ours_fails_one_job_and_the_next_is_done() -> None:
    parts = WorkerParts("light on")
    parts.pipeline._decode = None  # type: ignore[assignment]  # a bug, whatever it is
    parts.jobs.enqueue_job(request("bad", Operation.TRANSCRIBE))
    parts.jobs.enqueue_job(request("good", Operation.PARSE))
    parts.worker.turn()
    parts.worker.turn()
    assert parts.outcomes == [("bad", Outcome.FAILED), ("good", Outcome.NOT_UNDERSTOOD)]
    assert parts.delivered[0].reason is not None
    assert "AttributeError" in parts.delivered[0].reason


PRIVATE = "my secret diary entry"


@pytest.mark.parametrize(
    ("failure", "line"),
    [
        (
            EngineError(f"the schema is no JSON Schema: .type {PRIVATE!r} is not valid"),
            "failed (the schema is no JSON Schema), ",
        ),
        (KeyError(PRIVATE), "failed (a bug in the appliance (KeyError), "),
    ],
)
def test_the_log_has_no_word_of_a_request_that_failed_by_its_words(
    failure: Exception, line: str, caplog: pytest.LogCaptureFixture
) -> None:
    parts = WorkerParts(model=ScriptedLanguageModel([failure]))
    parts.jobs.enqueue_job(request("r"))
    with caplog.at_level(logging.INFO):
        parts.worker.turn()
    assert PRIVATE not in caplog.text
    assert line in caplog.text
    # Who asked is told all of it.
    assert PRIVATE in (parts.delivered[0].reason or "")


def test_a_request_that_a_stop_breaks_off_is_not_answered_so_that_it_is_done_later() -> None:
    parts = WorkerParts(model=ScriptedLanguageModel(["a b c"]))
    parts.jobs.enqueue_job(request("r"))
    parts.stopping.set()
    parts.worker.turn()
    assert parts.delivered == []


def test_speech_that_a_stop_breaks_off_is_cancelled() -> None:
    parts = WorkerParts("why", model=ScriptedLanguageModel(["a b c"]))
    parts.jobs.enqueue_job(utterance("u"))
    parts.stopping.set()
    parts.worker.turn()
    assert parts.outcomes == [("u", Outcome.CANCELLED)]


def test_speech_being_recognised_at_a_stop_is_finished() -> None:
    parts = WorkerParts("light on")
    parts.jobs.enqueue_job(utterance("u"))
    parts.stopping.set()
    parts.worker.turn()
    assert parts.outcomes == [("u", Outcome.INTENT)]


def test_at_a_stop_waiting_speech_is_cancelled_and_waiting_requests_stay() -> None:
    parts = WorkerParts()
    for job in (request("r"), utterance("u1"), utterance("u2")):
        parts.jobs.enqueue_job(job)
    parts.worker.stop()
    assert parts.outcomes == [("u1", Outcome.CANCELLED), ("u2", Outcome.CANCELLED)]


class ModelCancelledMeanwhile(ScriptedLanguageModel):
    """A language model during whose work somebody cancels it."""

    parts: WorkerParts

    def complete(
        self,
        question: Question,
        stopping: Callable[[], bool],
        tell: Callable[[str | None], None] | None = None,
    ) -> Completion:
        assert self.parts.jobs.cancel_in_progress("another") is False
        assert self.parts.jobs.cancel_in_progress("r") is True
        return super().complete(question, stopping, tell)


def test_a_request_cancelled_while_it_is_written_is_answered_as_cancelled() -> None:
    model = ModelCancelledMeanwhile(["a b c"])
    parts = model.parts = WorkerParts(model=model)
    parts.jobs.enqueue_job(request("r"))
    parts.worker.turn()
    assert parts.outcomes == [("r", Outcome.CANCELLED)]
    assert parts.jobs.cancel_in_progress("r") is False


def test_a_weak_supply_defers_the_model_s_requests_and_nothing_else() -> None:
    parts = WorkerParts("light on", model=ScriptedLanguageModel(["because"]))
    parts.board.now = BoardState(low_voltage=True)
    expired = dataclasses.replace(request("late"), expires_at=1.0)
    for job in (request("why"), request("read", Operation.PARSE), expired, utterance("said")):
        parts.jobs.enqueue_job(job)
    for _ in range(4):
        parts.worker.turn()
    done = [
        ("said", Outcome.INTENT),
        ("read", Outcome.NOT_UNDERSTOOD),
        ("late", Outcome.EXPIRED),
    ]
    assert parts.outcomes == done
    parts.board.now = BoardState()
    parts.worker.turn()
    assert parts.outcomes == [*done, ("why", Outcome.ANSWER)]


def test_speech_that_the_model_would_answer_is_not_understood_on_a_weak_supply() -> None:
    parts = WorkerParts("why", model=ScriptedLanguageModel(["because"]))
    parts.board.now = BoardState(low_voltage=True)
    parts.jobs.enqueue_job(utterance("u"))
    parts.worker.turn()
    assert parts.outcomes == [("u", Outcome.NOT_UNDERSTOOD)]


def test_a_result_carries_the_joules_of_its_own_work() -> None:
    parts = WorkerParts("light on")
    parts.board.now = BoardState(joules=iter([100.0, 102.5]).__next__)
    parts.jobs.enqueue_job(utterance("u"))
    parts.worker.turn()
    assert parts.delivered[0].energy_j == 2.5


def test_a_board_without_a_meter_gives_no_joules() -> None:
    parts = WorkerParts("light on")
    parts.board.now = BoardState(joules=lambda: None)
    parts.jobs.enqueue_job(utterance("u"))
    parts.worker.turn()
    assert parts.delivered[0].energy_j is None


def test_the_journal_gets_a_job_s_facts_as_fields_and_no_word_of_what_was_said(
    caplog: pytest.LogCaptureFixture,
) -> None:
    parts = WorkerParts("light on")
    parts.jobs.enqueue_job(utterance("abcd-7f3a"))
    with caplog.at_level(logging.INFO):
        parts.worker.turn()
    (record,) = caplog.records
    fields = vars(record)["fields"]
    assert fields["job_id"] == "abcd-7f3a"
    assert (fields["job_kind"], fields["outcome"], fields["intent"]) == (
        "speech",
        "intent",
        "Light",
    )
    assert fields["ms_total_after_speech"] > 0
    assert "light on" not in str(fields)


class ModelInterruptedBySpeech(ScriptedLanguageModel):
    """A language model during whose work somebody speaks."""

    parts: WorkerParts

    def complete(
        self,
        question: Question,
        stopping: Callable[[], bool],
        tell: Callable[[str | None], None] | None = None,
    ) -> Completion:
        self.parts.jobs.enqueue_job(utterance("u1"))
        self.parts.jobs.enqueue_job(utterance("u2"))
        self.parts.jobs.enqueue_job(request("r2"))
        return super().complete(question, stopping, tell)


def test_speech_is_done_while_the_model_stands_still_and_then_it_writes_on() -> None:
    model = ModelInterruptedBySpeech(["a b c"])
    parts = model.parts = WorkerParts("light on", "light on", model=model)
    parts.jobs.enqueue_job(request("r"))
    parts.worker.turn()
    assert parts.outcomes == [
        ("u1", Outcome.INTENT),
        ("u2", Outcome.INTENT),
        ("r", Outcome.ANSWER),
    ]
    assert model.pauses == 2
    assert parts.jobs.depth().requests == 1


class ModelInterruptedByTexts(ScriptedLanguageModel):
    """A language model during whose work texts are sent to be parsed."""

    parts: WorkerParts

    def complete(
        self,
        question: Question,
        stopping: Callable[[], bool],
        tell: Callable[[str | None], None] | None = None,
    ) -> Completion:
        for number, operation in enumerate((Operation.PARSE, Operation.COMMAND, Operation.PARSE)):
            job = dataclasses.replace(request(f"t{number}", operation), payload=b"light on")
            self.parts.jobs.enqueue_job(job)
        assert not stopping()
        assert [name for name, _ in self.parts.outcomes] == ["t0"]  # one, and it writes on
        return super().complete(question, stopping, tell)


def test_texts_are_parsed_while_the_model_writes_for_seconds_one_at_each_token() -> None:
    model = ModelInterruptedByTexts(["a b c"])
    parts = model.parts = WorkerParts(model=model)
    parts.jobs.enqueue_job(request("r"))
    parts.worker.turn()
    assert parts.outcomes[-1] == ("r", Outcome.ANSWER)
    assert parts.outcomes[:2] == [("t0", Outcome.INTENT), ("t1", Outcome.INTENT)]


def test_a_request_is_cancelled_while_speech_is_done_in_between() -> None:
    model = ModelInterruptedBySpeech(["a b c"])
    parts = model.parts = WorkerParts("light on", "light on", model=model)
    parts.jobs.enqueue_job(request("r"))
    begin = parts.ledger.begin

    def cancel_the_request(job: Job) -> None:
        begin(job)
        if job.id == "u1":
            parts.jobs.cancel_in_progress("r")

    parts.ledger.begin = cancel_the_request  # type: ignore[method-assign]
    parts.worker.turn()
    assert ("u1", Outcome.INTENT) in parts.outcomes
    assert parts.outcomes[-1] == ("r", Outcome.CANCELLED)


def test_a_stop_phrase_passes_an_answer_to_speech_and_never_reaches_the_model() -> None:
    class ModelInterruptedByStop(ScriptedLanguageModel):
        def complete(
            self,
            question: Question,
            stopping: Callable[[], bool],
            tell: Callable[[str | None], None] | None = None,
        ) -> Completion:
            parts.jobs.enqueue_job(utterance("stop"))
            return super().complete(question, stopping, tell)

    model = ModelInterruptedByStop(["a b c"])
    parts = WorkerParts("what is it", "Stop.", model=model)
    commit = parts.ledger.commit_job

    def cancel_the_question(job: Job, result: Result, **more: bool) -> Result:
        if result.text == "Stop.":
            assert parts.jobs.cancel_in_progress("question")
        return commit(job, result, **more)

    parts.ledger.commit_job = cancel_the_question  # type: ignore[method-assign]
    parts.jobs.enqueue_job(utterance("question"))
    parts.worker.turn()

    assert parts.outcomes == [("stop", Outcome.CANCELLED), ("question", Outcome.CANCELLED)]
    assert len(model.asked) == 1
    assert not parts.jobs.cancel_in_progress("question")


def test_an_idle_turn_looks_after_the_model() -> None:
    class CountedModel(ScriptedLanguageModel):
        looks = 0

        def restart_if_dead(self) -> None:
            self.looks += 1

    model = CountedModel([])
    WorkerParts(model=model).worker.turn()
    assert model.looks == 1


def test_the_engines_get_the_pace_before_a_job_begins() -> None:
    parts = WorkerParts("light on", "light on")
    told: list[Pace] = []
    parts.pipeline.use_pace = told.append  # type: ignore[method-assign, assignment]
    for pace in (Pace.EASED, Pace.FULL):
        parts.board.now = BoardState(pace=pace)
        parts.jobs.enqueue_job(utterance("u"))
        parts.worker.turn()
        assert parts.delivered[-1].pace is pace
    assert told == [Pace.EASED, Pace.FULL]


class DecodesMeanwhile(ScriptedDecode):
    """Something happens while a recording is decoded."""

    def __init__(self, happens: Callable[[], object]) -> None:
        super().__init__()
        self._happens = happens

    def decode_recording(
        self, work: ResultBuilder, must_stop: Callable[[], bool], *, cut: bool
    ) -> None:
        self._happens()
        super().decode_recording(work, must_stop, cut=cut)


def transcription(**more: Any) -> Request:
    return Request("t", Operation.TRANSCRIBE, b"sound", **more)


def test_a_transcript_that_was_cancelled_meanwhile_is_not_given() -> None:
    parts = WorkerParts("turn on the light")
    decode = DecodesMeanwhile(lambda: parts.jobs.cancel_in_progress("t"))
    parts.pipeline._decode = decode  # type: ignore[assignment]
    parts.jobs.enqueue_job(transcription())
    parts.worker.turn()
    (result,) = parts.delivered
    assert (result.outcome, result.text, result.intent) == (Outcome.CANCELLED, None, None)


def test_a_request_whose_time_ends_while_it_is_at_work_is_expired_and_gives_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    parts = WorkerParts("turn on the light")
    end = boot_seconds() + 60
    late = "appliance.pipeline.worker.boot_seconds"
    decode = DecodesMeanwhile(lambda: monkeypatch.setattr(late, lambda: end + 1))
    parts.pipeline._decode = decode  # type: ignore[assignment]
    parts.jobs.enqueue_job(transcription(expires_at=end))
    parts.worker.turn()
    (result,) = parts.delivered
    assert (result.outcome, result.text) == (Outcome.EXPIRED, None)


def test_a_request_that_kills_the_model_is_a_dead_letter_one_that_a_stop_breaks_off_is_not() -> (
    None
):
    class DyingModel(ScriptedLanguageModel):
        def complete(self, *_: object) -> Completion:
            raise EngineDied("it died twice")

    parts = WorkerParts(model=DyingModel(["a"]))
    parts.jobs.enqueue_job(request("deadly"))
    parts.worker.turn()
    assert [result.outcome for result in parts.delivered] == [Outcome.FAILED]
    assert parts.delivered[0].reason == "it died twice"
    assert (parts.ledger.dead_letters, parts.ledger.put_off_jobs) == (["deadly"], [])
    parts = WorkerParts(model=ScriptedLanguageModel(["a b c"]))
    parts.stopping.set()
    parts.jobs.enqueue_job(request("later"))
    parts.worker.turn()
    assert parts.delivered == []
    assert (parts.ledger.dead_letters, parts.ledger.put_off_jobs) == ([], ["later"])


def test_each_attempt_is_counted_before_the_job_runs() -> None:
    parts = WorkerParts("light on")
    parts.jobs.enqueue_job(utterance("u"))
    parts.worker.turn()
    assert parts.ledger.begun == ["u"]


def test_a_recording_that_says_stop_is_answered_and_not_put_off() -> None:
    parts = WorkerParts("Stop.")
    parts.jobs.enqueue_job(Request("r", Operation.RECOGNIZE, b"sound"))
    parts.worker.turn()
    assert parts.outcomes == [("r", Outcome.CANCELLED)]
    assert parts.ledger.put_off_jobs == []


def test_an_answer_waits_if_the_supply_becomes_weak_while_the_worker_waits_for_a_job() -> None:
    parts = WorkerParts(model=ScriptedLanguageModel(["because"]))
    wait = parts.jobs._changed.wait

    def grow_weak(timeout: float) -> bool:
        parts.board.now = BoardState(low_voltage=True)
        if not parts.jobs.depth().requests:
            parts.jobs.enqueue_job(request("why"))
        return wait(timeout)

    parts.jobs._changed.wait = grow_weak  # type: ignore[method-assign, assignment]
    parts.worker.turn()
    assert (parts.outcomes, parts.jobs.depth().requests) == ([], 1)
