"""Recordings played as if they were spoken into a microphone, in real time."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING

import numpy as np

from appliance.protocols import FRAME_SAMPLES
from appliance.values import SAMPLE_RATE, MicrophoneState

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from appliance.values import Samples

FRAME_SECONDS = FRAME_SAMPLES / SAMPLE_RATE


class FileMicrophone:
    """A microphone that hears recordings one after the other, each followed by silence.

    The silence must be longer than the pause that ends a sentence, so that each sentence
    is handed over before the next recording begins.
    """

    def __init__(
        self,
        recordings: Sequence[Samples],
        *,
        silence_seconds: float = 1.5,
        on_recording: Callable[[int], None] = lambda _: None,
    ) -> None:
        self._recordings = recordings
        self._silence = np.zeros(round(silence_seconds * SAMPLE_RATE), dtype=np.float32)
        self._on_recording = on_recording
        self._frames = self._all_frames()
        self._started = 0.0
        self._given = 0
        self._open = False
        self.captured_at = 0.0
        self.last_activity_at = time.monotonic()
        self.ended = threading.Event()
        """Set when the silence after the last recording has been heard."""

    @property
    def state(self) -> MicrophoneState:
        """ABSENT: this is no microphone."""
        return MicrophoneState.ABSENT

    def open(self) -> None:
        self._open = True
        self._started = time.monotonic() - self._given * FRAME_SECONDS

    def read(self, timeout: float) -> Samples | None:
        """The next frame once its time has come; None before that and after the end.

        `on_recording` is called with the index of a recording before its first frame.
        """
        self.last_activity_at = time.monotonic()
        due = self._started + (self._given + 1) * FRAME_SECONDS
        early = due - time.monotonic()
        if not self._open or self.ended.is_set() or early > timeout:
            time.sleep(timeout)
            return None
        time.sleep(max(0.0, early))
        frame = next(self._frames, None)
        if frame is None:
            self.ended.set()
            return None
        self._given += 1
        self.captured_at = due
        return frame

    def close(self) -> None:
        self._open = False

    def _all_frames(self) -> Iterator[Samples]:
        for index, samples in enumerate(self._recordings):
            self._on_recording(index)
            sound = np.concatenate([samples, self._silence])
            for start in range(0, len(sound), FRAME_SAMPLES):
                frame = sound[start : start + FRAME_SAMPLES]
                yield np.pad(frame, (0, FRAME_SAMPLES - len(frame)))
