"""Decodes recordings in a child process with limits on memory and time, for safety.

The decoders of a hundred formats are the largest part of the appliance that reads foreign data. A
fault of one ends only the child, and becomes the error of that recording.
"""

from __future__ import annotations

import contextlib
import dataclasses
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from appliance.child_process import Child, ChildDied
from appliance.errors import AudioError, Interrupted
from appliance.values import SAMPLE_RATE

if TYPE_CHECKING:
    from collections.abc import Callable

    from appliance.values import Samples

MODULE = "appliance.audio.decoder_main"

LEAST_MEMORY_BYTES = 64_000_000
"""Minimum memory for a decoder and its buffers, for any length of recording."""

BYTES_PER_SAMPLE = 100
"""Memory for a sample at 16 kHz: eight channels of 4 bytes, three times, plus a reserve."""

LEAST_CPU_S, CPU_S_PER_SECOND = 10.0, 0.1
"""Limits of processor time; a board decodes a recording in a hundredth of its length."""

WALL_FACTOR = 4.0
"""Factor from processor time to elapsed time, because other work may need the processor."""

POLL_S = 0.02
"""Seconds between two checks whether to stop, and whether somebody speaks."""

KILLED_BY_TIME = "SIGPROF"

INTERRUPTED = "the appliance stopped, or the request was cancelled, while it was decoded"


class _IdleChildren:
    """Idle decoder processes. One in use is not in the list."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._children: list[Child] = []

    def take(self) -> Child | None:
        """Take an idle one; None if there is none."""
        with self._lock:
            while self._children:
                child = self._children.pop()
                if child.alive():
                    return child
                child.kill()
        return None

    def give_back(self, child: Child) -> None:
        """Return one that has done its work."""
        with self._lock:
            self._children.append(child)


_IDLE = _IdleChildren()


def decode_recording(
    source: Path | bytes,
    *,
    maximum_seconds: float,
    maximum_bytes: int | None = None,
    must_stop: Callable[[], bool] = lambda: False,
) -> Samples:
    """The first audio stream of a recording: mono, 16 kHz. See `decode.decode`.

    Raises:
        AudioError: it is absent, empty, damaged, truncated, too long, or not a recording; or its
            decoder needed too much memory or time, or crashed.
        Interrupted: `must_stop` said so.

    """
    name = str(source) if isinstance(source, Path) else "the recording"
    size = _size_of(source, name)
    if maximum_bytes is not None and size > maximum_bytes:
        raise AudioError(f"{name} has {size} bytes; at most {maximum_bytes} are allowed")
    limits = DecodingLimits.of(size, maximum_seconds)
    job = {**dataclasses.asdict(limits), "maximum_seconds": maximum_seconds}
    content = b""
    if isinstance(source, Path):
        job["path"] = str(source.absolute())
    else:
        job["size"], content = size, source

    def decode_in(child: Child) -> Samples:
        return _decode_in(child, job, content, limits, must_stop)

    try:
        if (idle := _IDLE.take()) is not None:
            with contextlib.suppress(ChildDied):  # perhaps that of an earlier recording
                return decode_in(idle)
        return decode_in(Child(MODULE, threads=1))
    except ChildDied as error:
        raise AudioError(f"{name} cannot be decoded: {_cause(str(error), limits)}") from error
    except OSError as error:
        raise AudioError(f"the decoder's process cannot be started: {error}") from error


def _decode_in(
    child: Child,
    job: dict[str, Any],
    content: bytes,
    limits: DecodingLimits,
    must_stop: Callable[[], bool],
) -> Samples:
    try:
        child.send(job, content)
        answer = _answer(child, limits.wall_s, must_stop)
        received = child.receive_bytes(4 * answer.get("samples", 0), limits.wall_s)
    except BaseException:
        child.kill()
        raise
    _IDLE.give_back(child)
    if "error" in answer:
        raise AudioError(answer["error"])
    return np.frombuffer(received, np.float32)


@dataclass(frozen=True, slots=True)
class DecodingLimits:
    """The limits for one recording."""

    memory_bytes: int
    cpu_s: float

    @classmethod
    def of(cls, size: int, maximum_seconds: float) -> DecodingLimits:
        needed = 2 * size + round(maximum_seconds * SAMPLE_RATE * BYTES_PER_SAMPLE)
        cpu_s = LEAST_CPU_S + maximum_seconds * CPU_S_PER_SECOND
        return cls(LEAST_MEMORY_BYTES + needed, cpu_s)

    @property
    def wall_s(self) -> float:
        """Limit of elapsed time, in seconds."""
        return self.cpu_s * WALL_FACTOR


def _size_of(source: Path | bytes, name: str) -> int:
    if isinstance(source, bytes):
        return len(source)
    try:
        status = source.stat()
    except OSError as error:
        raise AudioError(f"{name} cannot be read: {error.strerror or error}") from error
    return status.st_size


def _answer(child: Child, wall_s: float, must_stop: Callable[[], bool]) -> dict[str, Any]:
    end = time.monotonic() + wall_s
    while (answer := child.receive(POLL_S)) is None:
        if must_stop():
            raise Interrupted(INTERRUPTED)
        if time.monotonic() > end:
            raise ChildDied(KILLED_BY_TIME)
    return answer


def _cause(died: str, limits: DecodingLimits) -> str:
    if KILLED_BY_TIME in died:
        return f"that takes more than {limits.cpu_s:g} s; send WAV, FLAC or another common format"
    return f"its decoder ended with {died}; send WAV, FLAC or another common format"
