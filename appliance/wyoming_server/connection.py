"""One connection: what its client asks for, in order, and the answers."""

from __future__ import annotations

import contextlib
import logging
import re
from functools import singledispatchmethod
from typing import TYPE_CHECKING

from appliance.dialogue.confirm_and_session import response_to
from appliance.errors import ApplianceError, EngineError, WyomingError
from appliance.jobs.finished_job_log import without_words
from appliance.values import Intent, Operation, Outcome
from appliance.wyoming_server import incoming_events as incoming
from appliance.wyoming_server import outgoing_events as outgoing
from appliance.wyoming_server.client_requests import ClientRequests, names_of
from appliance.wyoming_server.client_socket import (
    HOLDING_LIMIT_S,
    IDLE_LIMIT_S,
    ClientGone,
    ClientSocket,
)
from appliance.wyoming_server.heard_sound import Transcription, WakeListening, is_model
from appliance.wyoming_server.pcm_frames import PcmFrames
from appliance.wyoming_server.speaking import Speaking

if TYPE_CHECKING:
    import socket
    import threading
    from collections.abc import Iterator, Mapping

    from appliance.values import Result
    from appliance.wyoming_server.heard_sound import SoundPurpose
    from appliance.wyoming_server.outgoing_events import Context
    from appliance.wyoming_server.services import Services

logger = logging.getLogger(__name__)

BUSY = "as many clients as possible are being served; try again in a moment"
NO_VOICE = "nothing can be spoken: speaking.engine is off, or its voice is missing"


class ServerBusy(ApplianceError):
    """Too many clients are served already."""


