"""Sound out of the loudspeaker, until it is over or hushed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from appliance.audio import portaudio
from appliance.audio.resample import resampled
from appliance.errors import LoudspeakerError, MicrophoneError

if TYPE_CHECKING:
    from collections.abc import Callable

    from appliance.values import Samples

PIECE_SECONDS = 0.05
"""Sound that is given to the device at once; it is hushed after so long."""

TAIL_SECONDS = 0.1
"""Silence at the end: some devices cut off the last of what they are given."""


class Loudspeaker:
    """Plays one sound at a time. Use it from one thread; the device is open only while it plays."""

    def __init__(self, device: str = "", volume: float = 1.0) -> None:
        """Name a device as for a microphone; `volume` is 0.0 to 1.0."""
        self._device = device
        self.volume = volume

    def play(self, samples: Samples, rate: int, hushed: Callable[[], bool] = lambda: False) -> None:
        """Play mono sound of `rate` hertz; come back when it is over, or `hushed` says so.

        Raises:
            LoudspeakerError: there is none, or it cannot be used.

        """
        try:
            with portaudio.playing():
                self._play(samples, rate, hushed)
        except MicrophoneError as error:  # the devices are looked for in the same way
            raise LoudspeakerError(str(error)) from error

    def _play(self, samples: Samples, rate: int, hushed: Callable[[], bool]) -> None:
        library = portaudio.library()
        stream = self._open(library, rate)
        try:
            rate_out = int(stream.samplerate)
            sound = resampled(samples, rate, rate_out) * self.volume
            sound = np.pad(sound, (0, round(TAIL_SECONDS * rate_out)))
            step = round(PIECE_SECONDS * rate_out)
            stream.start()
            for start in range(0, len(sound), step):
                if hushed():
                    stream.abort(ignore_errors=True)
                    return
                piece = sound[start : start + step].astype(np.float32).reshape(-1, 1)
                stream.write(np.ascontiguousarray(np.repeat(piece, stream.channels, axis=1)))
            stream.stop()
        except library.PortAudioError as error:
            raise LoudspeakerError(f"the loudspeaker failed while it played: {error}") from error
        finally:
            stream.close(ignore_errors=True)

    def _open(self, library: Any, rate: int) -> Any:
        device = portaudio.find("output", self._device)
        refusal: Exception | None = None
        for form, channels in portaudio.forms("output", device, rate):
            try:
                return library.OutputStream(
                    samplerate=form, device=device["index"], channels=channels, dtype="float32"
                )
            except library.PortAudioError as error:
                refusal = error
        raise portaudio.refused("output", device["name"], refusal)
