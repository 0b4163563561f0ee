"""The stage ACT: an intent goes to the part of the appliance that carries it out, if any."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

import msgspec

from appliance.errors import ApplianceError
from appliance.jobs.finished_job_log import without_words
from appliance.values import ACTING_OPERATIONS, Action, Outcome, Request

if TYPE_CHECKING:
    from collections.abc import Sequence

    from appliance.protocols import IntentHandler
    from appliance.values import Job, Result

logger = logging.getLogger(__name__)


class ActStage:
    """Asks the handlers in their order; the first that knows the intent carries it out.

    Most intents have no handler: other systems read them on `intent/<Name>`.
    """

    def __init__(self, handlers: Sequence[IntentHandler] = ()) -> None:
        self._handlers = tuple(handlers)

    def act(self, job: Job, result: Result) -> tuple[Result, Action]:
        """Carry out the intent of a result that was confirmed, if it needed that.

        A failure is the result's outcome, and not raised: the result must still be committed.
        """
        if result.outcome is not Outcome.INTENT or not _may_act(job):
            return result, Action()
        try:
            action = self._first_action(result)
        except ApplianceError as error:
            return _failed(result, str(error)), Action()
        except Exception as error:
            message = "intent of job %s failed because of a bug in the appliance"
            logger.error(message, job.id, exc_info=without_words(error))  # noqa: TRY400
            reason = f"a bug in the appliance ({type(error).__name__})"
            return _failed(result, reason), Action()
        answer = result.answer if action.answer is None else action.answer
        return msgspec.structs.replace(result, answer=answer, acted=True), action

    def _first_action(self, result: Result) -> Action:
        actions = (handler.handle_intent(result) for handler in self._handlers)
        return next((action for action in actions if action is not None), Action())


def _may_act(job: Job) -> bool:
    return not isinstance(job, Request) or job.operation in ACTING_OPERATIONS


def _failed(result: Result, reason: str) -> Result:
    return msgspec.structs.replace(result, outcome=Outcome.FAILED, reason=reason)
