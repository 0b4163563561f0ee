"""The connection from the recognising appliance to one satellite."""

from __future__ import annotations

import contextlib
import logging
import time
from functools import singledispatchmethod
from typing import TYPE_CHECKING

from appliance.dialogue.confirm_and_session import response_to
from appliance.errors import ApplianceError, WyomingError
from appliance.satellites.satellite_requests import SpokenRequests
from appliance.satellites.streamed_speech import ANOTHER_HEARD_BETTER
from appliance.values import SoundLevel, Wake
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
        self._transcription: Transcription | None = None
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
        if self._yields:
            self._yields = False
            return
        context = {"area": self._area} if self._area else None
        asked = incoming.Transcribe(name=COMMANDS, context=context)
        self._requests.newest = None
        self._transcription = Transcription(
            asked, self._client, self._requests, self._services, self._holding
        )

    @_handle.register
    def _(self, event: incoming.AudioStart) -> None:
        self._frames = PcmFrames(event.rate, event.channels)

    @_handle.register
    def _(self, event: incoming.AudioChunk) -> None:
        for frame in self._frames.feed(event.pcm):
            if self._yields:
                self._end_sentence()
            if self._transcription is not None and self._transcription.hear(frame):
                self._answer()

    @_handle.register
    def _(self, event: incoming.AudioStop) -> None:
        if self._transcription is not None and not self._yields:
            self._transcription.finish()
            self._answer()
        self._end_sentence()

    def _answer(self) -> None:
        """Say the answer to the sentence, if there is one to be said."""
        result = self._requests.newest
        self._end_sentence()
        synthesizer = self._services.synthesizer
        if result is None or synthesizer is None:
            return
        declared = self._services.sentences.current.declared
        words = result.answer or response_to(result.commands, declared)
        if words:
            speaking = Speaking(synthesizer, self._client)
            speaking.add(words)
            speaking.finish()

    def _end_sentence(self) -> None:
        self._transcription = None
        self._holding.close()