class WyomingConnection:
    """One connection. It belongs to one thread; `close` may be called from any thread."""

    def __init__(
        self, stream: socket.socket, services: Services, served: threading.Semaphore
    ) -> None:
        """`served` counts the clients that may be served at once."""
        config = services.config
        self._services = services
        self._served = served
        self._client = ClientSocket(
            stream, config.requests.maximum_bytes, outgoing.describe(services)
        )
        self._requests = ClientRequests(
            self._client, services.jobs, config.language_model.time_limit_s
        )
        self._purpose: SoundPurpose | None = None
        self._holding = contextlib.ExitStack()
        """Resources of the purpose, until its end."""
        self._frames: PcmFrames | None = None
        self._ignores_sound = False
        """Whether the purpose of the next sound was refused."""
        self._speaking: Speaking | None = None

    def close(self) -> None:
        """End it, from any thread."""
        self._client.close()

    def run(self) -> None:
        """Serve the client until it leaves."""
        try:
            with contextlib.suppress(ClientGone):
                self._serve()
        except Exception as error:
            # One client's fault, or a bug that it met, must not end the appliance.
            message = "a Wyoming client was disconnected because of a bug in the appliance"
            logger.error(message, exc_info=without_words(error))  # noqa: TRY400
        finally:
            self._end_purpose()
            self._requests.close()

    def _serve(self) -> None:
        try:
            while True:
                is_holding = isinstance(self._purpose, Transcription)
                event = self._client.next_event(HOLDING_LIMIT_S if is_holding else IDLE_LIMIT_S)
                try:
                    self._handle(event)
                except ServerBusy as busy:
                    self._client.refuse(str(busy), "busy")
                    return  # not every client reads errors, but each notices the end
                except WyomingError:
                    raise
                except ApplianceError as error:
                    self._client.refuse(str(error), "failed")
                    return
        except WyomingError as error:
            logger.info("a Wyoming client was disconnected: %s", error)
            self._client.refuse(str(error), "invalid")

    def _give_up(self, why: str, code: str) -> None:
        """Answer that it cannot be done, and ignore the sound for it."""
        self._end_purpose()
        self._speaking = None
        self._ignores_sound = True
        self._client.refuse(why, code)

    @contextlib.contextmanager
    def _turn(self) -> Iterator[None]:
        """One of the clients that are served at once; ServerBusy if there are too many."""
        if not self._served.acquire(blocking=False):
            raise ServerBusy(BUSY)
        try:
            yield
        finally:
            self._served.release()

    @singledispatchmethod
    def _handle(self, event: incoming.IncomingEvent) -> None:
        """Do what an event asks for; the kinds that ask for nothing are ignored."""

    # Sound to text, and wake words.

    @_handle.register
    def _(self, event: incoming.Transcribe) -> None:
        self._end_purpose()
        self._ignores_sound = False
        language = (event.language or "").partition("-")[0].partition("_")[0].lower()
        if language not in ("", self._services.language):
            known = self._services.language
            self._give_up(
                f"the language {event.language!r} is not known; it is {known}", "language"
            )
        elif not is_model(event.name):
            names = f"{outgoing.COMMANDS} and {outgoing.DICTATION}"
            self._give_up(f"there is no model {event.name!r}; there are {names}", "model")
        else:
            self._begin_transcription(event)

    @_handle.register
    def _(self, event: incoming.Detect) -> None:
        self._end_purpose()
        self._ignores_sound = False
        self._purpose = WakeListening(event, self._client, self._services, self._holding)

    @_handle.register
    def _(self, event: incoming.AudioStart) -> None:
        if self._purpose is None and not self._ignores_sound:
            self._begin_transcription(incoming.Transcribe())
        self._frames = PcmFrames(event.rate, event.channels)

    @_handle.register
    def _(self, event: incoming.AudioChunk) -> None:
        if self._purpose is None:
            return
        if self._frames is None:
            self._frames = PcmFrames(event.rate, event.channels)
        self._client.check()
        for frame in self._frames.feed(event.pcm):
            if self._purpose.hear(frame):
                self._end_purpose()
                return

    @_handle.register
    def _(self, event: incoming.AudioStop) -> None:
        self._ignores_sound = False
        if self._purpose is None:
            return
        if self._frames is None or not self._purpose.hear(self._frames.rest()):
            self._purpose.finish()
        self._end_purpose()

    def _begin_transcription(self, event: incoming.Transcribe) -> None:
        self._holding.enter_context(self._turn())
        if event.transcript_names is not None:
            self._requests.names = names_of(event.transcript_names)
        self._purpose = Transcription(
            event, self._client, self._requests, self._services, self._holding
        )

    def _end_purpose(self) -> None:
        self._purpose = self._frames = None
        self._holding.close()

    # Text to intent, or to an answer.

    @_handle.register
    def _(self, event: incoming.Recognize) -> None:
        answers = isinstance(event, incoming.HeardText) and self._services.answers
        with self._turn():
            result = self._requests.result_of(Operation.PARSE, event.context, text=event.text)
            if result.outcome is Outcome.NOT_UNDERSTOOD and answers and event.text.strip():
                result = self._requests.result_of(Operation.ANSWER, event.context, text=event.text)
        self._client.send(self._answer_to(result, event.context))

    @_handle.register
    def _(self, event: incoming.IntentToHandle) -> None:
        why = "this appliance says what a sentence means, and does nothing by itself"
        self._client.send(outgoing.not_handled(why, event.context))

    def _answer_to(self, result: Result, context: Context) -> bytes:
        if result.outcome is Outcome.INTENT and result.intent is not None:
            declared = self._services.sentences.current.declared
            found = [(intent.name, intent.slots) for intent in result.commands]
            plain = [Intent(name, without_braces(slots)) for name, slots in found]
            return outgoing.intents(found, response_to(plain, declared), context)
        if result.outcome is Outcome.ANSWER:
            return outgoing.handled(result.answer or "", context)
        if result.outcome in (Outcome.FAILED, Outcome.CANCELLED):
            raise EngineError(result.reason or "it could not be done")
        return outgoing.not_recognized(context)

    # Text to speech.

    @_handle.register
    def _(self, event: incoming.Synthesize) -> None:
        if self._speaking is not None:
            return  # for servers that do not know the pieces
        with self._turn():
            speaking = self._new_speaking()
            speaking.add(event.text)
            speaking.finish()

    @_handle.register
    def _(self, event: incoming.SynthesizeStart) -> None:
        self._speaking = self._new_speaking()

    @_handle.register
    def _(self, event: incoming.SynthesizeChunk) -> None:
        if self._speaking is not None:
            with self._turn():
                self._speaking.add(event.text)

    @_handle.register
    def _(self, event: incoming.SynthesizeStop) -> None:
        speaking, self._speaking = self._speaking, None
        if speaking is not None:
            with self._turn():
                speaking.finish()
            self._client.send(outgoing.synthesize_stopped())

    def _new_speaking(self) -> Speaking:
        if self._services.synthesizer is None:
            raise ApplianceError(NO_VOICE)
        return Speaking(self._services.synthesizer, self._client)


def without_braces(slots: Mapping[str, object]) -> dict[str, str]:
    """The values for a response: a client may take it for a template, and they may be anybody's."""
    return {name: re.sub(r"[{}]", "", str(value)) for name, value in slots.items()}
