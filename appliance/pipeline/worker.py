"""The worker: takes the next job, runs it through the pipeline, has it confirmed and committed."""

from __future__ import annotations

import contextlib
import dataclasses
import logging
import threading
from typing import TYPE_CHECKING

import msgspec
from msgspec import UNSET

from appliance.errors import EngineDied
from appliance.events import ActivityChanged
from appliance.ids import boot_seconds
from appliance.jobs.finished_job_log import log_fields, log_line, without_words
from appliance.jobs.job_queue import is_quick
from appliance.jobs.result_builder import SAID_STOP, ResultBuilder
from appliance.pipeline.route import Stage, route_of
from appliance.threads import LoopBody
from appliance.values import Activity, Outcome, Request, Utterance

if TYPE_CHECKING:
    from appliance.dialogue.confirm_and_session import Dialogue
    from appliance.dialogue.request_confirmation import RequestConfirmation
    from appliance.events import EventBus
    from appliance.jobs.commit_stage import JobLedger
    from appliance.jobs.job_queue import JobQueue, QueuedJob
    from appliance.pipeline.pipeline import Pipeline
    from appliance.system.board_monitor import BoardMonitor
    from appliance.system.board_state import BoardState
    from appliance.threads import StopSignal
    from appliance.values import Job, Result

logger = logging.getLogger(__name__)

POLL_S = 0.2
"""Seconds that a turn waits for a job; a stop is noticed between turns."""

MOST_INTERRUPTIONS = 2
"""Maximum depth of nested interruptions of one job by speech: "stop" must not wait for an answer to
end, nor for an answer that interrupted that one."""

CANCELLED = "it was cancelled while it was at work"
LATE = "its time was over before it was done"
STOPPED = "the appliance was stopped before it was done"


