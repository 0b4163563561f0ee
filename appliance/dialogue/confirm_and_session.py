"""The stage CONFIRM, and the session around it: listening starts, a reply is awaited, it ends."""

from __future__ import annotations

import enum
import logging
import re
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING

import msgspec

from appliance.audio.earcons import Earcon
from appliance.dialogue.listener_control import Activation
from appliance.dialogue.yes_and_stop_words import phrases_for
from appliance.events import SessionChanged
from appliance.jobs.result_builder import SAID_STOP
from appliance.values import Outcome, Session, Trigger

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from appliance.config import Config
    from appliance.devices.confirmation_rules import ConfirmationRules
    from appliance.dialogue.listener_control import ListenerControl
    from appliance.dialogue.speech_output import SpeechOutput
    from appliance.dialogue.yes_and_stop_words import Phrases
    from appliance.events import EventBus
    from appliance.jobs.commit_stage import JobLedger
    from appliance.jobs.job_queue import JobQueue
    from appliance.sentences.active_sentences import ActiveSentences
    from appliance.sentences.sentence_files import DeclaredIntent
    from appliance.values import Intent, Result, Utterance

logger = logging.getLogger(__name__)

ENDINGS = {
    Outcome.NO_SPEECH: "nothing was said",
    Outcome.NOT_UNDERSTOOD: "it was none of the sentences",
    Outcome.REFUSED: "it is refused",
    Outcome.FAILED: "it failed",
    Outcome.CANCELLED: "it was cancelled",
}


class _State(enum.Enum):
    LISTENING = enum.auto()
    """It listens until the end of the sentence."""
    WORKING = enum.auto()
    """The sentence has no result yet, or its answer is being spoken."""
    CONFIRMING = enum.auto()
    """The sentence was understood, and waits for a yes."""


@dataclass(slots=True)
class _Current:
    """The current session."""

    session: Session
    trigger: Trigger
    state: _State
    pending: tuple[Utterance, Result] | None = None
    """The sentence and result that wait for a yes, in the state CONFIRMING."""
    reply_id: str | None = None
    """Id of the reply to the question; no other utterance answers it."""


