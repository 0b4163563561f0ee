"""A client of the Wyoming server: the one of the package wyoming, without asyncio around it."""

from __future__ import annotations

import asyncio
import contextlib
import time
from typing import TYPE_CHECKING, Any, Self

from wyoming.asr import Transcribe, Transcript
from wyoming.audio import AudioChunk, AudioStart, AudioStop
from wyoming.client import AsyncTcpClient
from wyoming.error import Error
from wyoming.event import Event

from appliance.values import SAMPLE_RATE

if TYPE_CHECKING:
    from collections.abc import Coroutine

    from wyoming.event import Eventable

PIECE_S = 0.02
"""Of sound in one event, as Home Assistant sends it."""

BYTES_PER_SECOND = 2 * SAMPLE_RATE


class WyomingClient:
    """One connection."""

    def __init__(self, port: int, host: str = "127.0.0.1", timeout_s: float = 200.0) -> None:
        self._loop = asyncio.new_event_loop()
        self._client = AsyncTcpClient(host, port, connect_timeout=10, read_timeout=timeout_s)
        self.run(self._client.connect())
        assert self._client._writer is not None
        # What is sent is on its way when `send` returns: between calls, no loop runs.
        self._client._writer.transport.set_write_buffer_limits(high=0)

    def run(self, work: Coroutine[Any, Any, Any]) -> Any:
        return self._loop.run_until_complete(work)

    def send(self, *events: Eventable | Event) -> None:
        for event in events:
            self.run(self._client.write_event(event if isinstance(event, Event) else event.event()))

    def send_raw(self, block: bytes) -> None:
        writer = self._client._writer
        assert writer is not None
        writer.write(block)
        with contextlib.suppress(ConnectionError):  # it may have been ended by what came before
            self.run(writer.drain())

    def next(self) -> Event | None:
        """The next event; None at the end of the connection."""
        try:
            event: Event | None = self.run(self._client.read_event())
        except ConnectionError:
            return None
        return event

    def next_of(self, *kinds: str) -> Event:
        """The next event of one of some types; others are passed over."""
        while (event := self.next()) is not None:
            if event.type in kinds:
                return event
        raise AssertionError(f"the connection ended, and no {' or '.join(kinds)} came")

    def ask(self, event: Eventable | Event) -> Event:
        """The answer to one event."""
        self.send(event)
        answer = self.next()
        assert answer is not None
        return answer

    def is_ended(self) -> bool:
        """Whether the server has ended the connection; waits for it."""
        while (event := self.next()) is not None:
            assert event.type == "error", event
        return True

    def text_of(
        self,
        pcm: bytes,
        asked: Transcribe | None = None,
        *,
        rate: int = SAMPLE_RATE,
        channels: int = 1,
    ) -> str:
        """What the server hears in a recording that is sent at once."""
        self.send(asked or Transcribe(), AudioStart(rate, 2, channels))
        for piece in _pieces(pcm, 8_000):
            self.send(AudioChunk(rate, 2, channels, piece))
        self.send(AudioStop())
        return self.transcript()

    def transcript(self) -> str:
        """The text of the transcript that comes; an error is an error."""
        event = self.next_of("transcript", "error")
        assert not Error.is_type(event.type), event.data
        self.next_of("transcript-stop")
        return Transcript.from_event(event).text

    def speak(self, pcm: bytes, asked: Transcribe | None = None) -> tuple[str, float]:
        """Send sound as it is spoken, until a transcript comes; it, and the seconds sent."""
        event, sent_s = self.run(self._speak(pcm, asked or Transcribe()))
        self.next_of("transcript-stop")
        return Transcript.from_event(event).text, sent_s

    async def _speak(self, pcm: bytes, asked: Transcribe) -> tuple[Event, float]:
        client = self._client
        await client.write_event(asked.event())
        await client.write_event(AudioStart(SAMPLE_RATE, 2, 1).event())
        answer = asyncio.ensure_future(_transcript(client))
        size, began = round(PIECE_S * BYTES_PER_SECOND), time.monotonic()
        sent = 0
        for piece in _pieces(pcm, size):
            await client.write_event(AudioChunk(SAMPLE_RATE, 2, 1, piece).event())
            sent += len(piece)
            due = began + sent / BYTES_PER_SECOND
            await asyncio.wait([answer], timeout=max(0.0, due - time.monotonic()))
            if answer.done():
                break
        else:
            await client.write_event(AudioStop().event())
        return await answer, sent / BYTES_PER_SECOND

    def close(self) -> None:
        self.run(self._client.disconnect())
        self._loop.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


async def _transcript(client: AsyncTcpClient) -> Event:
    while True:
        event = await client.read_event()
        assert event is not None
        assert not Error.is_type(event.type), event.data
        if Transcript.is_type(event.type):
            return event


def _pieces(pcm: bytes, size: int) -> list[bytes]:
    return [pcm[start : start + size] for start in range(0, len(pcm), size)]
