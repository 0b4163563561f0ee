"""Where requests arrive in the house: into the queue, out of it again, and orders done at once."""

from __future__ import annotations

import logging
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from appliance import doctor
from appliance.errors import JournalError
from appliance.ids import boot_seconds
from appliance.jobs.result_builder import ResultBuilder
from appliance.messages.payloads import (
    CancelRequest,
    Control,
    ListenRequest,
    OptionsRequest,
    SayRequest,
)
from appliance.system.board_state import BoardState
from appliance.values import Outcome, Request

if TYPE_CHECKING:
    from collections.abc import Callable

    from appliance.config import Config
    from appliance.jobs.job_queue import JobQueue
    from appliance.journal.journal import Journal
    from appliance.messages.control_requests import ControlRequest
    from appliance.messages.payloads import Answer
    from appliance.messages.topics import Topics
    from appliance.requests.mqtt_service import MqttService
    from appliance.values import Job, Result

logger = logging.getLogger(__name__)

CANCELLED = "it was cancelled before its turn came"
EXPIRED = "its time was over before its turn came"
UNKNOWN = "no request with this id waits or is at work here; it may have been answered already"
CHECKING = "a check is going on already; its answer comes in a moment"


DEAF = "the microphone is closed or gone; see the topic health"
MUTE = "nobody speaks here: speaking.engine is off, or what it names is not there"


class VoiceControls(Protocol):
    """What requests do to whoever listens and speaks here."""

    def listen(self) -> str | None:
        """Open the ear; the id of the result to come, or None where that cannot be done."""

    def say(self, text: str) -> bool:
        """Say a text; False where nobody speaks."""


@dataclass(frozen=True, slots=True)
class Option:
    """A setting that changes while the appliance runs."""

    get: Callable[[], Any]
    """What is in force."""
    set: Callable[[Any], None]
    """Puts another value in force."""


class RequestDispatcher:
    """Any thread may call it. It is given its neighbours while the house is being built."""

    postman: MqttService

    def __init__(self, jobs: JobQueue, journal: Journal, topics: Topics, config: Config) -> None:
        self._jobs = jobs
        self._journal = journal
        self._topics = topics
        self._config = config
        self._harmful: set[str] = set()
        self._checking = threading.Lock()
        self.situation: Callable[[], BoardState] = BoardState
        self.cancel_at_work: Callable[[str], bool] = lambda _: False
        self.options: dict[str, Option] = {}
        self.person: VoiceControls | None = None
        self.on_options: Callable[[], None] = lambda: None

    def open(self) -> None:
        """Bring the requests of the last run back into the queue, or give them up."""
        for request in self._journal.waiting():
            attempts = self._journal.attempts(request.id)
            if attempts >= self._config.requests.maximum_attempts:
                reason = (
                    f"its work was begun {attempts} times, and the appliance did not live to end "
                    "it; it is set aside (appliance requests)"
                )
                logger.error("request %s is given up: %s", request.id, reason)
                self._end(request, Outcome.FAILED, reason, dead_letter=True)
            else:
                self._jobs.bring_back(request)

    def enqueue(self, request: Request) -> bool:
        """Queue an accepted request."""
        return self._jobs.offer(request)

    def position_of(self, request_id: str) -> int | None:
        """How many go before a request that waits, with the one at work."""
        place = self._jobs.position(request_id)
        at_work = self._jobs.in_hand is not None
        return None if place is None else place - 1 + at_work

    def begin(self, job: Job) -> None:
        """The worker begins; what it does may end us."""
        self._note(job, self._journal.record_attempt)

    def put_off(self, job: Job) -> None:
        """A stop broke it off, which is not its fault."""
        self._note(job, self._journal.undo_attempt)

    def give_up(self, job: Job) -> None:
        """It does harm: its result, which comes next, sets it aside."""
        self._harmful.add(job.id)

    def deliver(self, job: Job, result: Result) -> None:
        """A result on its way, and the request away."""
        harmful = job.id in self._harmful
        self._harmful.discard(job.id)
        request = job if isinstance(job, Request) else None
        self.postman.commit(result, request, dead_letter=harmful)

    def tick(self) -> None:
        """Tell who waits for what nobody wants any more."""
        now = boot_seconds()
        for request in self._jobs.requests():
            late = request.expires_at is not None and request.expires_at <= now
            if late and self._jobs.remove(request.id) is not None:
                self._end(request, Outcome.EXPIRED, EXPIRED)

    def handle_control(self, order: ControlRequest) -> Answer | None:
        """Cancel, change options, or begin to check."""
        if isinstance(order.form, CancelRequest):
            return self._cancel(order, str(order.form.id))
        if isinstance(order.form, OptionsRequest):
            return self._set_options(order, order.form)
        if isinstance(order.form, ListenRequest):
            return self._listen(order)
        if isinstance(order.form, SayRequest):
            said = self.person is not None and self.person.say(order.form.text)
            return order.done() if said else order.rejected("unsupported", MUTE)
        if not self._checking.acquire(blocking=False):
            return order.rejected("busy", CHECKING)
        threading.Thread(target=self._check, args=[order], name=Control.CHECK, daemon=True).start()
        return None

    def _cancel(self, order: ControlRequest, name: str) -> Answer | None:
        cancelled = 0
        for request in self._named(name, order.address.reply_to):
            if self._jobs.remove(request.id) is not None:
                self._end(request, Outcome.CANCELLED, CANCELLED)
                cancelled += 1
            else:
                cancelled += self.cancel_at_work(request.id)
        if cancelled:
            return order.done({"cancelled": cancelled})
        return None if order.for_the_group else order.rejected("unknown", UNKNOWN)

    def _listen(self, order: ControlRequest) -> Answer:
        opened = None if self.person is None else self.person.listen()
        if opened is None:
            return order.rejected("unsupported", DEAF)
        return order.done({"id": opened})

    def _named(self, name: str, reply_to: str | None) -> list[Request]:
        """The requests that a cancellation is about.

        Two requesters may use the same id; whoever gets its answers at the same place is meant.
        """
        here = self._jobs.requests()
        if isinstance(at_work := self._jobs.in_hand, Request):
            here.append(at_work)
        named = [request for request in here if name in (request.transaction, request.id)]
        return [request for request in named if request.reply_to == reply_to] or named

    def _set_options(self, order: ControlRequest, form: OptionsRequest) -> Answer:
        for name, option in self.options.items():
            value = getattr(form, name)
            if value is not None and value != option.get():
                logger.warning("%s is %s now, until the next start", name, value)
                option.set(value)
        self.on_options()
        return order.done(self.options_now())

    def options_now(self) -> dict[str, Any]:
        """What is in force."""
        return {name: option.get() for name, option in self.options.items()}

    def _check(self, order: ControlRequest) -> None:
        try:
            report = doctor.report_of(list(doctor.examine(doctor.place_of(self._config))))
            self.postman.publish(self._topics.answer(order.address, order.done(report)))
        finally:
            self._checking.release()

    def _end(
        self, request: Request, outcome: Outcome, reason: str, *, dead_letter: bool = False
    ) -> None:
        draft = ResultBuilder(request, self._config.device.language, self.situation())
        draft.end(outcome, reason)
        self.postman.commit(draft.result(), request, dead_letter=dead_letter)

    def _note(self, job: Job, write: Callable[[str], None]) -> None:
        if not isinstance(job, Request):
            return
        try:
            write(job.id)
        except JournalError as error:
            logger.error("attempts are not counted now: %s", error)  # noqa: TRY400
