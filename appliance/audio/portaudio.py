"""Sound devices of the system, by name or number: the only file that imports sounddevice."""

from __future__ import annotations

import importlib
import itertools
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Literal

from appliance.errors import MicrophoneError
from appliance.values import SAMPLE_RATE

if TYPE_CHECKING:
    from collections.abc import Iterator

Direction = Literal["input", "output"]

NAMES = {"input": "microphone", "output": "loudspeaker"}

_lock = threading.Lock()
_playing = 0
"""Number of sounds being played; listing the devices again would cut them off."""


def library() -> Any:
    """The module sounddevice; MicrophoneError if PortAudio is not installed."""
    try:
        # Imported when first needed: the import fails if PortAudio is not installed.
        return importlib.import_module("sounddevice")
    except OSError as error:
        message = "no microphone can be used without the library PortAudio"
        raise MicrophoneError(f"{message}; run: sudo apt install libportaudio2") from error


def refresh_devices() -> None:
    """List the devices again, as a microphone that was plugged in again requires.

    PortAudio lists them once. While something is played the old list stays, since a new one ends
    every open stream.
    """
    portaudio = library()
    with _lock:
        if _playing:
            return
        try:
            while portaudio._initialized:  # noqa: SLF001 (sounddevice has no public way)
                portaudio._terminate()  # noqa: SLF001
            portaudio._initialize()  # noqa: SLF001
        except portaudio.PortAudioError as error:
            raise MicrophoneError(f"the sound system cannot be used: {error}") from error


@contextmanager
def playing() -> Iterator[None]:
    """A context in which the list of devices is not renewed."""
    global _playing  # noqa: PLW0603 (there is one PortAudio per process, too)
    with _lock:
        _playing += 1
    try:
        yield
    finally:
        with _lock:
            _playing -= 1


def find(direction: Direction, name: str) -> dict[str, Any]:
    """The device of this name, part of a name, or number; an empty string is the default device.

    Raises:
        MicrophoneError: no device matches, or several do.

    """
    portaudio = library()
    known: list[dict[str, Any]] = [
        device for device in portaudio.query_devices() if device[f"max_{direction}_channels"] > 0
    ]
    if not known:
        message = f"there is no {NAMES[direction]}; plug one in"
        raise MicrophoneError(f"{message}, or add the user to the group audio")
    if not name:
        default = portaudio.default.device[direction == "output"]
        return min(known, key=lambda one: one["index"] != default)
    if name.isdecimal():
        found = [one for one in known if one["index"] == int(name)]
    else:
        found = [one for one in known if name.casefold() in one["name"].casefold()]
        # A full match wins over parts of other names.
        found = [one for one in found if one["name"].casefold() == name.casefold()] or found
    if len(found) == 1:
        return found[0]
    problem = f"several {NAMES[direction]}s match" if found else f"no {NAMES[direction]} matches"
    listed = ", ".join(f"{one['index']} {one['name']!r}" for one in found or known)
    key = "microphone.device" if direction == "input" else "speaking.device"
    raise MicrophoneError(f"{problem} {key} {name!r}; available: {listed}")


def formats(
    direction: Direction, device: dict[str, Any], rate: int = SAMPLE_RATE, least_channels: int = 1
) -> Iterator[tuple[int, int]]:
    """Rates and channel counts to try: the appliance's own first, the device's maximum last."""
    rates = dict.fromkeys((rate, int(device["default_samplerate"]), 48_000, 44_100))
    channels = dict.fromkeys((1, 2, int(device[f"max_{direction}_channels"])))
    return itertools.product(rates, (count for count in channels if count >= least_channels))


def open_error(direction: Direction, device: str, error: Exception | None) -> MicrophoneError:
    """The error to raise if the system does not open a device that exists."""
    return MicrophoneError(
        f"the {NAMES[direction]} {device or 'chosen by default'} cannot be opened: {error}; "
        f"is another program using it?"
    )
