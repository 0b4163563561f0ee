"""Sessions: the ear opens, something is said, perhaps confirmed, done, answered; it ends."""

from __future__ import annotations

import dataclasses
import logging
import re
import threading
from typing import TYPE_CHECKING

import msgspec

from appliance.audio.earcons import Earcon
from appliance.jobs.result_builder import SAID_STOP
from appliance.listening.listening_turn import Activation
from appliance.text.normalise import words_of
from appliance.values import Activity, Outcome, Session, Trigger, Utterance

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from appliance.config import Config
    from appliance.dialogue.speech_output import SpeechOutput
    from appliance.listening.voice_input import VoiceInput
    from appliance.sentences.sentence_files import DeclaredIntent
    from appliance.values import Job, Result

logger = logging.getLogger(__name__)

YES = {
    "en": "yes yeah yep sure okay ok correct right do it confirm",
    "de": "ja jawohl genau richtig gerne okay",
    "fr": "oui ouais exact d'accord okay",
    "es": "sí si claro correcto vale",
    "it": "sì si certo esatto va bene",
    "nl": "ja jawel klopt goed okay",
}
"""Words that confirm, by language; nothing else does, so that silence and noise never can."""

STOP = {
    "en": ("stop", "cancel", "never mind", "be quiet", "stop it"),
    "de": ("stopp", "stop", "abbrechen", "halt", "ruhe"),
    "fr": ("stop", "arrête", "annule", "annuler", "tais toi"),
    "es": ("para", "alto", "cancela", "cancelar", "silencio"),
    "it": ("stop", "fermati", "annulla", "basta", "silenzio"),
    "nl": ("stop", "annuleer", "hou op", "stil"),
}
"""What ends everything, whatever is going on."""

ENDINGS = {
    Outcome.NO_SPEECH: "nothing was said",
    Outcome.NOT_UNDERSTOOD: "it was none of the sentences",
    Outcome.REFUSED: "it is refused",
    Outcome.FAILED: "it failed",
    Outcome.CANCELLED: "it was cancelled",
}


@dataclasses.dataclass(slots=True)
class _Going:
    """The session that goes on."""

    session: Session
    trigger: Trigger
    listening: bool = True
    """Until the sentence is over."""
    pending: tuple[Utterance, Result] | None = None
    """What was understood and waits for a yes."""


