"""The connection from the recognising appliance to one satellite."""

from __future__ import annotations

import contextlib
import logging
import time
from functools import singledispatchmethod
from typing import TYPE_CHECKING

from appliance.dialogue.confirm_and_session import response_to, spoken_question
from appliance.dialogue.yes_and_stop_words import phrases_for
from appliance.errors import ApplianceError, WyomingError
from appliance.satellites.satellite_requests import SpokenRequests
from appliance.satellites.spoken_reply import SpokenReply
from appliance.satellites.streamed_speech import ANOTHER_HEARD_BETTER
from appliance.values import Outcome, SoundLevel, Wake
from appliance.wyoming_server import incoming_events as incoming
from appliance.wyoming_server import outgoing_events as outgoing
from appliance.wyoming_server.client_socket import ClientGone, ClientSocket
from appliance.wyoming_server.heard_sound import Transcription
from appliance.wyoming_server.outgoing_events import COMMANDS
from appliance.wyoming_server.pcm_frames import PcmFrames
from appliance.wyoming_server.speaking import Speaking

if TYPE_CHECKING:
    import socket

    from appliance.listening.earshot import Earshot
    from appliance.listening.wake_election import WakeElection
    from appliance.satellites.satellite_requests import SatelliteRequests
    from appliance.wyoming_server.services import Services

logger = logging.getLogger(__name__)

PING_EVERY_S = 5.0
"""While nothing else comes. A satellite that does not answer one until the next is gone."""

LOUDEST = 200.0
"""Decibels over the noise that are believed."""


NO_VOICE = "it must be confirmed, and the appliance that recognises has no voice to ask with"
NO_REPLY = "it must be confirmed, and this satellite does not listen to replies"


