"""A result reaches everybody who waits for it, and nobody else."""

from __future__ import annotations

import pytest

from appliance.events import JobFinished, JobNotRun
from appliance.jobs.result_builder import ResultBuilder
from appliance.jobs.result_receivers import ResultReceivers
from appliance.system.board_state import BoardState
from appliance.values import Operation, Outcome, Request, Result


class Waiting:
    """Takes note of what was delivered."""

    def __init__(self) -> None:
        self.got: list[str] = []

    def deliver(self, result: Result) -> None:
        self.got.append(result.id)


@pytest.mark.parametrize("kind", [JobFinished, JobNotRun])
def test_a_result_reaches_everybody_who_waits_for_it(
    kind: type[JobFinished | JobNotRun],
) -> None:
    receivers: ResultReceivers[Waiting] = ResultReceivers()
    one, other, gone, stranger = (Waiting() for _ in range(4))
    for waiting in (one, other, gone):
        receivers.add("a", waiting)
    receivers.add("b", stranger)
    receivers.remove(gone)
    request = Request(id="a", operation=Operation.PARSE, payload=b"")
    builder = ResultBuilder(request, "en", BoardState())
    builder.end(Outcome.CANCELLED)
    receivers.on_event(kind(request, builder.result()))
    assert (one.got, other.got, gone.got, stranger.got) == (["a"], ["a"], [], [])
