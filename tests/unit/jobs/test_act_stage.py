"""The stage ACT: which intents are carried out, and what becomes of a failure."""

from __future__ import annotations

import dataclasses

import msgspec
import numpy as np
import pytest

from appliance.errors import EngineError
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
