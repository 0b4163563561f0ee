"""The worker, turn by turn, without its thread."""

from __future__ import annotations

import dataclasses
import logging
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hassil import Intents

from appliance.engines.scripted import ScriptedLanguageModel, ScriptedTranscriber
from appliance.errors import EngineDied, EngineError
from appliance.ids import boot_seconds
from appliance.jobs.job_queue import JobQueue
from appliance.pipeline.engine_context import EngineContext
from appliance.pipeline.worker import Worker
from appliance.recognition.free_recogniser import FreeRecogniser
from appliance.sentences.sentence_files import DeclaredIntent
from appliance.sentences.sentence_set import SentenceSet
from appliance.system.board_state import BoardState
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

    from appliance.values import Job, Samples

SENTENCES = SentenceSet(
    "en",
    Intents.from_dict(
        {"language": "en", "intents": {"Light": {"data": [{"sentences": ["light on"]}]}}}
    ),
    {"Light": DeclaredIntent("Light")},
)


class House:
    """A worker with what it needs, and what it delivered."""

    def __init__(self, *said: str, model: object = None) -> None:
        self.jobs = JobQueue(maximum_requests=10)
        self.delivered: list[Result] = []
        self.shown: list[Activity] = []
        self.stopping = False
        transcriber = ScriptedTranscriber(said)
        mind = EngineContext(
            FreeRecogniser(transcriber, 0.6),
            transcriber,
            SENTENCES,
            model,  # type: ignore[arg-type]
            lambda _: np.ones(1600, np.float32),
            answers_speech=True,
        )
        self.situation = BoardState(reading=BoardReading(temperature_c=61.2))
        self.worker = Worker(
            *(self.jobs, mind, self.deliver),
            situation=lambda: self.situation,
            show=self.shown.append,
            stopping=lambda: self.stopping,
        )

    def deliver(self, job: Job, result: Result) -> None:
        assert job.id == result.id
        self.delivered.append(result)

    @property
    def outcomes(self) -> list[tuple[str, Outcome]]:
        return [(result.id, result.outcome) for result in self.delivered]


def utterance(name: str) -> Utterance:
    return Utterance(name, np.ones(30_400, np.float32), Trigger.ALWAYS, 0.0, 0.0)


def request(name: str, operation: Operation = Operation.ANSWER) -> Request:
    return Request(name, operation, b"why")


def test_a_job_is_done_shown_and_delivered() -> None:
    house = House("light on")
    house.jobs.offer(utterance("abcd-7f3a"))
    house.worker.turn()
    assert house.outcomes == [("abcd-7f3a", Outcome.INTENT)]
    assert house.shown == [Activity.THINKING, Activity.IDLE]


def test_the_log_has_one_line_a_job_without_a_word_of_what_was_said(
    caplog: pytest.LogCaptureFixture,
) -> None:
    house = House("light on")
    house.jobs.offer(utterance("abcd-7f3a"))
    with caplog.at_level(logging.INFO):
        house.worker.turn()
    (line,) = caplog.messages
    assert line.startswith("answered speech 7f3a in ")
    assert "intent Light by grammar, heard 1.9 s" in line
    assert line.endswith("pace full, 61 °C")
    assert "light on" not in line


def test_what_was_said_is_in_the_log_at_debug_level(caplog: pytest.LogCaptureFixture) -> None:
    house = House("light on")
    house.jobs.offer(utterance("u"))
    with caplog.at_level(logging.DEBUG):
        house.worker.turn()
    assert any("light on" in message for message in caplog.messages)


def test_a_fault_of_ours_fails_one_job_and_the_next_is_done() -> None:
    house = House("light on")
    house.worker._mind.decode = None  # type: ignore[assignment]  # a bug, whatever it is
    house.jobs.offer(request("bad", Operation.TRANSCRIBE))
    house.jobs.offer(request("good", Operation.PARSE))
    house.worker.turn()
    house.worker.turn()
    assert house.outcomes == [("bad", Outcome.FAILED), ("good", Outcome.NOT_UNDERSTOOD)]
    assert house.delivered[0].reason is not None
    assert "TypeError" in house.delivered[0].reason


PRIVATE = "my secret diary entry"


@pytest.mark.parametrize(
    ("failure", "line"),
    [
        (
            EngineError(f"the schema is no JSON Schema: .type {PRIVATE!r} is not valid"),
            "failed (the schema is no JSON Schema), ",
        ),
        (KeyError(PRIVATE), "failed (a fault of the appliance (KeyError), "),
    ],
)
def test_the_log_has_no_word_of_a_request_that_failed_by_its_words(
    failure: Exception, line: str, caplog: pytest.LogCaptureFixture
) -> None:
    house = House(model=ScriptedLanguageModel([failure]))
    house.jobs.offer(request("r"))
    with caplog.at_level(logging.INFO):
        house.worker.turn()
    assert PRIVATE not in caplog.text
    assert line in caplog.text
    # Who asked is told all of it.
    assert PRIVATE in (house.delivered[0].reason or "")


