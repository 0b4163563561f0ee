"""The stage COMMIT: records in the journal that a job has begun, was put off or has finished."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from appliance.errors import JournalError
from appliance.events import JobFinished, JobNotRun
from appliance.values import ClientRequest, Request

if TYPE_CHECKING:
    from appliance.events import EventBus
    from appliance.jobs.act_stage import ActStage
    from appliance.journal.journal import Journal
    from appliance.mqtt.result_commit import ResultCommitter
    from appliance.values import Job, Result

logger = logging.getLogger(__name__)


class JobLedger:
    """Journals requests and results; of speech only the result is written. Any thread."""

    def __init__(
        self,
        journal: Journal,
        committer: ResultCommitter,
        events: EventBus,
        act_stage: ActStage,
    ) -> None:
        self._journal = journal
        self._committer = committer
        self._act_stage = act_stage
        self._events = events

    def begin(self, job: Job) -> None:
        """Count the attempt before the job runs, because it may crash the process."""
        if isinstance(job, Request):
            try:
                self._journal.record_attempt(job.id)
            except JournalError as error:
                self._committer.note_disk_failure(error)

    def put_off(self, job: Job) -> None:
        """Do not count an attempt that was interrupted by a stop."""
        if isinstance(job, Request):
            try:
                self._journal.undo_attempt(job.id)
            except JournalError as error:
                self._committer.note_disk_failure(error)

    def commit_job(self, job: Job, result: Result, *, dead_letter: bool = False) -> Result:
        """ACT, then write the result and its messages, and remove the request, in one transaction.

        `dead_letter` keeps the request for the operator, because it crashed or met a bug.
        Returns the committed result, with the answer of the action.
        """
        request = job if isinstance(job, Request) else None
        if not isinstance(job, ClientRequest):  # a client's result goes to it and nowhere else
            result, action = self._act_stage.act(job, result)
            result = self._committer.commit_result(result, request, action, dead_letter=dead_letter)
        self._events.emit(JobFinished(job, result))
        return result

    def commit_without_running(
        self, request: Request, result: Result, *, dead_letter: bool = False
    ) -> None:
        """Commit the result of a request that never ran; it counts in no metric."""
        result = self._committer.commit_result(result, request, dead_letter=dead_letter)
        self._events.emit(JobNotRun(request, result))
