"""The stage COMMIT: what a client with a connection of its own asks for is done for it alone."""

from __future__ import annotations

import msgspec
from support.pipeline_parts import RecordedEvents

from appliance.events import JobFinished
from appliance.jobs.commit_stage import JobLedger
from appliance.jobs.result_builder import ResultBuilder
from appliance.system.board_state import BoardState
from appliance.values import ClientRequest, Intent, Operation, Outcome, Result


def test_an_intent_of_a_client_is_not_carried_out_and_not_published() -> None:
    events = RecordedEvents()
    # Without a journal, a committer and a stage ACT: any use of them would fail.
    ledger = JobLedger(None, None, events, None)  # type: ignore[arg-type]
    for operation in (Operation.PARSE, Operation.RECOGNIZE):
        job = ClientRequest("c", operation, "turn on the lamp")
        ledger.begin(job)
        ledger.commit_job(job, understood(job))
        ledger.put_off(job)
    assert [one.result.outcome for one in events.of(JobFinished)] == [Outcome.INTENT] * 2


def understood(job: ClientRequest) -> Result:
    builder = ResultBuilder(job, "en", BoardState())
    builder.end(Outcome.INTENT)
    return msgspec.structs.replace(builder.result(), intent=Intent("HassTurnOn"))
