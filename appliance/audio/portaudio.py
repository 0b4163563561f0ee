"""The system's sound devices, found by name or number: the only file that imports sounddevice."""

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

Kind = Literal["input", "output"]

NAMES = {"input": "microphone", "output": "loudspeaker"}

_lock = threading.Lock()
_playing = 0
"""Sounds that are being played; a new list of the devices would cut them off."""


def library() -> Any:
    """The module sounddevice; MicrophoneError where PortAudio is not installed."""
    try:
        # Imported when first needed: importing it fails where PortAudio is not installed.
        return importlib.import_module("sounddevice")
    except OSError as error:
        message = "the library PortAudio is missing, without which no microphone can be used"
        raise MicrophoneError(f"{message}; run: sudo apt install libportaudio2") from error


def forget_devices() -> None:
    """PortAudio lists devices once; a microphone plugged in again needs a new list.

    While something is played the old list stays, since a new one ends every stream there is.
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
    """Keep the list of the devices as it is."""
    global _playing  # noqa: PLW0603 (PortAudio is one for the whole process, too)
    with _lock:
        _playing += 1
    try:
        yield
    finally:
        with _lock:
            _playing -= 1


def find(kind: Kind, wanted: str) -> dict[str, Any]:
    """The device of a name, a part of it, or a number; an empty string is the default one.

    Raises:
        MicrophoneError: none matches, or several do.

    """
    portaudio = library()
    known: list[dict[str, Any]] = [
        one for one in portaudio.query_devices() if one[f"max_{kind}_channels"] > 0
    ]
    if not known:
        message = f"there is no {NAMES[kind]}; plug one in"
        raise MicrophoneError(f"{message}, or let the user be of the group audio")
    if not wanted:
        default = portaudio.default.device[kind == "output"]
        return min(known, key=lambda one: one["index"] != default)
    if wanted.isdecimal():
        found = [one for one in known if one["index"] == int(wanted)]
    else:
        found = [one for one in known if wanted.casefold() in one["name"].casefold()]
        # A whole name beats a part of others' names.
        found = [one for one in found if one["name"].casefold() == wanted.casefold()] or found
    if len(found) == 1:
        return found[0]
    problem = f"several {NAMES[kind]}s match" if found else f"no {NAMES[kind]} matches"
    listed = ", ".join(f"{one['index']} {one['name']!r}" for one in found or known)
    key = "microphone.device" if kind == "input" else "speaking.device"
    raise MicrophoneError(f"{problem} {key} {wanted!r}; there are: {listed}")


def forms(kind: Kind, device: dict[str, Any], rate: int = SAMPLE_RATE) -> Iterator[tuple[int, int]]:
    """Rates and channel counts to try: what we use inside first, what the device likes last."""
    rates = dict.fromkeys((rate, int(device["default_samplerate"]), 48_000, 44_100))
    channels = dict.fromkeys((1, 2, int(device[f"max_{kind}_channels"])))
    return itertools.product(rates, channels)


def refused(kind: Kind, device: str, error: Exception | None) -> MicrophoneError:
    """The error to raise when the system does not give us a device that is there."""
    return MicrophoneError(
        f"the {NAMES[kind]} {device or 'chosen by default'} cannot be opened: {error}; "
        f"is another program using it?"
    )
