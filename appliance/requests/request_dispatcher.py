"""Puts accepted requests into the job queue, and does control requests at once."""

from __future__ import annotations

import logging
import threading
from typing import TYPE_CHECKING

from appliance import doctor
from appliance.errors import ApplianceError, RequestError
from appliance.ids import boot_seconds
from appliance.jobs.result_builder import ResultBuilder
from appliance.messages.request_payloads import (
    ApplyRequest,
    CancelRequest,
    ConfirmRequest,
    Control,
    ListenRequest,
    MicrophoneRequest,
    OptionsRequest,
    SayRequest,
    TimerRequest,
)
from appliance.values import Outcome, Request

if TYPE_CHECKING:
    from collections.abc import Callable

    from appliance.config import Config
    from appliance.dialogue.confirm_and_session import Dialogue
    from appliance.dialogue.request_confirmation import RequestConfirmation
    from appliance.dialogue.speech_output import SpeechOutput
    from appliance.fleet.bundle_receiver import BundleReceiver
    from appliance.jobs.commit_stage import JobLedger
    from appliance.jobs.job_queue import JobQueue
    from appliance.journal.journal import Journal
    from appliance.listening.voice_input import VoiceInput
    from appliance.messages.control_requests import ControlRequest
    from appliance.messages.request_payloads import Answer
    from appliance.messages.topics import Topics
    from appliance.mqtt.publisher import Publisher
    from appliance.requests.runtime_options import RuntimeOptions
    from appliance.system.board_monitor import BoardMonitor
    from appliance.timers.timer_service import TimerService

logger = logging.getLogger(__name__)

STOPPED = "it was stopped by a request"
CANCELLED = "it was cancelled while it waited"
EXPIRED = "its deadline passed while it waited"
UNKNOWN = "no request with this id waits or is in progress; it may have been answered already"
UNASKED = (
    "no request with this id and response topic waits for a confirmation; its time may be over"
)
CHECKING = "a check is running already; its answer comes in a moment"
NOT_LISTENING = "the microphone is closed or gone; see the topic health"
NOT_SPEAKING = "nothing can be said: speaking.engine is off, or its voice is missing"