def test_a_request_that_a_stop_breaks_off_is_not_answered_so_that_it_is_done_later() -> None:
    house = House(model=ScriptedLanguageModel(["a b c"]))
    house.jobs.offer(request("r"))
    house.stopping = True
    house.worker.turn()
    assert house.delivered == []


def test_speech_that_a_stop_breaks_off_is_cancelled() -> None:
    house = House("why", model=ScriptedLanguageModel(["a b c"]))
    house.jobs.offer(utterance("u"))
    house.stopping = True
    house.worker.turn()
    assert house.outcomes == [("u", Outcome.CANCELLED)]


def test_speech_being_recognised_at_a_stop_is_finished() -> None:
    house = House("light on")
    house.jobs.offer(utterance("u"))
    house.stopping = True
    house.worker.turn()
    assert house.outcomes == [("u", Outcome.INTENT)]


def test_at_a_stop_waiting_speech_is_cancelled_and_waiting_requests_stay() -> None:
    house = House()
    for job in (request("r"), utterance("u1"), utterance("u2")):
        house.jobs.offer(job)
    house.worker.let_go()
    assert house.outcomes == [("u1", Outcome.CANCELLED), ("u2", Outcome.CANCELLED)]


class Cancelling(ScriptedLanguageModel):
    """A language model during whose work somebody cancels it."""

    house: House

    def complete(
        self,
        question: Question,
        stopping: Callable[[], bool],
        tell: Callable[[str | None], None] | None = None,
    ) -> Completion:
        assert self.house.worker.cancel("another") is False
        assert self.house.worker.cancel("r") is True
        return super().complete(question, stopping, tell)


def test_a_request_cancelled_while_it_is_written_is_answered_as_cancelled() -> None:
    model = Cancelling(["a b c"])
    house = model.house = House(model=model)
    house.jobs.offer(request("r"))
    house.worker.turn()
    assert house.outcomes == [("r", Outcome.CANCELLED)]
    assert house.worker.cancel("r") is False


def test_a_weak_supply_defers_the_model_s_requests_and_nothing_else() -> None:
    house = House("light on", model=ScriptedLanguageModel(["because"]))
    house.situation = BoardState(low_voltage=True)
    expired = dataclasses.replace(request("late"), expires_at=1.0)
    for job in (request("why"), request("read", Operation.PARSE), expired, utterance("said")):
        house.jobs.offer(job)
    for _ in range(4):
        house.worker.turn()
    done = [
        ("said", Outcome.INTENT),
        ("read", Outcome.NOT_UNDERSTOOD),
        ("late", Outcome.EXPIRED),
    ]
    assert house.outcomes == done
    house.situation = BoardState()
    house.worker.turn()
    assert house.outcomes == [*done, ("why", Outcome.ANSWER)]


def test_speech_that_the_model_would_answer_is_not_understood_on_a_weak_supply() -> None:
    house = House("why", model=ScriptedLanguageModel(["because"]))
    house.situation = BoardState(low_voltage=True)
    house.jobs.offer(utterance("u"))
    house.worker.turn()
    assert house.outcomes == [("u", Outcome.NOT_UNDERSTOOD)]


def test_a_result_carries_the_joules_of_its_own_work() -> None:
    house = House("light on")
    house.situation = BoardState(joules=iter([100.0, 102.5]).__next__)
    house.jobs.offer(utterance("u"))
    house.worker.turn()
    assert house.delivered[0].energy_j == 2.5


def test_a_board_without_a_meter_gives_no_joules() -> None:
    house = House("light on")
    house.situation = BoardState(joules=lambda: None)
    house.jobs.offer(utterance("u"))
    house.worker.turn()
    assert house.delivered[0].energy_j is None


def test_the_journal_gets_a_job_s_facts_as_fields_and_no_word_of_what_was_said(
    caplog: pytest.LogCaptureFixture,
) -> None:
    house = House("light on")
    house.jobs.offer(utterance("abcd-7f3a"))
    with caplog.at_level(logging.INFO):
        house.worker.turn()
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


class SpokenTo(ScriptedLanguageModel):
    """A language model during whose work somebody speaks."""

    house: House

    def complete(
        self,
        question: Question,
        stopping: Callable[[], bool],
        tell: Callable[[str | None], None] | None = None,
    ) -> Completion:
        self.house.jobs.offer(utterance("u1"))
        self.house.jobs.offer(utterance("u2"))
        self.house.jobs.offer(request("r2", Operation.PARSE))
        return super().complete(question, stopping, tell)


