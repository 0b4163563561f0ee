"""The sound card as a microphone that recovers by itself from every fault."""

from __future__ import annotations

import logging
import queue
import time
from typing import TYPE_CHECKING, Any

import numpy as np

from appliance.audio import portaudio
from appliance.audio.resample import Resampler
from appliance.backoff import Backoff
from appliance.errors import MicrophoneError
from appliance.protocols import FRAME_SAMPLES
from appliance.threads import Deadline
from appliance.values import SAMPLE_RATE, MicrophoneState

if TYPE_CHECKING:
    from appliance.values import Samples

logger = logging.getLogger(__name__)

BLOCK_SECONDS = FRAME_SAMPLES / SAMPLE_RATE
"""Seconds of sound in one callback, at any rate."""

QUEUED_BLOCKS = 160
"""Blocks (5 s) that may wait for the reader; further ones are dropped and counted."""

FAULT_AFTER_S = 1.5
"""Seconds without a block, or with constant samples, that count as a fault. It must be reported
within two seconds, which include the time of the report."""

START_REPORT_S = 1.9
"""Seconds after its start from which a device that has brought no block is LOST."""

START_TIMEOUT_S = 4.0
"""Seconds from its start to its first block, after which a device is opened again; some take
two."""

REOPEN_BACKOFF = Backoff(first_s=0.5, longest_s=5.0)
"""Delays between attempts to open a microphone that is gone."""

STEREO = 2
"""Channels of a device whose second one is used if the first has no sound. Other devices are
arrays, whose further channels are no microphones of their own."""

RESTART_BACKOFF = Backoff(first_s=5.0, longest_s=60.0)
"""Delays between restarts of a device with constant samples. If it is stuck, a restart helps; if it
is muted, it must not be restarted all the time."""