class Dialogue:
    """Stands between the ear, the worker, the voice, the button and the light. Any thread."""

    def __init__(
        self,
        config: Config,
        *,
        deliver: Callable[[Job, Result], None],
        declared: Callable[[], Mapping[str, DeclaredIntent]],
        cancel_work: Callable[[str], object],
        show: Callable[[Activity], None],
        tell: Callable[[Session], None],
    ) -> None:
        """The ear and the voice are given to it when they are built."""
        self._config = config
        self._language = config.device.language
        self._deliver = deliver
        self._declared = declared
        self._cancel_work = cancel_work
        self._show = show
        self._tell = tell
        self._lock = threading.RLock()
        self._going: _Going | None = None
        self._at_work: set[str] = set()
        """Sentences that were heard and have no result yet; also of sessions before this one."""
        self.hearing: VoiceInput | None = None
        self.voice: SpeechOutput | None = None

    def on_speaking(self, speaking: bool) -> None:  # noqa: FBT001
        """The loudspeaker begins or ends; meanwhile the ear must not hear it."""
        if self.hearing is not None:
            self.hearing.be_deaf(deaf=speaking)
        self._show(Activity.SPEAKING if speaking else Activity.IDLE)

    @property
    def is_listening(self) -> bool:
        """Whether the ear is open for a sentence of this session."""
        going = self._going
        return going is not None and going.listening

    # From the ear.

    def on_open(self, opening: Activation) -> None:
        """The ear is open: a session begins, unless it is for the reply to a question of ours."""
        if opening.reply:
            return
        with self._lock:
            self._end("another one began")
            session = Session(id=opening.id or "", trigger=opening.trigger)
            self._going = _Going(session, opening.trigger)
            self._tell(session)
        if opening.trigger is not Trigger.BUTTON and self.voice is not None:
            self.voice.play(Earcon.LISTENING)

    def on_given_up(self, opening: Activation, reason: str) -> None:
        """The ear was closed before anything was said."""
        with self._lock:
            pending = self._going.pending if self._going is not None else None
            if opening.reply and pending is not None:
                self._drop(pending, reason)
            if opening.reply or self._going is not None:
                self._end(reason)

    # From the worker.

    def take(self, job: Job, result: Result) -> None:
        """A piece of work is done; what was said at the device may need more than a message."""
        if not isinstance(job, Utterance) or job.trigger is Trigger.SAMPLE:
            self._deliver(job, result)
            return
        self._at_work.discard(job.id)
        if job.reply:
            self._take_reply(result)
        elif means_stop(result.text or "", self._language) and result.intent is None:
            self.stop(SAID_STOP)
            self._deliver(
                job,
                msgspec.structs.replace(result, outcome=Outcome.CANCELLED, reason=SAID_STOP),
            )
        elif self._needs_confirmation(result):
            self._ask(job, result)
        else:
            self._deliver(job, result)
            self._respond(result)

    def stop(self, reason: str) -> None:
        """End whatever goes on: the voice, the ear, the work, and the session."""
        if self.voice is not None:
            self.voice.hush()
        if self.hearing is not None:
            self.hearing.cancel(reason)
        with self._lock:
            going = self._going
            if going is not None and going.pending is not None:
                self._drop(going.pending, reason)
            for utterance_id in tuple(self._at_work):  # the worker takes them out
                self._cancel_work(utterance_id)
            self._end(reason)

    def confirm(self, *, yes: bool) -> bool:
        """The button answers in place of the voice; False where nothing was asked."""
        with self._lock:
            going = self._going
            if going is None or going.pending is None:
                return False
            self._settle(going, yes=yes, why="the button said no")
        if self.hearing is not None:
            self.hearing.cancel("the button answered")
        return True

    def on_utterance(self, utterance: Utterance) -> None:
        """A sentence has been heard; an always open ear begins its session with it."""
        if utterance.reply or utterance.trigger is Trigger.SAMPLE:
            return
        with self._lock:
            self._at_work.add(utterance.id)
            if self._going is not None and self._going.pending is not None:
                return
            if self._going is not None and self._going.session.id not in ("", utterance.id):
                self._end("another one began")
            # While it is thought about, `state` names the result that is to come.
            session = Session(id=utterance.id, trigger=utterance.trigger)
            self._going = _Going(session, utterance.trigger, listening=False)
            self._tell(session)

    def on_dropped(self, utterance: Utterance) -> None:
        """There was no room for it; nothing will come of it."""
        with self._lock:
            self._at_work.discard(utterance.id)
            if self._going is not None and self._going.session.id == utterance.id:
                self._end("too much waits already")

    # Confirming.

    def _needs_confirmation(self, result: Result) -> bool:
        if result.outcome is not Outcome.INTENT or result.intent is None:
            return False
        declared = self._declared().get(result.intent.name)
        return declared is not None and declared.confirm

    def _ask(self, job: Utterance, result: Result) -> None:
        with self._lock:
            if self._going is None:
                session = Session(id=job.id, trigger=job.trigger)
                self._going = _Going(session, job.trigger, listening=False)
            self._going.pending = (job, result)
        listen = self._listen_for_reply
        if self.voice is not None and self.voice.speaks:
            # What was understood, said as a question, needs no words of any language.
            self.voice.say(f"{(result.text or '').rstrip('.!? ')}?", done=listen)
        else:
            listen()

    def _listen_for_reply(self) -> None:
        with self._lock:
            going = self._going
            if going is None or going.pending is None or self.hearing is None:
                return
            wait = self._config.listening.wait_s
            self.hearing.listen(Activation(going.trigger, reply=True, wait=wait))
            logger.info("%s waits for a yes", going.pending[1].id[-4:])

    def _take_reply(self, result: Result) -> None:
        with self._lock:
            going = self._going
            if going is None or going.pending is None:
                return
            said = result.text or ""
            why = "no yes was heard" if said else "nothing was said"
            self._settle(going, yes=is_yes(said, self._language), why=why)

    def _settle(self, going: _Going, *, yes: bool, why: str) -> None:
        pending, going.pending = going.pending, None
        if pending is None:
            return
        if yes:
            self._deliver(*pending)
            self._respond(pending[1])
        else:
            self._drop(pending, why)
            self._sign(Earcon.STOPPED)
            self._end(f"not confirmed: {why}")

    def _drop(self, pending: tuple[Utterance, Result], why: str) -> None:
        job, result = pending
        reason = f"not confirmed: {why}"
        dropped = msgspec.structs.replace(result, outcome=Outcome.CANCELLED, reason=reason)
        self._deliver(job, dropped)
        if self._going is not None:
            self._going.pending = None

    # Ending.

    def _respond(self, result: Result) -> None:
        if self.is_listening:
            return  # it is of a session before, and somebody speaks already
        words = result.answer or self._response(result)
        if result.outcome in ENDINGS:
            failed = result.outcome is Outcome.FAILED
            self._sign(Earcon.FAULT if failed else Earcon.NOTHING)
            self._end(ENDINGS[result.outcome], of=result.id)
        elif words and self.voice is not None and self.voice.speaks:
            self.voice.say(words, done=lambda: self._finish(result))
        else:
            self._sign(Earcon.UNDERSTOOD)
            self._finish(result)

    def _response(self, result: Result) -> str | None:
        if result.intent is None:
            return None
        declared = self._declared().get(result.intent.name)
        if declared is None or declared.response is None:
            return None
        return filled(declared.response, result.intent.slots)

    def _finish(self, result: Result) -> None:
        """What was to be said has been said."""
        with self._lock:
            going = self._going
            if going is None or going.session.id != result.id:
                return
            again = self._config.listening.follow_up
            self._end(f"{result.outcome}: done")
        if again and going.trigger is Trigger.WAKE_WORD:
            wait = self._config.listening.wait_s
            if self.hearing is not None:
                self.hearing.listen(Activation(going.trigger, wait=wait))

    def _sign(self, earcon: Earcon) -> None:
        # An always open ear hears all the talk in the room, and nobody waits for a sign of it.
        going = self._going
        if self.voice is not None and going is not None and going.trigger is not Trigger.ALWAYS:
            self.voice.play(earcon)

    def _end(self, reason: str, of: str | None = None) -> None:
        """End the session that goes on; with `of` only if it is the one of that result."""
        with self._lock:
            going = self._going
            if going is None or of not in (None, going.session.id):
                return
            self._going = None
            logger.info("session by %s ended: %s", going.trigger.replace("_", " "), reason)
            self._tell(msgspec.structs.replace(going.session, ended=reason))


def means_stop(text: str, language: str) -> bool:
    """Whether a text is one of the phrases that end everything."""
    words = words_of(text)
    half = words[: len(words) // 2]
    said = half if half and words == half + half else words  # in a hurry it is said twice
    return " ".join(said) in STOP.get(language, STOP["en"])


def is_yes(text: str, language: str) -> bool:
    """Whether every word of a reply says yes."""
    words = words_of(text)
    known = {*words_of(YES.get(language, "")), *words_of(YES["en"]), "please"}
    return bool(words) and len(words) <= 4 and all(word in known for word in words)  # noqa: PLR2004


def filled(response: str, slots: Mapping[str, object]) -> str:
    """A response with the values of its `{slot}`s; a slot without a value is left out."""
    return re.sub(r"\{\s*(\w+)\s*\}", lambda m: str(slots.get(m.group(1), "")), response).strip()
