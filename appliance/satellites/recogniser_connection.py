"""One connection of an appliance or of Home Assistant to this satellite."""

from __future__ import annotations

import contextlib
import logging
import queue
import threading
from functools import singledispatchmethod
from typing import TYPE_CHECKING

import numpy as np

from appliance.errors import WyomingError
from appliance.jobs.finished_job_log import without_words
from appliance.values import Spoken
from appliance.wyoming_server import incoming_events as incoming
from appliance.wyoming_server.client_socket import ClientGone, ClientSocket
from appliance.wyoming_server.pcm_frames import FULL_SCALE

if TYPE_CHECKING:
    import socket

    from appliance.satellites.satellite_server import SatelliteServer

logger = logging.getLogger(__name__)

MAXIMUM_BYTES = 8_388_608
"""Maximum size of one event."""

LONGEST_SPEECH_S = 120.0
"""Maximum length of a played answer, in seconds; the rest is left out."""

MOST_WAITING = 400
"""Pieces of sound (32 ms) that wait to be sent; a network that is slower than this is no use."""

SILENT_LIMIT_S = 60.0
"""Seconds after which a recogniser that sends nothing, not even `ping`, counts as gone."""


class RecogniserConnection:
    """`run` belongs to a thread of its own; `send` and `close` are for any thread."""

    def __init__(self, stream: socket.socket, server: SatelliteServer, info: bytes) -> None:
        self._client = ClientSocket(stream, MAXIMUM_BYTES, info)
        self._server = server
        self._outgoing: queue.Queue[bytes | None] = queue.Queue(MOST_WAITING)
        self._rate = 0
        self._pieces: list[bytes] = []
        """The received pieces of an unfinished answer."""
        self._bytes_left = 0

    def send(self, events: bytes) -> bool:
        """Queue events; False if too many wait already."""
        try:
            self._outgoing.put_nowait(events)
        except queue.Full:
            return False
        return True

    def close(self) -> None:
        """End it."""
        self._client.close()

    def run(self) -> None:
        """Serve it until it leaves."""
        writer = threading.Thread(target=self._write, name="satellite writer", daemon=True)
        writer.start()
        try:
            while True:
                self._handle(self._client.next_event(SILENT_LIMIT_S))
        except ClientGone:
            pass
        except WyomingError as error:
            logger.info("the connection was ended: %s", error)
            with contextlib.suppress(ClientGone):
                self._client.refuse(str(error), "invalid")
        except Exception as error:
            message = "the connection was ended because of a bug in the appliance"
            logger.error(message, exc_info=without_words(error))  # noqa: TRY400
        finally:
            self._server.stop_using(self)
            self._client.close()
            with contextlib.suppress(queue.Full):
                self._outgoing.put_nowait(None)

    def _write(self) -> None:
        with contextlib.suppress(ClientGone):
            while (events := self._outgoing.get()) is not None:
                self._client.send(events)
        self._client.close()

    @singledispatchmethod
    def _handle(self, event: incoming.IncomingEvent) -> None:
        """The kinds that mean nothing to a satellite are ignored."""

    @_handle.register
    def _(self, event: incoming.RunSatellite) -> None:
        self._server.use(self)

    @_handle.register
    def _(self, event: incoming.PauseSatellite) -> None:
        self._server.stop_using(self)

    @_handle.register
    def _(self, event: incoming.RunPipeline) -> None:
        if self._server.uses(self) and event.is_reply:
            self._server.speech.on_reply_wanted()

    @_handle.register
    def _(self, event: incoming.VoiceStopped) -> None:
        if self._server.uses(self):
            self._server.speech.on_voice_stopped()

    @_handle.register
    def _(self, event: incoming.HeardText) -> None:
        if self._server.uses(self):
            self._server.speech.on_transcript(event.text)

    @_handle.register
    def _(self, event: incoming.Failure) -> None:
        if self._server.uses(self):
            self._server.speech.on_failure(event.text, event.code)

    @_handle.register
    def _(self, event: incoming.AudioStart) -> None:
        self._rate, self._pieces = event.rate, []
        self._bytes_left = round(LONGEST_SPEECH_S * event.rate) * 2 * event.channels
        self._channels = event.channels

    @_handle.register
    def _(self, event: incoming.AudioChunk) -> None:
        if self._rate and len(event.pcm) <= self._bytes_left:
            self._bytes_left -= len(event.pcm)
            self._pieces.append(event.pcm)

    @_handle.register
    def _(self, event: incoming.AudioStop) -> None:
        pcm, rate, self._pieces, self._rate = b"".join(self._pieces), self._rate, [], 0
        if not rate or not self._server.uses(self):
            return
        whole = len(pcm) - len(pcm) % (2 * self._channels)
        sound = np.frombuffer(pcm[:whole], "<i2").astype(np.float32) / FULL_SCALE
        mono = sound.reshape(-1, self._channels).mean(axis=1, dtype=np.float32)
        self._server.speech.on_spoken(Spoken(mono, rate))
