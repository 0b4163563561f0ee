"""The stage ACT: passes an intent to the part of the appliance that carries it out, if any."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING

import msgspec

from appliance.errors import ApplianceError, CommandRefused, ServiceRefused
from appliance.jobs.finished_job_log import without_words
from appliance.values import ACTING_OPERATIONS, Action, Outcome, Request

if TYPE_CHECKING:
    from collections.abc import Sequence

    from appliance.protocols import IntentHandler
    from appliance.values import Job, Result

logger = logging.getLogger(__name__)


FOR_SPEAKER = (CommandRefused, ServiceRefused)
"""Errors whose text is in the language of the speaker, and may be said."""


@dataclass(frozen=True, slots=True)
class CommandFailure:
    """Why a command was not carried out."""

    reason: str
    is_for_speaker: bool = False


class ActStage:
    """Asks the handlers in their order; the first that knows the intent carries it out.

    Most intents have no handler: other systems read them on `intent/<Name>`.
    """

    def __init__(self, handlers: Sequence[IntentHandler] = ()) -> None:
        self._handlers = tuple(handlers)

    def act(self, job: Job, result: Result) -> tuple[Result, Action]:
        """Carry out the commands of a result, after its confirmation if it needs one.

        A failure is not raised but becomes the result's outcome, because the result must be
        committed. If one of several commands fails, the others are carried out, and `not_done`
        lists the failed ones.
        """
        if result.outcome is not Outcome.INTENT or not _may_act(job):
            return result, Action()
        tried = [self._try(job, command) for command in result.of_each_command()]
        done = [action for action in tried if isinstance(action, Action)]
        failures = [one for one in tried if isinstance(one, CommandFailure)]
        reasons = [one.reason for one in failures]
        if not done:
            words = [one.reason for one in failures if one.is_for_speaker]
            return _failed(result, _joined(reasons) or "", _joined(words)), Action()
        answers = [one.answer if isinstance(one, Action) else one.reason for one in tried]
        messages = tuple(message for action in done for message in action.messages)
        acted = msgspec.structs.replace(
            result,
            answer=_joined([one for one in answers if one]) or result.answer,
            acted=True,
            reason=_joined(reasons) or result.reason,
        )
        if reasons:
            failed = tuple(at for at, one in enumerate(tried, 1) if isinstance(one, CommandFailure))
            acted = msgspec.structs.replace(acted, not_done=failed)
        records = {key: row for action in done for key, row in action.records.items()}
        return acted, Action(acted.answer, messages, records)

    def _try(self, job: Job, result: Result) -> Action | CommandFailure:
        """Carry out one command; return the reason if it fails."""
        try:
            return self._first_action(result)
        except ApplianceError as error:
            return CommandFailure(str(error), is_for_speaker=isinstance(error, FOR_SPEAKER))
        except Exception as error:
            message = "intent of job %s failed because of a bug in the appliance"
            logger.error(message, job.id, exc_info=without_words(error))  # noqa: TRY400
            return CommandFailure(f"a bug in the appliance ({type(error).__name__})")

    def _first_action(self, result: Result) -> Action:
        actions = (handler.handle_intent(result) for handler in self._handlers)
        return next((action for action in actions if action is not None), Action())


def _may_act(job: Job) -> bool:
    return not isinstance(job, Request) or job.operation in ACTING_OPERATIONS


def _joined(texts: Sequence[str]) -> str | None:
    """Answers as one text; each ends with a full stop if another one follows."""
    *before, last = texts or [""]
    return " ".join([*(f"{text.rstrip(' .')}." for text in before), last]) or None


def _failed(result: Result, reason: str, words: str | None) -> Result:
    return msgspec.structs.replace(result, outcome=Outcome.FAILED, reason=reason, answer=words)
