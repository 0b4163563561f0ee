"""What the thread that thinks does: takes the next job, turns it into a result, hands that over."""

from __future__ import annotations

import contextlib
import dataclasses
import logging
from typing import TYPE_CHECKING

import msgspec

from appliance.errors import EngineDied
from appliance.ids import boot_seconds
from appliance.jobs.job_log import facts, told, without_words
from appliance.jobs.result_builder import ResultBuilder
from appliance.pipeline.execute import answer
from appliance.values import Activity, Operation, Outcome, Request

if TYPE_CHECKING:
    from collections.abc import Callable

    from appliance.jobs.job_queue import JobQueue, Ticket
    from appliance.pipeline.engine_context import EngineContext
    from appliance.system.board_state import BoardState
    from appliance.values import Job, Result

logger = logging.getLogger(__name__)

PATIENCE = 0.2
"""Seconds that a turn waits for work before it looks whether to stop."""

MOST_LET_IN = 2
"""Sentences that one job may let in before it is done, each within the other: "stop" must not wait
for an answer to end, nor for an answer that was let in before that one."""

CANCELLED = "it was cancelled while it was at work"
LATE = "its time was over before it was done"
STOPPED = "the appliance was stopped before it was done"


class Worker:
    """All inference, one job at a time: the peak of memory is known, and the CPU not fought for."""

    def __init__(  # noqa: PLR0913  (callbacks by name)
        self,
        jobs: JobQueue,
        mind: EngineContext,
        deliver: Callable[[Job, Result], None],
        *,
        situation: Callable[[], BoardState],
        show: Callable[[Activity], None] = lambda _: None,
        stopping: Callable[[], bool] = lambda: False,
        put_off: Callable[[Job], None] = lambda _: None,
        give_up: Callable[[Job], None] = lambda _: None,
    ) -> None:
        """`put_off` is told of a request that a stop breaks off, `give_up` of one that does harm.

        The latter before its result is delivered.
        """
        self._jobs = jobs
        self._mind = mind
        self._deliver = deliver
        self._situation = situation
        self._show = show
        self._stopping = stopping
        self._put_off = put_off
        self._give_up = give_up
        self._cancelled: set[str] = set()
        self._abandoned = False
        self._at_work: list[Job] = []
        """The job in hand and, while it stands still, the speech that was let in before it."""

    def turn(self) -> None:
        """Do one job, or wait a moment for one."""
        ticket = self._jobs.take(PATIENCE, self._is_deferred)
        if ticket is None:
            if self._mind.language_model is not None:
                self._mind.language_model.restart_if_dead()
            return
        self._show(Activity.THINKING)
        try:
            self._do(ticket)
        finally:
            self._jobs.done()
            self._show(Activity.IDLE)

    def _is_deferred(self, job: Job) -> bool:
        """Whether it needs the language model while the supply is too weak: it waits its time."""
        return (
            isinstance(job, Request)
            and job.operation is Operation.ANSWER
            and (job.expires_at is None or boot_seconds() < job.expires_at)
            and self._situation().low_voltage
        )

    def cancel(self, job_id: str) -> bool:
        """Stop a job at work; False when it is none of those. Its outcome becomes `cancelled`."""
        job = self._jobs.in_hand
        if job_id not in {one.id for one in [job, *self._at_work] if one is not None}:
            return False
        self._cancelled.add(job_id)
        return True

    def let_go(self) -> None:
        """On a stop: say of what still waits that it was cancelled.

        Requests are left alone: they stand in the journal, and are done after the restart.
        """
        for job in self._jobs.drain():
            if not isinstance(job, Request):
                self._cancel_for_good(job)

    def abandon(self) -> None:
        """At a stop, from another thread: the job in hand takes longer than there is time for.

        What was said is answered as cancelled; a request goes on after the restart.
        """
        self._abandoned = True
        for job in list(self._at_work):
            if isinstance(job, Request):
                self._put_off(job)
            else:
                self._cancel_for_good(job)
        self.let_go()

    def _cancel_for_good(self, job: Job) -> None:
        draft = ResultBuilder(job, self._mind.sentences.language, self._situation())
        draft.end(Outcome.CANCELLED, STOPPED)
        self._hand_over(job, draft.result())

    def _do(self, ticket: Ticket) -> None:
        self._at_work.append(ticket.job)
        try:
            self._answer(ticket)
        finally:
            self._at_work.pop()
            self._cancelled.discard(ticket.job.id)

    def _answer(self, ticket: Ticket) -> None:
        job = ticket.job
        situation = dataclasses.replace(self._situation(), offered_at=ticket.offered_at)
        self._mind.ease(situation.pace)
        try:
            result = answer(job, self._mind, situation, lambda: self._must_leave(job))
        except EngineDied as error:
            result = self._failed(job, situation, str(error))
        except Exception as error:
            # A fault of ours must not be met again and again: a request would come back from
            # the journal after each restart. So the job fails, and the log holds the trace.
            message = "job %s failed by a fault of the appliance"
            logger.error(message, job.id, exc_info=without_words(error))  # noqa: TRY400
            logger.debug("%s: %s", job.id[-4:], error)
            reason = f"a fault of the appliance ({type(error).__name__}: {error})"
            result = self._failed(job, situation, reason)
        result = self._as_wanted(job, result)
        if self._abandoned:
            return  # it has been told already
        if self._is_put_off(job, result):
            logger.info("request %s goes on after the restart", job.id[-4:])
            self._put_off(job)
        else:
            self._hand_over(job, result)

    def _failed(self, job: Job, situation: BoardState, reason: str) -> Result:
        """The result of a job that may fail at every try; whoever brought it is told."""
        self._give_up(job)
        draft = ResultBuilder(job, self._mind.sentences.language, situation)
        draft.end(Outcome.FAILED, reason)
        return draft.result()

    def _must_leave(self, job: Job) -> bool:
        """Asked again and again while the language model is at work on a job."""
        if len(self._at_work) <= MOST_LET_IN:
            self._let_speech_in()
        return self._stopping() or job.id in self._cancelled or _is_late(job)

    def _let_speech_in(self) -> None:
        """Whoever spoke meanwhile is heard now, at full speed: the model stands still."""
        model = self._mind.language_model
        while (ticket := self._jobs.take_speech()) is not None:
            with contextlib.nullcontext() if model is None else model.suspended():
                self._do(ticket)

    def _as_wanted(self, job: Job, result: Result) -> Result:
        """What nobody wants any more is not given: a lamp must not act on it late."""
        if isinstance(job, Request) and job.id in self._cancelled:
            return _unwanted(result, Outcome.CANCELLED, CANCELLED)
        if _is_late(job) and result.outcome is not Outcome.EXPIRED:
            return _unwanted(result, Outcome.EXPIRED, LATE)
        return result

    def _is_put_off(self, job: Job, result: Result) -> bool:
        """Whether a request was broken off by a stop; it must not be answered, it stays."""
        broken_off = isinstance(job, Request) and result.outcome is Outcome.CANCELLED
        return broken_off and job.id not in self._cancelled

    def _hand_over(self, job: Job, result: Result) -> None:
        logger.info("%s", told(job, result), extra={"fields": facts(job, result)})
        words = "%s: text %r, answer %r, reason %r"
        logger.debug(words, result.id[-4:], result.text, result.answer, result.reason)
        self._deliver(job, result)


def _is_late(job: Job) -> bool:
    if not isinstance(job, Request) or job.expires_at is None:
        return False
    return boot_seconds() >= job.expires_at


def _unwanted(result: Result, outcome: Outcome, reason: str) -> Result:
    return msgspec.structs.replace(
        result, outcome=outcome, reason=reason, intent=None, answer=None, text=None
    )