class SatelliteLink:
    """Belongs to one thread, but for `close` and `cancel`."""

    def __init__(
        self,
        stream: socket.socket,
        services: Services,
        requests: SatelliteRequests,
        earshot: Earshot,
        address: str,
    ) -> None:
        """`address` names the satellite until it has told its own name."""
        self._services = services
        self._requests_of_all = requests
        self._earshot = earshot
        self._client = ClientSocket(stream, services.config.requests.maximum_bytes, b"")
        self._name = address
        self._area = ""
        self._requests = SpokenRequests(self._client, requests, address)
        self._election: WakeElection | None = None
        self._purpose: Transcription | SpokenReply | None = None
        """What the sound is for that comes now."""
        self._question: str | None = None
        """Id of the command that waits for a yes from this satellite."""
        self._holding = contextlib.ExitStack()
        self._frames = PcmFrames(16_000, 1)
        self._yields = False
        """Whether another one heard the same call better."""
        self._pinged_at: float | None = None

    def close(self) -> None:
        """End it, from any thread."""
        self._client.close()

    def cancel(self, reason: str) -> None:
        """Another satellite or appliance heard the same call better. From any thread."""
        logger.info("%s %s", self._name, reason)
        self._yields = True
        with contextlib.suppress(ClientGone):
            self._client.refuse(reason, ANOTHER_HEARD_BETTER)

    def serve(self) -> None:
        """Recognise what is said there until the connection ends.

        Raises:
            ClientGone: it ended.
            WyomingError: what comes is not the protocol.

        """
        try:
            self._client.send(outgoing.greeting())
            while True:
                event = self._client.poll_event(PING_EVERY_S)
                if event is None:
                    self._ping()
                    continue
                self._pinged_at = None
                self._take(event)
        finally:
            self._end_sentence()
            self._decline("the connection to the satellite ended")
            self._requests.close()
            if self._election is not None:
                self._earshot.leave(self._election)

    def _ping(self) -> None:
        now = time.monotonic()
        if self._pinged_at is not None and now - self._pinged_at > 2 * PING_EVERY_S:
            raise ClientGone
        if self._pinged_at is None:
            self._pinged_at = now
        self._client.send(outgoing.are_you_there())

    def _take(self, event: incoming.IncomingEvent) -> None:
        try:
            self._handle(event)
        except WyomingError:
            raise
        except ApplianceError as error:
            self._end_sentence()
            self._decline("the reply could not be recognised")
            self._client.refuse(str(error), "failed")

    @singledispatchmethod
    def _handle(self, event: incoming.IncomingEvent) -> None:
        """The kinds that ask for nothing are ignored."""

    @_handle.register
    def _(self, event: incoming.SatelliteInfo) -> None:
        if event.satellite is None:
            raise WyomingError("this is no satellite; see wyoming.satellites")
        self._name = event.satellite.name[:64]
        self._area = event.satellite.area or ""
        self._requests.close()
        self._requests = SpokenRequests(self._client, self._requests_of_all, self._name)
        if self._services.synthesizer is None:
            self._requests.cannot_ask = NO_VOICE
        elif not event.satellite.supports_trigger:
            self._requests.cannot_ask = NO_REPLY
        if self._election is None:
            self._election = self._earshot.join(f"{self._services.name}/{self._name}", self)
        where = f", area {self._area}" if self._area else ""
        logger.info("what is said at the satellite %s%s is recognised here", self._name, where)

    @_handle.register
    def _(self, event: incoming.DetectedWord) -> None:
        context = event.context or {}
        score, level = context.get("score"), context.get("level_over_noise_db")
        self._yields = False
        if self._election is not None and isinstance(score, float) and isinstance(level, float):
            wake = Wake(event.name or "", min(1.0, max(0.0, score)), 0.0)
            over_noise = min(LOUDEST, max(0.0, level))
            heard = SoundLevel(
                level_dbfs=0.0, peak_dbfs=over_noise, noise_floor_dbfs=0.0, clipped_share=0.0
            )
            self._election.on_own_wake(wake, heard)

    @_handle.register
    def _(self, event: incoming.RunPipeline) -> None:
        self._end_sentence()
        if event.is_reply:
            self._begin_reply()
        else:
            self._decline("another sentence came before the reply")
            self._begin_sentence()

    def _begin_sentence(self) -> None:
        if self._yields:
            self._yields = False
            return
        context = {"area": self._area} if self._area else None
        asked = incoming.Transcribe(name=COMMANDS, context=context)
        self._requests.newest = None
        self._purpose = Transcription(
            asked, self._client, self._requests, self._services, self._holding
        )

    def _begin_reply(self) -> None:
        if self._question is None:
            self._client.refuse("no reply is awaited", "invalid")
            return
        self._purpose = SpokenReply(
            self._client, self._services, self._requests_of_all, self._question
        )

    @_handle.register
    def _(self, event: incoming.Played) -> None:
        if self._question is not None and self._purpose is None:
            self._client.send(outgoing.listen_for_reply())

    @_handle.register
    def _(self, event: incoming.AudioStart) -> None:
        self._frames = PcmFrames(event.rate, event.channels)

    @_handle.register
    def _(self, event: incoming.AudioChunk) -> None:
        for frame in self._frames.feed(event.pcm):
            if self._yields:
                self._end_sentence()
            if self._purpose is not None and self._purpose.hear(frame):
                self._answer(self._purpose)

    @_handle.register
    def _(self, event: incoming.AudioStop) -> None:
        if self._purpose is not None and not self._yields:
            self._purpose.finish()
            self._answer(self._purpose)
        self._end_sentence()

    def _answer(self, purpose: Transcription | SpokenReply) -> None:
        """Ask back, or say the answer, if there is one to be said."""
        self._end_sentence()
        if isinstance(purpose, SpokenReply):
            self._question = None
            result = purpose.result
        else:
            result = self._requests.newest
            if result is not None and self._requests.must_ask:
                self._question = result.id
                self._say(spoken_question(result, phrases_for(self._services.language)))
                return
        if result is not None and result.outcome is not Outcome.CANCELLED:
            declared = self._services.sentences.current.declared
            self._say(result.answer or response_to(result.commands, declared))

    def _say(self, words: str | None) -> None:
        synthesizer = self._services.synthesizer
        if words and synthesizer is not None:
            speaking = Speaking(synthesizer, self._client)
            speaking.add(words)
            speaking.finish()

    def _decline(self, why: str) -> None:
        """Do not carry out the command that waits for a yes, if there is one."""
        question, self._question = self._question, None
        if question is not None:
            self._requests_of_all.answer_question(question, yes=False, why=why)

    def _end_sentence(self) -> None:
        self._purpose = None
        self._holding.close()
