"""Plays sound on the loudspeaker, until its end or until it is stopped."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from appliance.audio import portaudio
from appliance.audio.resample import resampled
from appliance.errors import LoudspeakerError, MicrophoneError

if TYPE_CHECKING:
    from collections.abc import Callable

    from appliance.values import Samples

BLOCK_SECONDS = 0.05
"""Seconds of sound written at a time, which is also the longest delay of a stop."""

TAIL_SECONDS = 0.1
"""Seconds of silence at the end, because some devices cut off the end of a sound."""


class Loudspeaker:
    """Plays one sound at a time. Use it from one thread; the device is only open while it plays."""

    def __init__(self, device: str = "", volume: float = 1.0) -> None:
        """Name a device like a microphone; `volume` is 0.0 to 1.0."""
        self._device = device
        self.volume = volume

    def play(
        self, samples: Samples, rate: int, stopped: Callable[[], bool] = lambda: False
    ) -> None:
        """Play mono sound of `rate` hertz; return at its end, or soon after `stopped` is true.

        Raises:
            LoudspeakerError: there is no loudspeaker, or it cannot be used.

        """
        try:
            with portaudio.playing():
                self._play(samples, rate, stopped)
        except MicrophoneError as error:  # devices are found in the same way
            raise LoudspeakerError(str(error)) from error

    def _play(self, samples: Samples, rate: int, stopped: Callable[[], bool]) -> None:
        library = portaudio.library()
        stream = self._open(library, rate)
        try:
            device_rate = int(stream.samplerate)
            sound = resampled(samples, rate, device_rate) * self.volume
            sound = np.pad(sound, (0, round(TAIL_SECONDS * device_rate)))
            step = round(BLOCK_SECONDS * device_rate)
            stream.start()
            for start in range(0, len(sound), step):
                if stopped():
                    stream.abort(ignore_errors=True)
                    return
                block = sound[start : start + step].astype(np.float32).reshape(-1, 1)
                stream.write(np.ascontiguousarray(np.repeat(block, stream.channels, axis=1)))
            stream.stop()
        except library.PortAudioError as error:
            raise LoudspeakerError(f"the loudspeaker failed during playback: {error}") from error
        finally:
            stream.close(ignore_errors=True)

    def _open(self, library: Any, rate: int) -> Any:
        device = portaudio.find("output", self._device)
        last_error: Exception | None = None
        for device_rate, channels in portaudio.formats("output", device, rate):
            try:
                return library.OutputStream(
                    samplerate=device_rate,
                    device=device["index"],
                    channels=channels,
                    dtype="float32",
                )
            except library.PortAudioError as error:
                last_error = error
        raise portaudio.open_error("output", device["name"], last_error)
