"""The sound card as a microphone that never goes deaf."""

from __future__ import annotations

import logging
import queue
import time
from typing import TYPE_CHECKING, Any

import numpy as np

from appliance.audio import portaudio
from appliance.audio.resample import Resampler
from appliance.errors import MicrophoneError
from appliance.protocols import FRAME_SAMPLES
from appliance.threads import Deadline
from appliance.values import SAMPLE_RATE, MicrophoneState

if TYPE_CHECKING:
    from appliance.values import Samples

logger = logging.getLogger(__name__)

BLOCK_SECONDS = FRAME_SAMPLES / SAMPLE_RATE
"""Sound that one callback brings, at any rate."""

WAITING_BLOCKS = 160
"""Blocks (5 s) that may wait for the reader; what comes on top is lost and counted."""

PATIENCE = 1.5
"""Seconds without a block, or with constant samples, after which something is wrong. The owner
is promised to be told within two seconds, and the telling takes a part of them."""

TOLD_AFTER = 1.9
"""Seconds after its start that a device counts as LOST if it has brought nothing at all."""

FIRST_BLOCK = 4.0
"""Seconds that a device may take from its start to its first block, before it is started anew; some
take two."""

FIRST_RETRY, LONGEST_RETRY = 0.5, 5.0
"""Seconds between attempts to open a microphone that is gone; doubled each time."""

FIRST_REVIVAL, LONGEST_REVIVAL = 5.0, 60.0
"""The same for one that is open and gives constant samples. It may be stuck, and then a new
start helps; or it is muted, and then it must not be troubled all the time."""


