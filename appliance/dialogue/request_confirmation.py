"""The stage CONFIRM of requests: asks back, over MQTT or at a satellite, before an intent acts."""

from __future__ import annotations

import logging
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING

import msgspec

from appliance.dialogue.confirm_and_session import question_of
from appliance.events import ConfirmationAsked
from appliance.ids import boot_seconds
from appliance.messages.request_payloads import CONFIRM_WITHIN_S, Answer, RequestState
from appliance.messages.topics import ReturnAddress
from appliance.values import Outcome

if TYPE_CHECKING:
    from appliance.devices.confirmation_rules import ConfirmationRules
    from appliance.events import EventBus
    from appliance.jobs.commit_stage import JobLedger
    from appliance.messages.topics import Topics
    from appliance.mqtt.publisher import Publisher
    from appliance.values import Request, Result

logger = logging.getLogger(__name__)

NOT_IN_TIME = f"not confirmed: no confirmation came within {CONFIRM_WITHIN_S:g} s"
DECLINED = "not confirmed: the requester said no"
CANCELLED = "it was cancelled while it waited for a confirmation"
EXPIRED = "its deadline passed while it waited for a confirmation"


@dataclass(frozen=True, slots=True)
class _PendingConfirmation:
    """The question, and the time limit of an answer."""

    request: Request
    result: Result
    ends_at: float
    """Time limit on the clock of `ids.boot_seconds`."""


class RequestConfirmation:
    """Requests whose intent waits for a yes of their requester. Any thread.

    Such a request stays in the inbox, so that it is asked again after a crash, and counts as one
    that waits.
    """

    def __init__(
        self,
        ledger: JobLedger,
        rules: ConfirmationRules,
        *,
        topics: Topics,
        publisher: Publisher,
        events: EventBus,
    ) -> None:
        self._ledger = ledger
        self._rules = rules
        self._topics = topics
        self._publisher = publisher
        self._events = events
        self._lock = threading.Lock()
        self._questions: dict[str, _PendingConfirmation] = {}
        """Questions by the request's id."""

    def confirm_result(self, request: Request, result: Result) -> None:
        """Commit the result of a request, at once or after its requester said yes."""
        if not self._rules.needs_yes(result):
            self._ledger.commit_job(request, result)
            return
        ends_at = boot_seconds() + CONFIRM_WITHIN_S
        if request.expires_at is not None:
            ends_at = min(ends_at, request.expires_at)
        self._ledger.put_off(request)  # to wait for a person is no attempt that failed
        question = _PendingConfirmation(request, result, ends_at)
        with self._lock:
            self._questions[request.id] = question
        if request.is_of_satellite:
            self._events.emit(ConfirmationAsked(request, result))
        else:
            answer = self._topics.answer(ReturnAddress.of(request), _asked(question))
            self._publisher.publish(answer)
        logger.info("%s waits for the requester's confirmation", request.id)

    def question_of(self, request_id: str) -> Answer | None:
        """Return what the requester was asked, for one that repeats its request."""
        with self._lock:
            question = self._questions.get(request_id)
        return None if question is None else _asked(question)

    def waiting(self) -> list[Request]:
        """Return the requests that wait for a confirmation."""
        with self._lock:
            return [question.request for question in self._questions.values()]

    def answer_question(self, name: str, address: ReturnAddress, *, yes: bool) -> int:
        """Settle the questions of this id and response topic; return their number.

        Another response topic is another requester, who cannot confirm for this one. What was said
        at a satellite is confirmed there.
        """
        reply_to = self._topics.named_reply(address)
        with self._lock:
            named = [
                question
                for question in self._questions.values()
                if name in (question.request.transaction, question.request.id)
                and not question.request.is_of_satellite
                and self._topics.named_reply(ReturnAddress.of(question.request)) == reply_to
                and boot_seconds() < question.ends_at
            ]
            for question in named:
                del self._questions[question.request.id]
        for question in named:
            if yes:
                self._ledger.commit_job(question.request, question.result)
            else:
                self._end(question, Outcome.CANCELLED, DECLINED)
        return len(named)

    def answer_at_satellite(self, request_id: str, *, yes: bool, why: str) -> Result | None:
        """Settle the question of this id, with the reason of a no; None if its time is over."""
        with self._lock:
            question = self._questions.get(request_id)
            if question is None or not question.request.is_of_satellite:
                return None
            if boot_seconds() >= question.ends_at:
                return None  # `tick` ends it
            del self._questions[request_id]
        if yes:
            return self._ledger.commit_job(question.request, question.result)
        return self._end(question, Outcome.CANCELLED, f"not confirmed: {why}")

    def cancel(self, request_id: str) -> bool:
        """Cancel a request that waits for a confirmation; False if it does not."""
        with self._lock:
            question = self._questions.pop(request_id, None)
        if question is not None:
            self._end(question, Outcome.CANCELLED, CANCELLED)
        return question is not None

    def tick(self) -> None:
        """Give up the requests that were not confirmed in time."""
        now = boot_seconds()
        with self._lock:
            late = [one for one in self._questions.values() if one.ends_at <= now]
            for question in late:
                del self._questions[question.request.id]
        for question in late:
            if question.request.expires_at is not None and question.request.expires_at <= now:
                self._end(question, Outcome.EXPIRED, EXPIRED)
            else:
                self._end(question, Outcome.CANCELLED, NOT_IN_TIME)

    def _end(self, question: _PendingConfirmation, outcome: Outcome, reason: str) -> Result:
        ended = msgspec.structs.replace(question.result, outcome=outcome, reason=reason)
        return self._ledger.commit_job(question.request, ended)


def _asked(question: _PendingConfirmation) -> Answer:
    request = question.request
    return Answer(
        state=RequestState.CONFIRM,
        transaction=request.transaction,
        operation=request.operation,
        message=question_of(question.result),
        result=question.result,
        data={"within_s": round(max(0.0, question.ends_at - boot_seconds()), 1)},
    )
