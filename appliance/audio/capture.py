"""The sound card as a microphone: the only file that imports sounddevice and soxr."""

from __future__ import annotations

import importlib
import itertools
import logging
import queue
import time
from typing import TYPE_CHECKING, Any

import numpy as np
import soxr

from appliance.errors import MicrophoneError
from appliance.protocols import FRAME_SAMPLES
from appliance.threads import Deadline
from appliance.values import SAMPLE_RATE, MicrophoneState

if TYPE_CHECKING:
    from collections.abc import Iterator

    from appliance.values import Samples

logger = logging.getLogger(__name__)

BLOCK_SECONDS = FRAME_SAMPLES / SAMPLE_RATE
"""Sound that one callback brings, at any rate."""

WAITING_BLOCKS = 160
"""Blocks (5 s) that may wait for the reader; what comes on top is lost and counted."""

PATIENCE = 2.0
"""Seconds without a block, or with constant samples, after which something is wrong."""

FIRST_RETRY, LONGEST_RETRY = 0.5, 10.0
"""Seconds between attempts to open a microphone that is gone; doubled each time."""


class SoundCard:
    """A microphone that PortAudio knows, at whatever rate and channel count it wants.

    Once open it never raises: a device that vanishes or goes dumb is opened again and again
    until it is back. Use it from one thread.
    """

    def __init__(self, device: str = "") -> None:
        """Name a device by a part of its name or by its number; empty is the default one."""
        self._device = device
        self._blocks: queue.Queue[tuple[Samples, float]] = queue.Queue(WAITING_BLOCKS)
        self._stream: Any = None
        self._resampler: soxr.ResampleStream | None = None
        self._sound: Samples = np.zeros(0, dtype=np.float32)
        self._lost = False
        self._block_at = self._moved_at = self._next_try = 0.0
        self._retry = FIRST_RETRY
        self.captured_at = 0.0
        self.overruns = 0
        """Blocks lost because nobody read them, or because the device says it lost some."""
        self.reopened = 0
        """Times that the microphone was gone and came back."""

    @property
    def state(self) -> MicrophoneState:
        """LOST from 2 s without sound until a block comes again; SILENT on constant samples."""
        if self._lost:
            return MicrophoneState.LOST
        if self._block_at - self._moved_at > PATIENCE:
            return MicrophoneState.SILENT
        return MicrophoneState.OK

    def open(self) -> None:
        # Lost until proven otherwise: whoever reads on after an error here is served as soon
        # as there is a microphone.
        self._lost = True
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
        behind = len(self._sound) + (self._resampler.delay() if self._resampler else 0.0)
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
            if self._stream is not None and time.monotonic() - self._block_at > PATIENCE:
                self._lose()
            return False
        if self._lost:
            self._lost, self._retry = False, FIRST_RETRY
            self.reopened += 1
        if block.min() != block.max():
            self._moved_at = self._block_at
        if self._resampler is not None:
            block = self._resampler.resample_chunk(block)
        self._sound = np.concatenate([self._sound, block])
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
        try:
            _forget_devices()
            self._start()
        except MicrophoneError as error:
            logger.debug("the microphone is still gone: %s", error)
            self._lose()

    def _start(self) -> None:
        self._blocks = queue.Queue(WAITING_BLOCKS)
        self._sound = np.zeros(0, dtype=np.float32)
        self._stream = self._open_stream(_portaudio())
        rate = self._stream.samplerate
        self._resampler = (
            None
            if rate == SAMPLE_RATE
            else soxr.ResampleStream(rate, SAMPLE_RATE, 1, dtype="float32")
        )
        self._block_at = self._moved_at = time.monotonic()
        try:
            self._stream.start()
        except _portaudio().PortAudioError as error:
            self.close()
            raise _refused(self._device, error) from error

    def _open_stream(self, portaudio: Any) -> Any:
        device = _find(portaudio, self._device)
        refusal: Exception | None = None
        for rate, channels in _forms(device):
            try:
                return portaudio.InputStream(
                    samplerate=rate,
                    blocksize=round(rate * BLOCK_SECONDS),
                    device=device["index"],
                    channels=channels,
                    dtype="float32",
                    callback=_copier(self, self._blocks),
                )
            except portaudio.PortAudioError as error:
                refusal = error
        raise _refused(device["name"], refusal)


def _copier(card: SoundCard, blocks: queue.Queue[tuple[Samples, float]]) -> Any:
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


def _portaudio() -> Any:
    try:
        # Imported when first needed: importing it fails where PortAudio is not installed.
        return importlib.import_module("sounddevice")
    except OSError as error:
        message = "the library PortAudio is missing, without which no microphone can be used"
        raise MicrophoneError(f"{message}; run: sudo apt install libportaudio2") from error


def _forget_devices() -> None:
    """PortAudio lists devices once; a microphone plugged in again needs a new list."""
    portaudio = _portaudio()
    try:
        while portaudio._initialized:  # noqa: SLF001 (sounddevice has no public way)
            portaudio._terminate()  # noqa: SLF001
        portaudio._initialize()  # noqa: SLF001
    except portaudio.PortAudioError as error:
        raise MicrophoneError(f"the sound system cannot be used: {error}") from error


def _find(portaudio: Any, wanted: str) -> dict[str, Any]:
    inputs: list[dict[str, Any]] = [
        one for one in portaudio.query_devices() if one["max_input_channels"] > 0
    ]
    if not inputs:
        message = "there is no microphone; plug one in"
        raise MicrophoneError(f"{message}, or let the user be of the group audio")
    if not wanted:
        default = portaudio.default.device[0]
        inputs.sort(key=lambda one: one["index"] != default)
        return inputs[0]
    if wanted.isdecimal():
        found = [one for one in inputs if one["index"] == int(wanted)]
    else:
        found = [one for one in inputs if wanted.casefold() in one["name"].casefold()]
        # A whole name beats a part of others' names.
        found = [one for one in found if one["name"].casefold() == wanted.casefold()] or found
    if len(found) == 1:
        return found[0]
    problem = "several microphones match" if found else "no microphone matches"
    known = ", ".join(f"{one['index']} {one['name']!r}" for one in found or inputs)
    raise MicrophoneError(f"{problem} microphone.device {wanted!r}; there are: {known}")


def _forms(device: dict[str, Any]) -> Iterator[tuple[int, int]]:
    """Rates and channel counts to try: what we use inside first, what the device likes last."""
    rates = dict.fromkeys((SAMPLE_RATE, int(device["default_samplerate"]), 48_000, 44_100))
    channels = dict.fromkeys((1, 2, int(device["max_input_channels"])))
    return itertools.product(rates, channels)


def _refused(device: str, error: Exception | None) -> MicrophoneError:
    return MicrophoneError(
        f"the microphone {device or 'chosen by default'} cannot be opened: {error}; "
        f"is another program using it?"
    )
