"""The stage ACT: which intents are carried out, and what becomes of a failure."""

from __future__ import annotations

import dataclasses

import msgspec
import numpy as np
import pytest

from appliance.errors import EngineError, ServiceRefused
from appliance.jobs.act_stage import ActStage
from appliance.values import (
    Action,
    Intent,
    Message,
    Operation,
    Outcome,
    Request,
    Result,
    Source,
    Trigger,
    Utterance,
)

UTTERANCE = Utterance("u", np.zeros(160, np.float32), Trigger.BUTTON, 0.0, 0.0)
UNDERSTOOD = Result(
    id="u",
    source=Source.SPEECH,
    trigger=Trigger.BUTTON,
    language="en",
    outcome=Outcome.INTENT,
    text="turn on the lamp",
    intent=Intent("HassTurnOn", {"name": "lamp"}),
    at="2026-01-01T00:00:00.000Z",
)
LAMP_ON = Message("lamp/set", b"ON")


@dataclasses.dataclass
class RecordedHandler:
    """Knows one intent, and keeps what it was asked to carry out."""

    name: str
    action: Action = dataclasses.field(default_factory=lambda: Action("It is on.", (LAMP_ON,)))
    error: Exception | None = None
    asked: list[Result] = dataclasses.field(default_factory=list)

    def handle_intent(self, result: Result) -> Action | None:
        if result.intent is None or result.intent.name != self.name:
            return None
        self.asked.append(result)
        if self.error is not None:
            raise self.error
        return self.action


def test_the_first_handler_that_knows_the_intent_carries_it_out_and_its_answer_is_the_result() -> (
    None
):
    other, first, second = (RecordedHandler(name) for name in ("Other", *("HassTurnOn",) * 2))
    result, action = ActStage([other, first, second]).act(UTTERANCE, UNDERSTOOD)
    assert (result.answer, action.messages) == ("It is on.", (LAMP_ON,))
    assert (len(other.asked), len(first.asked), len(second.asked)) == (0, 1, 0)


def test_an_intent_without_a_handler_is_left_to_those_who_read_its_topic() -> None:
    acted = msgspec.structs.replace(UNDERSTOOD, acted=True)
    assert ActStage([RecordedHandler("Other")]).act(UTTERANCE, UNDERSTOOD) == (acted, Action())


@pytest.mark.parametrize("outcome", [one for one in Outcome if one is not Outcome.INTENT])
def test_no_other_outcome_is_carried_out(outcome: Outcome) -> None:
    handler = RecordedHandler("HassTurnOn")
    ended = msgspec.structs.replace(UNDERSTOOD, outcome=outcome)
    assert ActStage([handler]).act(UTTERANCE, ended) == (ended, Action())
    assert handler.asked == []


@pytest.mark.parametrize("operation", [Operation.PARSE, Operation.TRANSCRIBE, Operation.ANSWER])
def test_a_request_that_only_asks_what_was_understood_moves_nothing(operation: Operation) -> None:
    handler = RecordedHandler("HassTurnOn")
    result, _ = ActStage([handler]).act(Request("u", operation, b"turn on the lamp"), UNDERSTOOD)
    assert handler.asked == []
    assert not result.acted


@pytest.mark.parametrize("operation", [Operation.COMMAND, Operation.RECOGNIZE])
def test_a_command_and_a_recording_from_a_request_are_carried_out(operation: Operation) -> None:
    handler = RecordedHandler("HassTurnOn")
    result, _ = ActStage([handler]).act(Request("u", operation, b""), UNDERSTOOD)
    assert handler.asked == [UNDERSTOOD]
    assert result.acted


@pytest.mark.parametrize("error", [EngineError("the lamp is away"), ZeroDivisionError()])
def test_what_cannot_be_carried_out_is_a_failed_result_with_its_reason(error: Exception) -> None:
    handler = RecordedHandler("HassTurnOn", error=error)
    result, action = ActStage([handler]).act(UTTERANCE, UNDERSTOOD)
    assert (result.outcome, result.acted, action) == (Outcome.FAILED, False, Action())
    assert (str(error) or type(error).__name__) in (result.reason or "")


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (ServiceRefused("Hall lamp cannot be reached"), "Hall lamp cannot be reached"),
        (EngineError("errno 5"), None),
        (ZeroDivisionError(), None),
    ],
)
def test_only_a_refusal_in_words_is_said(error: Exception, said: str | None) -> None:
    result, _ = ActStage([RecordedHandler("HassTurnOn", error=error)]).act(UTTERANCE, UNDERSTOOD)
    assert (result.outcome, result.answer) == (Outcome.FAILED, said)


LOCK = Intent("Lock", {"name": "door"})
BOTH = msgspec.structs.replace(UNDERSTOOD, intents=(UNDERSTOOD.commands[0], LOCK))


def test_each_of_several_commands_is_carried_out_and_their_messages_go_together() -> None:
    lamp, lock = RecordedHandler("HassTurnOn"), RecordedHandler("Lock", Action("Locked."))
    result, action = ActStage((lock, lamp)).act(UTTERANCE, BOTH)
    assert [one.command_id for one in (*lamp.asked, *lock.asked)] == ["u.1", "u.2"]
    assert lock.asked[0].intent == LOCK
    assert (result.answer, result.acted, result.outcome) == (
        *("It is on. Locked.", True, Outcome.INTENT),
    )
    assert action.messages == (LAMP_ON,)
    assert result.not_done is msgspec.UNSET


def test_of_several_commands_one_that_fails_is_named_and_the_other_is_done() -> None:
    lamp = RecordedHandler("HassTurnOn")
    lock = RecordedHandler("Lock", error=EngineError("the door does not answer"))
    result, action = ActStage((lamp, lock)).act(UTTERANCE, BOTH)
    assert (result.outcome, result.acted, result.not_done) == (Outcome.INTENT, True, (2,))
    assert result.reason == "the door does not answer"
    assert result.answer == "It is on. the door does not answer"
    assert action.messages == (LAMP_ON,)


def test_several_commands_that_all_fail_are_a_failure() -> None:
    error = EngineError("no")
    handlers = RecordedHandler("HassTurnOn", error=error), RecordedHandler("Lock", error=error)
    result, action = ActStage(handlers).act(UTTERANCE, BOTH)
    assert (result.outcome, result.acted, action.messages) == (Outcome.FAILED, False, ())