class Dialogue:
    """Connects the listener, the worker, the speech output and the button. Any thread."""

    def __init__(  # noqa: PLR0913  (each of them is a party to the session)
        self,
        config: Config,
        ledger: JobLedger,
        queue: JobQueue,
        *,
        sentences: ActiveSentences,
        rules: ConfirmationRules,
        listener: ListenerControl,
        speech: SpeechOutput,
        events: EventBus,
    ) -> None:
        self._settings = config.listening
        self.language = config.device.language
        self._phrases = phrases_for(config.device.language)
        self._ledger = ledger
        self._queue = queue
        self._sentences = sentences
        self._rules = rules
        self._listener = listener
        self._speech = speech
        self._events = events
        self._lock = threading.RLock()
        self._current: _Current | None = None
        self._unanswered: set[str] = set()
        """Sentences that were heard and have no result yet; also of sessions before this one."""

    @property
    def is_listening(self) -> bool:
        """Whether a sentence of this session is awaited or being spoken."""
        current = self._current
        return current is not None and current.state is _State.LISTENING

    # From the listener.

    def on_listening(self, activation: Activation) -> None:
        """Listening starts, and a session with it, unless it is for the reply to a question."""
        if activation.reply:
            return
        with self._lock:
            self._end("another one began")
            session = Session(id=activation.id or "", trigger=activation.trigger)
            self._begin(session, _State.LISTENING)
        if activation.trigger is not Trigger.BUTTON:
            self._speech.play(Earcon.LISTENING)

    def on_given_up(self, activation: Activation, reason: str) -> None:
        """Listening ended before anything was said."""
        with self._lock:
            # If a question waits, only its own reply ends the session.
            if activation.reply or (self._current is not None and self._current.pending is None):
                self._end(reason)

    def on_utterance(self, utterance: Utterance) -> None:
        """A sentence was heard; if nothing had to start the listening, its session begins."""
        if utterance.trigger is Trigger.SAMPLE:
            return
        with self._lock:
            if utterance.reply:
                if self._current is not None and self._current.pending is not None:
                    self._current.reply_id = utterance.id
                return
            self._unanswered.add(utterance.id)
            current = self._current
            if current is not None and current.pending is not None:
                return
            if current is not None and current.session.id not in ("", utterance.id):
                self._end("another one began")
            # While it is worked on, `state` names the result that is to come.
            session = Session(id=utterance.id, trigger=utterance.trigger)
            self._begin(session, _State.WORKING)

    def on_dropped(self, utterance: Utterance) -> None:
        """End the session of an utterance that did not fit into the queue."""
        with self._lock:
            self._unanswered.discard(utterance.id)
            if self._current is not None and self._current.session.id == utterance.id:
                self._end("too much waits already")

    # From the worker.

    def confirm_result(self, job: Utterance, result: Result) -> None:
        """Commit the result of speech at the device, at once or after a yes."""
        if job.trigger is Trigger.SAMPLE:
            self._ledger.commit_job(job, result)
        elif job.reply:
            self._take_reply(job, result)
        else:
            self._unanswered.discard(job.id)
            self._take_sentence(job, result)

    def stop(self, reason: str) -> None:
        """End speaking, listening, the work, and the session."""
        self._speech.interrupt()
        self._listener.cancel(reason)
        with self._lock:
            for utterance_id in tuple(self._unanswered):  # the worker takes them out
                self._queue.cancel_in_progress(utterance_id)
            self._end(reason)

    def stop_session(self, session_id: str, reason: str) -> bool:
        """End the session with this id as `stop` does; False if another one or none goes on."""
        with self._lock:
            if self._current is None or self._current.session.id != session_id:
                return False
        self.stop(reason)
        return True

    def answer_question(self, *, yes: bool) -> bool:
        """The button answers in place of the voice; False if nothing was asked."""
        with self._lock:
            current = self._current
            if current is None or current.pending is None:
                return False
            self._settle(current, yes=yes, why="the button said no")
        self._listener.cancel("the button answered")
        return True

    def _take_sentence(self, job: Utterance, result: Result) -> None:
        if result.intent is None and self._phrases.means_stop(result.text or ""):
            self.stop(SAID_STOP)
            stopped = msgspec.structs.replace(result, outcome=Outcome.CANCELLED, reason=SAID_STOP)
            self._ledger.commit_job(job, stopped)
        elif self._rules.needs_yes(result):
            self._ask(job, result)
        else:
            self._respond(self._ledger.commit_job(job, result))

    # Confirming.

    def _declared(self) -> Mapping[str, DeclaredIntent]:
        return self._sentences.current.declared

    def _ask(self, job: Utterance, result: Result) -> None:
        with self._lock:
            current = self._current
            if current is None:
                session = Session(id=job.id, trigger=job.trigger)
                current = self._begin(session, _State.WORKING, quiet=True)
            elif current.state is not _State.WORKING:
                # A yes must be the answer to the question that was asked, and to no other one.
                self._commit_unconfirmed(job, result, "another sentence came before the question")
                return
            current.state, current.pending, current.reply_id = (
                *(_State.CONFIRMING, (job, result), None),
            )
        if self._speech.speaks:
            self._speech.say(spoken_question(result, self._phrases), done=self._listen_for_reply)
        else:
            self._listen_for_reply()

    def _listen_for_reply(self) -> None:
        with self._lock:
            current = self._current
            if current is None or current.pending is None:
                return
            wait_s = self._settings.wait_s
            self._listener.listen(Activation(current.trigger, reply=True, wait_s=wait_s))
            logger.info("%s waits for a yes", current.pending[1].id)

    def _take_reply(self, job: Utterance, result: Result) -> None:
        self._unanswered.discard(job.id)
        with self._lock:
            current = self._current
            if current is None or current.pending is None or current.reply_id != job.id:
                return
            said = result.text or ""
            why = "no yes was heard" if said else "nothing was said"
            self._settle(current, yes=self._phrases.means_yes(said), why=why)

    def _settle(self, current: _Current, *, yes: bool, why: str) -> None:
        pending, current.pending = current.pending, None
        current.state = _State.WORKING
        if pending is None:
            return
        if yes:
            self._respond(self._ledger.commit_job(*pending))
        else:
            self._commit_unconfirmed(*pending, why)
            self._play(Earcon.STOPPED)
            self._end(f"not confirmed: {why}")

    def _commit_unconfirmed(self, job: Utterance, result: Result, why: str) -> None:
        reason = f"not confirmed: {why}"
        cancelled = msgspec.structs.replace(result, outcome=Outcome.CANCELLED, reason=reason)
        self._ledger.commit_job(job, cancelled)

    # Beginning and ending.

    def _begin(self, session: Session, state: _State, *, quiet: bool = False) -> _Current:
        current = self._current = _Current(session, session.trigger, state)
        if not quiet:
            self._events.emit(SessionChanged(session))
        return current

    def _respond(self, result: Result) -> None:
        if self.is_listening:
            return  # it is of a session before, and somebody speaks already
        words = result.answer or self._response(result)
        if result.outcome in ENDINGS:
            self._respond_to_failure(result)
        elif words and self._speech.speaks:
            self._speech.say(words, done=lambda: self._finish(result))
        else:
            self._play(Earcon.UNDERSTOOD)
            self._finish(result)

    def _respond_to_failure(self, result: Result) -> None:
        """Say why it failed, if that is known in words; otherwise a tone."""
        why, failed = ENDINGS[result.outcome], result.outcome is Outcome.FAILED
        if failed and result.answer and self._speech.speaks:
            self._speech.say(result.answer, done=lambda: self._end(why, of=result.id))
            return
        self._play(Earcon.FAULT if failed else Earcon.NOTHING)
        self._end(why, of=result.id)

    def _response(self, result: Result) -> str | None:
        return response_to(result.commands, self._declared())

    def _finish(self, result: Result) -> None:
        """End the session after the answer was spoken."""
        with self._lock:
            current = self._current
            if current is None or current.session.id != result.id:
                return
            self._end(f"{result.outcome}: done")
        if self._settings.follow_up and current.trigger is Trigger.WAKE_WORD:
            self._listener.listen(Activation(current.trigger, wait_s=self._settings.wait_s))

    def _play(self, earcon: Earcon) -> None:
        # With the trigger `always` it hears all talk in the room, and no sign is expected.
        current = self._current
        if current is not None and current.trigger is not Trigger.ALWAYS:
            self._speech.play(earcon)

    def _end(self, reason: str, of: str | None = None) -> None:
        """End the current session; with `of` only if it belongs to that result.

        A command that waits for a yes is cancelled: nothing may be lost, or done unconfirmed.
        """
        with self._lock:
            current = self._current
            if current is None or of not in (None, current.session.id):
                return
            self._current = None
            if current.pending is not None:
                self._commit_unconfirmed(*current.pending, reason)
            logger.info("session by %s ended: %s", current.trigger.replace("_", " "), reason)
            ended = msgspec.structs.replace(current.session, ended=reason)
            self._events.emit(SessionChanged(ended))


def response_to(commands: Iterable[Intent], declared: Mapping[str, DeclaredIntent]) -> str | None:
    """The declared responses of the commands; None if there are none."""
    found = [(declared.get(intent.name), intent.slots) for intent in commands]
    said = [
        filled(intent.response, slots)
        for intent, slots in found
        if intent is not None and intent.response is not None
    ]
    return ". ".join(text.rstrip(".") for text in said) if said[1:] else "".join(said) or None


def question_of(result: Result) -> str:
    """The understood text as a question, which needs no words of any language."""
    return f"{(result.text or '').rstrip('.!? ')}?"


def spoken_question(result: Result, phrases: Phrases) -> str:
    """The question as it is asked aloud, with what may be said to it."""
    return f"{question_of(result)} {phrases.yes_or_no}"


def filled(response: str, slots: Mapping[str, object]) -> str:
    """A response with the values of its `{slot}`s; a slot without a value is left out."""
    return re.sub(r"\{\s*(\w+)\s*\}", lambda m: str(slots.get(m.group(1), "")), response).strip()