class RequestDispatcher:
    """Passes requests to the job queue. Any thread may call it; nothing here waits."""

    def __init__(  # noqa: PLR0913  (what requests are about)
        self,
        config: Config,
        queue: JobQueue,
        journal: Journal,
        ledger: JobLedger,
        *,
        confirmation: RequestConfirmation,
        topics: Topics,
        publisher: Publisher,
        options: RuntimeOptions,
        voice: VoiceInput,
        speech: SpeechOutput,
        board: BoardMonitor,
        bundles: BundleReceiver,
        timers: TimerService,
        dialogue: Dialogue,
    ) -> None:
        self._bundles = bundles
        self._timers = timers
        self._dialogue = dialogue
        self._config = config
        self._queue = queue
        self._journal = journal
        self._ledger = ledger
        self._confirmation = confirmation
        self._topics = topics
        self._publisher = publisher
        self._options = options
        self._voice = voice
        self._speech = speech
        self._board = board
        self._checking = threading.Lock()

    def restore(self) -> None:
        """Queue the requests of the last run again; those that crashed it become dead letters."""
        for request in self._journal.waiting():
            attempts = self._journal.attempts(request.id)
            if attempts >= self._config.requests.maximum_attempts:
                reason = (
                    f"the appliance crashed during each of {attempts} attempts; the request is now "
                    "a dead letter, see `appliance requests`"
                )
                logger.error("gave up request %s: %s", request.id, reason)
                self._end(request, Outcome.FAILED, reason, dead_letter=True)
            else:
                self._queue.restore(request)

    def enqueue_request(self, request: Request) -> bool:
        """Queue an accepted request; False if there is no room."""
        return self._queue.enqueue_job(request)

    def position_of(self, request_id: str) -> int | None:
        """Return how many jobs go before a waiting request, with the one in progress."""
        return self._queue.position(request_id)

    def question_of(self, request_id: str) -> Answer | None:
        """Return what the requester was asked if its request waits for a confirmation."""
        return self._confirmation.question_of(request_id)

    def tick(self) -> None:
        """Answer requests whose deadline has passed."""
        self._confirmation.tick()
        now = boot_seconds()
        for request in self._queue.requests():
            late = request.expires_at is not None and request.expires_at <= now
            if late and self._queue.remove(request.id) is not None:
                self._end(request, Outcome.EXPIRED, EXPIRED)

    def handle_control(  # noqa: PLR0911  (one for each kind)
        self, control: ControlRequest
    ) -> Answer | None:
        """Do a control request; return its answer, or None if that comes later or never."""
        match control.form:
            case CancelRequest(id=name):
                return self._cancel(control, str(name))
            case ConfirmRequest() as form:
                return self._confirm(control, form)
            case OptionsRequest() | MicrophoneRequest():
                return self._set_options(control)
            case ListenRequest():
                return self._listen(control)
            case SayRequest(text=text):
                return self._say(control, text)
            case TimerRequest() as form:
                return self._change_timer(control, form)
            case ApplyRequest() as form:
                return self._bundles.receive(control, form, self._answer_of(control))
        return self._check(control)

    def _cancel(self, control: ControlRequest, name: str) -> Answer | None:
        cancelled = self.cancel_requests(name, control.address.reply_to)
        if cancelled == 0 and not control.for_the_group:
            cancelled = int(self._dialogue.stop_session(name, STOPPED))
        if cancelled:
            return control.done({"cancelled": cancelled})
        return None if control.for_the_group else control.rejected("unknown", UNKNOWN)

    def cancel_requests(self, name: str, reply_to: str | None = None) -> int:
        """Cancel the requests of a name, waiting or in progress; how many there were.

        `name` is the requester's own id for them, or the id that the appliance gave.
        """
        cancelled = 0
        for request in self._named(name, reply_to):
            if self._queue.remove(request.id) is not None:
                self._end(request, Outcome.CANCELLED, CANCELLED)
                cancelled += 1
            elif self._confirmation.cancel(request.id):
                cancelled += 1
            else:
                cancelled += self._queue.cancel_in_progress(request.id)
        return cancelled

    def _named(self, name: str, reply_to: str | None) -> list[Request]:
        """Return the requests to cancel.

        If two requesters use the same id, the one with the same response topic is meant.
        """
        requests = self._queue.requests()
        requests += [job for job in self._queue.in_progress() if isinstance(job, Request)]
        requests += self._confirmation.waiting()
        # A session has an empty id until somebody speaks; that is no request's.
        named = [one for one in requests if name and name in (one.transaction, one.id)]
        return [request for request in named if request.reply_to == reply_to] or named

    def _confirm(self, control: ControlRequest, form: ConfirmRequest) -> Answer | None:
        name = control.address.transaction if form.id is None else str(form.id)
        if not name:
            return control.rejected("invalid", "give the id of the request to confirm")
        settled = self._confirmation.answer_question(name, control.address, yes=form.yes)
        if settled:
            return control.done({"confirmed" if form.yes else "declined": settled})
        return None if control.for_the_group else control.rejected("unknown", UNASKED)

    def _set_options(self, control: ControlRequest) -> Answer:
        try:
            if isinstance(control.form, OptionsRequest):
                self._options.apply(control.form)
            elif isinstance(control.form, MicrophoneRequest):
                self._options.apply_to_microphone(control.form)
        except ApplianceError as error:
            return control.rejected("unsupported", str(error))
        return control.done(self._options.current())

    def _listen(self, control: ControlRequest) -> Answer:
        result_id = self._voice.listen()
        if result_id is None:
            return control.rejected("unsupported", NOT_LISTENING)
        return control.done({"id": result_id})

    def _say(self, control: ControlRequest, text: str) -> Answer:
        if not self._speech.speaks:
            return control.rejected("unsupported", NOT_SPEAKING)
        self._speech.say(text)
        return control.done()

    def _change_timer(self, control: ControlRequest, form: TimerRequest) -> Answer:
        try:
            self._timers.change(form)
        except RequestError as error:
            return control.rejected(error.reason, str(error))
        return control.done()

    def _answer_of(self, control: ControlRequest) -> Callable[[Answer], None]:
        def publish(answer: Answer) -> None:
            self._publisher.publish(self._topics.answer(control.address, answer))

        return publish

    def _check(self, control: ControlRequest) -> Answer | None:
        if not self._checking.acquire(blocking=False):
            return control.rejected("busy", CHECKING)
        thread = threading.Thread(
            target=self._run_check, args=[control], name=Control.CHECK, daemon=True
        )
        thread.start()
        return None

    def _run_check(self, control: ControlRequest) -> None:
        try:
            report = doctor.report_of(list(doctor.examine(doctor.context_of(self._config))))
            self._publisher.publish(self._topics.answer(control.address, control.done(report)))
        finally:
            self._checking.release()

    def _end(
        self, request: Request, outcome: Outcome, reason: str, *, dead_letter: bool = False
    ) -> None:
        builder = ResultBuilder(request, self._config.device.language, self._board.state())
        builder.end(outcome, reason)
        self._ledger.commit_without_running(request, builder.result(), dead_letter=dead_letter)
