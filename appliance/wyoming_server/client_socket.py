"""One client's socket: reads events and writes answers, each within limits of time and size."""

from __future__ import annotations

import select
import socket
import threading
import time
from collections import deque
from typing import TYPE_CHECKING

from appliance.errors import WyomingError
from appliance.wyoming_server import outgoing_events
from appliance.wyoming_server.frame_reader import FrameReader
from appliance.wyoming_server.incoming_events import AudioChunk, Describe, Ping, event_of

if TYPE_CHECKING:
    from appliance.jobs.client_jobs import ResultInbox
    from appliance.wyoming_server.incoming_events import IncomingEvent

BLOCK_BYTES = 65_536

FRAME_LIMIT_S = 10.0
"""Time limit for one event, from its first byte to its last."""

IDLE_LIMIT_S = 300.0
"""Longest pause between two events."""

HOLDING_LIMIT_S = 10.0
"""Shorter limit while the client holds one of the few turns and others are told `busy`."""

WRITE_LIMIT_S = 5.0
"""Time limit for a client to take an answer."""

MOST_WAITING = 2_000
"""Maximum number of events kept while a result is awaited: about a minute of sound in small
pieces."""

GONE = select.POLLRDHUP | select.POLLHUP | select.POLLERR | select.POLLNVAL


class ClientGone(Exception):
    """The client has left, or is too slow, so no answer can be sent."""


class ClientSocket:
    """The socket of one client. It belongs to one thread; `send` and `close` are for any thread."""

    def __init__(self, stream: socket.socket, maximum_payload_bytes: int, info: bytes) -> None:
        """`info` is the answer to `describe`."""
        self._stream = stream
        self._reader = FrameReader(maximum_payload_bytes)
        self._info = info
        self._waiting: deque[IncomingEvent] = deque()
        self._waiting_bytes = 0
        self._frame_until = 0.0
        self._sending = threading.Lock()
        self._maximum_payload_bytes = maximum_payload_bytes
        stream.settimeout(WRITE_LIMIT_S)
        stream.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def next_event(self, idle_limit_s: float = IDLE_LIMIT_S) -> IncomingEvent:
        """The next event that is not answered here; ClientGone if none comes in `idle_limit_s`.

        Raises:
            ClientGone: the connection has ended, so no event will follow.
            WyomingError: what comes is not the protocol.

        """
        event = self.poll_event(idle_limit_s)
        if event is None:
            raise ClientGone
        return event

    def poll_event(self, wait_s: float) -> IncomingEvent | None:
        """The next event, or None if none comes in `wait_s`; raises as `next_event`."""
        now = time.monotonic()
        idle_until = now + wait_s
        self._frame_until = now + FRAME_LIMIT_S  # our own work must not count against the client
        while not self._waiting:
            if time.monotonic() > idle_until:
                return None
            self._poll(min(1.0, wait_s))
        event = self._waiting.popleft()
        if isinstance(event, AudioChunk):
            self._waiting_bytes -= len(event.pcm)
        return event

    def wait_for(self, inbox: ResultInbox, timeout_s: float) -> bool:
        """Wait until `inbox` has a result; False if that takes longer.

        Meanwhile `describe` and `ping` are answered, and other events wait.

        Raises:
            ClientGone: the client does not wait for the result any more.
            WyomingError: what comes is not the protocol.

        """
        end = time.monotonic() + timeout_s
        while time.monotonic() < end:
            if self._poll(0.5, inbox):
                return True
        return False

    def check(self) -> None:
        """ClientGone if the client has left."""
        self._poll(0.0, reads=False)

    def send(self, answer: bytes) -> None:
        """Write an answer, from any thread; ClientGone if the client does not take it."""
        try:
            with self._sending:
                self._stream.sendall(answer)
        except OSError:
            raise ClientGone from None

    def refuse(self, why: str, code: str) -> None:
        """Tell the client why something is not done."""
        self.send(outgoing_events.failed(why, code))

    def close(self) -> None:
        """End the connection, from any thread; a thread waiting for the client gets ClientGone."""
        try:
            self._stream.shutdown(socket.SHUT_RDWR)
        except OSError:
            return  # the client was first

    def _poll(
        self, seconds: float, inbox: ResultInbox | None = None, *, reads: bool = True
    ) -> bool:
        """Wait for bytes or a result, and take the bytes; whether there is a result."""
        reads = reads and not self._is_full  # unread data stays in the client's send buffer
        if reads and self._reader.is_inside_frame and time.monotonic() > self._frame_until:
            raise WyomingError(f"an event took longer than {FRAME_LIMIT_S:g} s")
        poll = select.poll()
        poll.register(self._stream, (select.POLLIN if reads else 0) | select.POLLRDHUP)
        if inbox is not None:
            poll.register(inbox, select.POLLIN)
        ready = dict(poll.poll(seconds * 1000))
        found = ready.pop(self._stream.fileno(), 0)
        if found & select.POLLIN:
            self._receive()
        elif found & GONE:
            raise ClientGone
        return bool(ready)

    @property
    def _is_full(self) -> bool:
        """Whether the queue of waiting events is full."""
        too_many = len(self._waiting) >= MOST_WAITING
        return too_many or self._waiting_bytes > self._maximum_payload_bytes

    def _receive(self) -> None:
        try:
            block = self._stream.recv(BLOCK_BYTES)
        except OSError:
            raise ClientGone from None
        if not block:
            raise ClientGone
        until = time.monotonic() + FRAME_LIMIT_S
        if not self._reader.is_inside_frame:
            self._frame_until = until
        for frame in self._reader.feed(block):
            self._frame_until = until  # of the one that may have begun after it
            try:
                event = event_of(frame)
            except WyomingError as error:  # of this event only: the next can be read
                self.refuse(str(error), "invalid")
                continue
            self._take(event)

    def _take(self, event: IncomingEvent | None) -> None:
        match event:
            case None:
                return
            case Describe():
                self.send(self._info)
            case Ping(text=text):
                self.send(outgoing_events.pong(text))
            case _:
                if isinstance(event, AudioChunk):
                    self._waiting_bytes += len(event.pcm)
                self._waiting.append(event)