class SoundCardMicrophone:
    """A microphone that PortAudio knows, at whatever rate and channel count it wants.

    Once open it never raises: a device that vanishes or goes dumb is opened again and again
    until it is back. Use it from one thread.
    """

    def __init__(self, device: str = "") -> None:
        """Name a device by a part of its name or by its number; empty is the default one."""
        self._wanted = device
        self._device = device
        self._blocks: queue.Queue[tuple[Samples, float]] = queue.Queue(WAITING_BLOCKS)
        self._stream: Any = None
        self._resampler: Resampler | None = None
        self._sound: Samples = np.zeros(0, dtype=np.float32)
        self._lost = self._came = False
        self._block_at = self._moved_at = self._next_try = self._next_revival = 0.0
        self._retry, self._revival = FIRST_RETRY, FIRST_REVIVAL
        self.captured_at = 0.0
        self.looked_after_at = time.monotonic()
        self.overruns = 0
        """Blocks lost because nobody read them, or because the device says it lost some."""
        self.reopened = 0
        """Times that the microphone was gone and came back."""

    @property
    def state(self) -> MicrophoneState:
        """LOST from PATIENCE without sound until a block comes; SILENT on constant samples."""
        silent = self._block_at - self._moved_at > PATIENCE
        # The clock is asked here, too: who reads may hang inside the sound system itself, while
        # it starts a silent device anew, and then no line below this one is reached any more.
        patience = FIRST_BLOCK if silent or self._came else TOLD_AFTER
        if self._lost or time.monotonic() - self._block_at > patience:
            return MicrophoneState.LOST
        return MicrophoneState.SILENT if silent else MicrophoneState.OK

    def open(self) -> None:
        # Lost until proven otherwise: whoever reads on after an error here is served as soon
        # as there is a microphone.
        self._lost = True
        self._next_try = 0.0
        self._retry, self._revival = FIRST_RETRY, FIRST_REVIVAL
        self._start()
        self._lost = False

    def read(self, timeout: float) -> Samples | None:
        deadline = Deadline(timeout)
        while len(self._sound) < FRAME_SAMPLES:
            if self._stream is None:
                self._try_again(deadline)
            if not self._take_block(deadline):
                return None
        frame, self._sound = self._sound[:FRAME_SAMPLES].copy(), self._sound[FRAME_SAMPLES:]
        behind = len(self._sound) + (self._resampler.delay if self._resampler else 0.0)
        self.captured_at = self._block_at - behind / SAMPLE_RATE
        return frame

    def close(self) -> None:
        stream, self._stream = self._stream, None
        if stream is not None:
            stream.abort(ignore_errors=True)
            stream.close(ignore_errors=True)

    def _take_block(self, deadline: Deadline) -> bool:
        try:
            block, self._block_at = self._blocks.get(timeout=deadline.left())
        except queue.Empty:
            patience = PATIENCE if self._came else FIRST_BLOCK
            if self._stream is not None and time.monotonic() - self._block_at > patience:
                self._lose()
            return False
        self._came = True
        self.looked_after_at = self._block_at
        if self._lost:
            self._lost, self._retry = False, FIRST_RETRY
            self.reopened += 1
        if block.min() != block.max():
            self._moved_at, self._revival = self._block_at, FIRST_REVIVAL
            self._next_revival = self._block_at + self._revival
        elif self._block_at > self._next_revival:
            return self._revive()
        if self._resampler is not None:
            block = self._resampler.feed(block)
        self._sound = np.concatenate([self._sound, block])
        return True

    def _revive(self) -> bool:
        """Start a device anew that brings nothing but constant samples; it stays SILENT."""
        self._revival = min(2 * self._revival, LONGEST_REVIVAL)
        moved_at = self._moved_at
        self.close()
        try:
            portaudio.forget_devices()
            self._start()
        except MicrophoneError as error:
            logger.debug("the silent microphone cannot be opened again: %s", error)
            self._lose()
            return False
        self._moved_at = moved_at
        self._next_revival = time.monotonic() + self._revival
        return True

    def _lose(self) -> None:
        self._lost = True
        self._next_try = time.monotonic() + self._retry
        self._retry = min(2 * self._retry, LONGEST_RETRY)
        self.close()

    def _try_again(self, deadline: Deadline) -> None:
        wait = self._next_try - time.monotonic()
        if wait > 0:
            time.sleep(min(wait, deadline.left()))
            return
        self.looked_after_at = time.monotonic()
        try:
            portaudio.forget_devices()
            self._start()
        except MicrophoneError as error:
            logger.debug("the microphone is still gone: %s", error)
            self._lose()

    def _start(self) -> None:
        self._blocks = queue.Queue(WAITING_BLOCKS)
        self._sound = np.zeros(0, dtype=np.float32)
        self._stream = self._open_stream()
        rate = self._stream.samplerate
        self._resampler = None if rate == SAMPLE_RATE else Resampler(rate, SAMPLE_RATE)
        self._came = False
        self._block_at = self._moved_at = time.monotonic()
        self._next_revival = self._block_at + self._revival
        try:
            self._stream.start()
        except portaudio.library().PortAudioError as error:
            self.close()
            raise portaudio.refused("input", self._wanted, error) from error

    def _open_stream(self) -> Any:
        library = portaudio.library()
        device = portaudio.find("input", self._device)
        refusal: Exception | None = None
        for rate, channels in portaudio.forms("input", device):
            try:
                stream = library.InputStream(
                    samplerate=rate,
                    blocksize=round(rate * BLOCK_SECONDS),
                    device=device["index"],
                    channels=channels,
                    dtype="float32",
                    callback=_copier(self, self._blocks),
                )
            except library.PortAudioError as error:
                refusal = error
            else:
                # A number is true of today's list only: when the device is plugged in again,
                # it may stand elsewhere, and another device in its place.
                self._device = device["name"] if self._wanted else ""
                return stream
        raise portaudio.refused("input", device["name"], refusal)


def _copier(card: SoundCardMicrophone, blocks: queue.Queue[tuple[Samples, float]]) -> Any:
    """The callback, bound to its own queue so that a dying stream cannot fill the next one's."""

    def copy(data: Samples, _frames: int, _times: Any, status: Any) -> None:
        if status.input_overflow:
            card.overruns += 1
        try:
            # Of several channels the first: arrays put their cleaned signal there, and
            # others (echo reference, raw capsules) must not be mixed in.
            blocks.put_nowait((data[:, 0].copy(), time.monotonic()))
        except queue.Full:
            card.overruns += 1

    return copy