class SoundCardMicrophone:
    """A device of PortAudio, at whatever rate and channel count it requires.

    After it has been opened it never raises: a device that vanishes or brings no sound is opened
    again and again until it is back. Use it from one thread.
    """

    def __init__(self, device: str = "", channel: int = 0) -> None:
        """Name a device by a part of its name or by its number; empty is the default device.

        `channel` counts from 1. With 0 it is the first, or that of a stereo device which has sound.
        """
        self._configured_device = device
        self._configured_channel = channel
        self._channel = max(channel, 1) - 1
        self._device = device
        self._blocks: queue.Queue[tuple[Samples, float]] = queue.Queue(QUEUED_BLOCKS)
        self._stream: Any = None
        self._resampler: Resampler | None = None
        self._buffer: Samples = np.zeros(0, dtype=np.float32)
        self._lost = self._started = False
        self._last_block_at = self._last_change_at = self._reopen_at = self._restart_at = 0.0
        self._failed_opens = self._restarts = 0
        self.captured_at = 0.0
        self.last_activity_at = time.monotonic()
        self.overruns = 0
        """Number of blocks dropped because they were not read in time, or lost by the device."""
        self.reopened = 0
        """Number of times the microphone was lost and came back."""

    @property
    def state(self) -> MicrophoneState:
        """LOST from FAULT_AFTER_S without sound until a block comes; SILENT on constant samples."""
        silent = self._last_block_at - self._last_change_at > FAULT_AFTER_S
        # The clock is read here, too: while the reader restarts a silent device, it may hang inside
        # the sound system, and never come to the lines below.
        limit_s = START_TIMEOUT_S if silent or self._started else START_REPORT_S
        if self._lost or time.monotonic() - self._last_block_at > limit_s:
            return MicrophoneState.LOST
        return MicrophoneState.SILENT if silent else MicrophoneState.OK

    def open(self) -> None:
        # Lost until it is open: if this raises, reading opens the microphone as soon as there is
        # one.
        self._lost = True
        self._reopen_at = 0.0
        self._failed_opens = self._restarts = 0
        self._start()
        self._lost = False

    def read(self, timeout: float) -> Samples | None:
        deadline = Deadline(timeout)
        while len(self._buffer) < FRAME_SAMPLES:
            if self._stream is None:
                self._reopen(deadline)
            if not self._take_block(deadline):
                return None
        frame, self._buffer = self._buffer[:FRAME_SAMPLES].copy(), self._buffer[FRAME_SAMPLES:]
        delayed = len(self._buffer) + (self._resampler.delay if self._resampler else 0.0)
        self.captured_at = self._last_block_at - delayed / SAMPLE_RATE
        return frame

    def close(self) -> None:
        stream, self._stream = self._stream, None
        if stream is not None:
            stream.abort(ignore_errors=True)
            stream.close(ignore_errors=True)

    def _take_block(self, deadline: Deadline) -> bool:
        try:
            block, self._last_block_at = self._blocks.get(timeout=deadline.left())
        except queue.Empty:
            limit_s = FAULT_AFTER_S if self._started else START_TIMEOUT_S
            if self._stream is not None and time.monotonic() - self._last_block_at > limit_s:
                self._lose()
            return False
        self._started = True
        self.last_activity_at = self._last_block_at
        if self._lost:
            self._lost, self._failed_opens = False, 0
            self.reopened += 1
        block = self._one_channel(block)
        if block.min() != block.max():
            self._last_change_at, self._restarts = self._last_block_at, 0
            self._restart_at = self._last_block_at + RESTART_BACKOFF.delay_s(1)
        elif self._last_block_at > self._restart_at:
            return self._restart()
        if self._resampler is not None:
            block = self._resampler.feed(block)
        self._buffer = np.concatenate([self._buffer, block])
        return True

    def _one_channel(self, block: Samples) -> Samples:
        """One channel of a block, of shape (samples, channels).

        They are never mixed: microphone arrays put their processed signal into the first channel,
        and an echo reference or single capsules into the others. But a microphone that is wired to
        the right channel of a stereo device leaves the first one without sound.
        """
        chosen = block[:, self._channel]
        silent = self._last_block_at - self._last_change_at > FAULT_AFTER_S
        if self._configured_channel or block.shape[1] != STEREO or not silent:
            return chosen
        other = 1 - self._channel
        if np.ptp(chosen) or not np.ptp(block[:, other]):
            return chosen
        words = "channel %d of the microphone has no sound, so channel %d is used; set it: %s"
        logger.warning(words, self._channel + 1, other + 1, "microphone.channel")
        self._channel = other
        return block[:, other]

    def _restart(self) -> bool:
        """Restart a device that brings only constant samples; it stays SILENT."""
        self._restarts += 1
        last_change_at = self._last_change_at
        self.close()
        try:
            portaudio.refresh_devices()
            self._start()
        except MicrophoneError as error:
            logger.debug("cannot restart the silent microphone: %s", error)
            self._lose()
            return False
        self._last_change_at = last_change_at
        self._restart_at = time.monotonic() + RESTART_BACKOFF.delay_s(self._restarts + 1)
        return True

    def _lose(self) -> None:
        self._lost = True
        self._failed_opens += 1
        self._reopen_at = time.monotonic() + REOPEN_BACKOFF.delay_s(self._failed_opens)
        self.close()

    def _reopen(self, deadline: Deadline) -> None:
        wait_s = self._reopen_at - time.monotonic()
        if wait_s > 0:
            time.sleep(min(wait_s, deadline.left()))
            return
        self.last_activity_at = time.monotonic()
        try:
            portaudio.refresh_devices()
            self._start()
        except MicrophoneError as error:
            logger.debug("cannot open the lost microphone: %s", error)
            self._lose()

    def _start(self) -> None:
        self._blocks = queue.Queue(QUEUED_BLOCKS)
        self._buffer = np.zeros(0, dtype=np.float32)
        self._stream = self._open_stream()
        rate = self._stream.samplerate
        self._resampler = None if rate == SAMPLE_RATE else Resampler(rate, SAMPLE_RATE)
        self._started = False
        self._last_block_at = self._last_change_at = time.monotonic()
        self._restart_at = self._last_block_at + RESTART_BACKOFF.delay_s(self._restarts + 1)
        try:
            self._stream.start()
        except portaudio.library().PortAudioError as error:
            self.close()
            raise portaudio.open_error("input", self._configured_device, error) from error

    def _open_stream(self) -> Any:
        library = portaudio.library()
        device = portaudio.find("input", self._device)
        least = self._configured_channel or 1
        if least > (most := int(device["max_input_channels"])):
            raise MicrophoneError(
                f"microphone.channel is {least}, but {device['name']} has {most}; choose another"
            )
        last_error: Exception | None = None
        for rate, channels in portaudio.formats("input", device, least_channels=least):
            try:
                stream = library.InputStream(
                    samplerate=rate,
                    blocksize=round(rate * BLOCK_SECONDS),
                    device=device["index"],
                    channels=channels,
                    dtype="float32",
                    callback=_callback(self, self._blocks),
                )
            except library.PortAudioError as error:
                last_error = error
            else:
                # A number holds for the current list only: after the device is plugged in again,
                # its number may be another, and belong to another device.
                self._device = device["name"] if self._configured_device else ""
                return stream
        raise portaudio.open_error("input", device["name"], last_error)


def _callback(microphone: SoundCardMicrophone, blocks: queue.Queue[tuple[Samples, float]]) -> Any:
    """PortAudio's callback, with its own queue: a closing stream cannot fill that of the next."""

    def enqueue(data: Samples, _frames: int, _times: Any, status: Any) -> None:
        if status.input_overflow:
            microphone.overruns += 1
        try:
            blocks.put_nowait((data.copy(), time.monotonic()))
        except queue.Full:
            microphone.overruns += 1

    return enqueue
