"""What the thread that thinks does: takes the next job, turns it into a result, hands that over."""

from __future__ import annotations

import dataclasses
import logging
import time
from typing import TYPE_CHECKING

from appliance.inference.answer import answer
from appliance.inference.draft import Draft
from appliance.values import Activity, Operation, Outcome, Request, Utterance

if TYPE_CHECKING:
    from collections.abc import Callable

    from appliance.inference.jobs import Jobs, Ticket
    from appliance.inference.mind import Mind, Situation
    from appliance.values import Job, Result

logger = logging.getLogger(__name__)

PATIENCE = 0.2
"""Seconds that a turn waits for work before it looks whether to stop."""

STOPPED = "the appliance was stopped before its turn came"


class Worker:
    """All inference, one job at a time: the peak of memory is known, and the CPU not fought for."""

    def __init__(
        self,
        jobs: Jobs,
        mind: Mind,
        deliver: Callable[[Job, Result], None],
        *,
        situation: Callable[[], Situation],
        show: Callable[[Activity], None] = lambda _: None,
        stopping: Callable[[], bool] = lambda: False,
    ) -> None:
        self._jobs = jobs
        self._mind = mind
        self._deliver = deliver
        self._situation = situation
        self._show = show
        self._stopping = stopping
        self._doing: str | None = None
        self._cancelled: str | None = None

    def turn(self) -> None:
        """Do one job, or wait a moment for one."""
        ticket = self._jobs.take(PATIENCE, self._is_deferred)
        if ticket is None:
            return
        self._show(Activity.THINKING)
        self._doing = ticket.job.id
        try:
            self._do(ticket)
        finally:
            self._doing = None
            self._show(Activity.IDLE)

    def _is_deferred(self, job: Job) -> bool:
        """Whether it needs the language model while the supply is too weak: it waits its time."""
        return (
            isinstance(job, Request)
            and job.operation is Operation.ANSWER
            and (job.expires_at is None or time.time() < job.expires_at)
            and self._situation().low_voltage
        )

    def cancel(self, job_id: str) -> bool:
        """Stop a job that the language model is at work on; its outcome becomes `cancelled`."""
        if self._doing != job_id:
            return False
        self._cancelled = job_id
        return True

    def let_go(self) -> None:
        """On a stop: say of what still waits that it was cancelled.

        Requests are left alone: they stand in the journal, and are done after the restart.
        """
        for job in self._jobs.drain():
            if not isinstance(job, Request):
                draft = Draft(job, self._mind.sentences.language, self._situation())
                draft.end(Outcome.CANCELLED, STOPPED)
                self._hand_over(job, draft.result())

    def _do(self, ticket: Ticket) -> None:
        job = ticket.job
        situation = dataclasses.replace(self._situation(), offered_at=ticket.offered_at)
        try:
            result = answer(job, self._mind, situation, lambda: self._must_leave(job))
        except Exception as error:
            # A fault of ours must not be met again and again: a request would come back from
            # the journal after each restart. So the job fails, and the log holds the trace.
            logger.exception("job %s failed by a fault of the appliance", job.id)
            draft = Draft(job, self._mind.sentences.language, situation)
            draft.end(Outcome.FAILED, f"a fault of the appliance ({type(error).__name__}: {error})")
            result = draft.result()
        if self._is_put_off(job, result):
            logger.info("request %s goes on after the restart", job.id[-4:])
        else:
            self._hand_over(job, result)

    def _must_leave(self, job: Job) -> bool:
        return self._stopping() or self._cancelled == job.id

    def _is_put_off(self, job: Job, result: Result) -> bool:
        """Whether a request was broken off by a stop; it must not be answered, it stays."""
        broken_off = isinstance(job, Request) and result.outcome is Outcome.CANCELLED
        return broken_off and self._cancelled != job.id

    def _hand_over(self, job: Job, result: Result) -> None:
        logger.info("%s", told(job, result))
        logger.debug("%s: text %r, answer %r", result.id[-4:], result.text, result.answer)
        self._deliver(job, result)


def told(job: Job, result: Result) -> str:
    """A finished job in one line, without a word of what was said."""
    timings = result.timings_ms
    total = timings.get("total_after_speech", timings.get("total", 0.0)) / 1000
    facts = [_outcome(result)]
    if isinstance(job, Utterance):
        facts.append(f"heard {job.seconds:.1f} s")
    for stage, words in (("queued", "waited"), ("transcribe", "transcribed"), ("answer", "wrote")):
        if timings.get(stage, 0.0) >= 1.0:
            facts.append(f"{words} {timings[stage] / 1000:.2f} s")
    facts.append(f"pace {result.pace}")
    if result.temperature_c is not None:
        facts.append(f"{result.temperature_c:.0f} °C")
    return f"answered {_kind(job)} {job.id[-4:]} in {total:.2f} s: {', '.join(facts)}"


def _outcome(result: Result) -> str:
    if result.outcome is Outcome.INTENT and result.intent is not None:
        return f"intent {result.intent.name} by {result.intent.by}"
    words = result.outcome.replace("_", " ")
    return f"{words} ({result.reason})" if result.reason else words


def _kind(job: Job) -> str:
    if isinstance(job, Utterance):
        return "speech"
    return f"{job.operation} request" if isinstance(job, Request) else "text"