def test_speech_is_done_while_the_model_stands_still_and_then_it_writes_on() -> None:
    model = SpokenTo(["a b c"])
    house = model.house = House("light on", "light on", model=model)
    house.jobs.offer(request("r"))
    house.worker.turn()
    assert house.outcomes == [
        ("u1", Outcome.INTENT),
        ("u2", Outcome.INTENT),
        ("r", Outcome.ANSWER),
    ]
    assert model.pauses == 2
    assert house.jobs.depth().requests == 1


def test_a_request_is_cancelled_while_speech_is_done_in_between() -> None:
    model = SpokenTo(["a b c"])
    house = model.house = House("light on", "light on", model=model)
    begun = house.jobs.offer(request("r"))
    house.jobs._begin = lambda job: house.worker.cancel("r") if job.id == "u1" else None  # type: ignore[assignment]
    house.worker.turn()
    assert begun
    assert ("u1", Outcome.INTENT) in house.outcomes
    assert house.outcomes[-1] == ("r", Outcome.CANCELLED)


def test_a_stop_phrase_passes_an_answer_to_speech_and_never_reaches_the_model() -> None:
    class Interrupted(ScriptedLanguageModel):
        def complete(
            self,
            question: Question,
            stopping: Callable[[], bool],
            tell: Callable[[str | None], None] | None = None,
        ) -> Completion:
            house.jobs.offer(utterance("stop"))
            return super().complete(question, stopping, tell)

    model = Interrupted(["a b c"])
    house = House("what is it", "Stop.", model=model)
    house.worker._mind.means_stop = lambda text: text == "Stop."
    deliver = house.worker._deliver

    def take(job: Job, result: Result) -> None:
        if result.text == "Stop.":
            assert house.worker.cancel("question")
        deliver(job, result)

    house.worker._deliver = take
    house.jobs.offer(utterance("question"))
    house.worker.turn()

    assert house.outcomes == [("stop", Outcome.CANCELLED), ("question", Outcome.CANCELLED)]
    assert len(model.asked) == 1
    assert not house.worker.cancel("question")


def test_an_idle_turn_looks_after_the_model() -> None:
    class Watched(ScriptedLanguageModel):
        looks = 0

        def restart_if_dead(self) -> None:
            self.looks += 1

    model = Watched([])
    House(model=model).worker.turn()
    assert model.looks == 1


def test_the_engines_are_told_of_the_pace_before_a_job_is_begun() -> None:
    house = House("light on", "light on")
    told: list[Pace] = []
    house.worker._mind.ease = told.append
    for pace in (Pace.EASED, Pace.FULL):
        house.situation = BoardState(pace=pace)
        house.jobs.offer(utterance("u"))
        house.worker.turn()
        assert house.delivered[-1].pace is pace
    assert told == [Pace.EASED, Pace.FULL]


def test_a_transcript_that_was_cancelled_meanwhile_is_not_given() -> None:
    house = House("turn on the light")
    decode = house.worker._mind.decode

    def cancelled_meanwhile(sound: bytes) -> Samples:
        assert house.worker.cancel("t")
        return decode(sound)

    house.worker._mind.decode = cancelled_meanwhile
    house.jobs.offer(request("t", Operation.TRANSCRIBE))
    house.worker.turn()
    (result,) = house.delivered
    assert (result.outcome, result.text, result.intent) == (Outcome.CANCELLED, None, None)


def test_a_request_whose_time_ends_while_it_is_at_work_is_expired_and_gives_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    house = House("turn on the light")
    end = boot_seconds() + 60
    decode = house.worker._mind.decode

    def slow(sound: bytes) -> Samples:
        monkeypatch.setattr("appliance.pipeline.worker.boot_seconds", lambda: end + 1)
        return decode(sound)

    house.worker._mind.decode = slow
    house.jobs.offer(dataclasses.replace(request("t", Operation.TRANSCRIBE), expires_at=end))
    house.worker.turn()
    (result,) = house.delivered
    assert (result.outcome, result.text) == (Outcome.EXPIRED, None)


def test_whoever_brought_the_work_hears_what_does_harm_and_what_a_stop_breaks_off() -> None:
    class Deadly(ScriptedLanguageModel):
        def complete(self, *_: object) -> Completion:
            raise EngineDied("it died twice")

    house = House(model=Deadly(["a"]))
    told: list[tuple[str, str]] = []
    house.worker._give_up = lambda job: told.append(("harm", job.id))
    house.worker._put_off = lambda job: told.append(("put off", job.id))
    house.jobs.offer(request("deadly"))
    house.worker.turn()
    assert [result.outcome for result in house.delivered] == [Outcome.FAILED]
    assert house.delivered[0].reason == "it died twice"
    assert told == [("harm", "deadly")]
    house = House(model=ScriptedLanguageModel(["a b c"]))
    house.worker._put_off = lambda job: told.append(("put off", job.id))
    house.stopping = True
    house.jobs.offer(request("later"))
    house.worker.turn()
    assert house.delivered == []
    assert told[-1] == ("put off", "later")