class Worker(LoopBody):
    """Does one job at a time, so that peak memory is bounded; speech interrupts a written answer.

    A Loop calls `start`, `turn` and `stop`; they open, use and close the models in one thread,
    since the language model's process ends with the thread that started it. Any thread may call the
    rest.
    """

    def __init__(  # noqa: PLR0913  (the stages in their order, then what it looks at)
        self,
        queue: JobQueue,
        pipeline: Pipeline,
        dialogue: Dialogue,
        ledger: JobLedger,
        *,
        confirmation: RequestConfirmation,
        board: BoardMonitor,
        events: EventBus,
        stopping: StopSignal,
    ) -> None:
        self._queue = queue
        self._pipeline = pipeline
        self._dialogue = dialogue
        self._confirmation = confirmation
        self._ledger = ledger
        self._board = board
        self._events = events
        self._stopping = stopping
        self._abandoned = threading.Event()

    def start(self) -> None:
        """Load the models; ModelMissing or EngineError if they cannot be."""
        self._pipeline.open()

    def turn(self) -> None:
        """Do one job, or wait a moment for one."""
        # If the supply is too weak for the language model, jobs that need it wait.
        queued = self._queue.dequeue_job(POLL_S, lambda: not self._board.low_voltage)
        if queued is None:
            if self._pipeline.language_model is not None:
                self._pipeline.language_model.restart_if_dead()
            return
        self._events.emit(ActivityChanged("worker", Activity.THINKING))
        try:
            self._do(queued)
        finally:
            self._events.emit(ActivityChanged("worker", Activity.IDLE))

    def stop(self) -> None:
        """Answer waiting speech as `cancelled`, and close the models.

        Requests stay in the journal and run after the restart.
        """
        self._cancel_waiting_speech()
        self._dialogue.stop(STOPPED)
        self._pipeline.close()

    def abandon(self) -> None:
        """Give up the job in progress, because it takes too long at a stop.

        Speech is answered as cancelled; a request runs again after the restart.
        """
        self._abandoned.set()
        for job in self._queue.in_progress():
            if isinstance(job, Request):
                self._ledger.put_off(job)
            else:
                self._cancel_for_good(job)
        self._cancel_waiting_speech()

    def _cancel_waiting_speech(self) -> None:
        for job in self._queue.drain():
            if not isinstance(job, Request):
                self._cancel_for_good(job)

    def _cancel_for_good(self, job: Job) -> None:
        builder = ResultBuilder(job, self._pipeline.language, self._board.state())
        builder.end(Outcome.CANCELLED, STOPPED)
        self._finish(job, builder.result())

    def _do(self, queued: QueuedJob) -> None:
        job = queued.job
        self._ledger.begin(job)
        try:
            result, dead_letter = self._result_of(queued)
            result = self._unless_unwanted(job, result)
            if self._abandoned.is_set():
                return  # it has been answered already
            if self._is_put_off(job, result):
                logger.info("request %s runs again after the restart", job.id)
                self._ledger.put_off(job)
            else:
                self._finish(job, result, dead_letter=dead_letter)
        finally:
            self._queue.finish(job)

    def _result_of(self, queued: QueuedJob) -> tuple[Result, bool]:
        """The result, and whether the job crashed, so that its request becomes a dead letter."""
        job = queued.job
        board = dataclasses.replace(self._board.state(), offered_at=queued.queued_at)
        self._pipeline.use_pace(board.pace)
        try:
            return self._pipeline.process_job(job, board, lambda: self._must_stop(job)), False
        except EngineDied as error:
            return self._failed(job, board, str(error)), True
        except Exception as error:
            # A request that meets a bug of ours would come back from the journal after each
            # restart. So the job fails, and the log holds the traceback.
            message = "job %s failed because of a bug in the appliance"
            logger.error(message, job.id, exc_info=without_words(error))  # noqa: TRY400
            logger.debug("%s: %s", job.id, error)
            reason = f"a bug in the appliance ({type(error).__name__}: {error})"
            return self._failed(job, board, reason), True

    def _failed(self, job: Job, board: BoardState, reason: str) -> Result:
        builder = ResultBuilder(job, self._pipeline.language, board)
        builder.end(Outcome.FAILED, reason)
        return builder.result()

    def _must_stop(self, job: Job) -> bool:
        """Called repeatedly while a model works on a job."""
        if len(self._queue.in_progress()) <= MOST_INTERRUPTIONS:
            self._do_waiting_speech()
            if isinstance(job, Request) and not is_quick(job):
                self._do_waiting_text()
        return self._stopping.is_set() or self._queue.is_cancelled(job) or _is_late(job)

    def _do_waiting_speech(self) -> None:
        """Recognise waiting speech at full speed; the language model is paused."""
        model = self._pipeline.language_model
        while (queued := self._queue.dequeue_speech()) is not None:
            with contextlib.nullcontext() if model is None else model.suspended():
                self._do(queued)

    def _do_waiting_text(self) -> None:
        """Parse one waiting text: it takes milliseconds, so it delays the job little."""
        model = self._pipeline.language_model
        if (queued := self._queue.dequeue_quick()) is not None:
            with contextlib.nullcontext() if model is None else model.suspended():
                self._do(queued)

    def _unless_unwanted(self, job: Job, result: Result) -> Result:
        """The result, without content if it was cancelled or is late: no lamp may act on it."""
        if isinstance(job, Request) and self._queue.is_cancelled(job):
            return _unwanted(result, Outcome.CANCELLED, CANCELLED)
        if _is_late(job) and result.outcome is not Outcome.EXPIRED:
            return _unwanted(result, Outcome.EXPIRED, LATE)
        return result

    def _is_put_off(self, job: Job, result: Result) -> bool:
        """Whether a stop interrupted a request, which stays in the journal without an answer."""
        interrupted = isinstance(job, Request) and result.outcome is Outcome.CANCELLED
        return interrupted and self._stopping.is_set() and result.reason != SAID_STOP

    def _finish(self, job: Job, result: Result, *, dead_letter: bool = False) -> None:
        """Pass an acting result to CONFIRM, and any other to COMMIT."""
        logger.info("%s", log_line(job, result), extra={"fields": log_fields(job, result)})
        words = "%s: text %r, answer %r, reason %r"
        logger.debug(words, result.id, result.text, result.answer, result.reason)
        if Stage.CONFIRM not in route_of(job) or dead_letter:
            self._ledger.commit_job(job, result, dead_letter=dead_letter)
        elif isinstance(job, Utterance):
            self._dialogue.confirm_result(job, result)
        elif isinstance(job, Request):
            self._confirmation.confirm_result(job, result)


def _is_late(job: Job) -> bool:
    if not isinstance(job, Request) or job.expires_at is None:
        return False
    return boot_seconds() >= job.expires_at


def _unwanted(result: Result, outcome: Outcome, reason: str) -> Result:
    return msgspec.structs.replace(
        result, outcome=outcome, reason=reason, intent=None, intents=UNSET, answer=None, text=None
    )
