"""All errors that the appliance raises, as a tree.

ApplianceError
├── ConfigError         config.toml cannot be used (exit status 78)
├── SentencesError      a sentence file cannot be used
├── NeededError         something required is missing (exit status 69)
│   ├── MicrophoneError     no sound comes from the microphone
│   ├── LoudspeakerError    nothing can be played
│   ├── ModelMissing        a model file is absent
│   └── BrokerError         the embedded broker cannot start
├── AudioError          a recording cannot be decoded
├── ManifestError       a manifest of recordings cannot be used
├── EngineError         a model cannot be loaded, or failed
│   ├── Interrupted         a job was interrupted because the appliance stops
│   └── EngineDied          a model's process crashed at a job, and again at its retry
├── ModelDamaged        a model file differs from the published one
├── FetchError          a model could not be fetched
├── RequestError        a request over MQTT cannot be accepted
├── WyomingError        what a client of the Wyoming server sends cannot be used
├── DeviceError         something about a device on the broker
│   ├── DeviceConfigError   a discovery message, or the owner's file of devices, cannot be used
│   ├── UnsafeTemplate      a template uses more than is allowed
│   ├── TemplateFailed      a template gives no value for this message
│   └── ServiceRefused      a device cannot do what is asked
├── JournalError        the journal on disk cannot be written or read
├── CommandRefused      a command cannot be done later by itself
├── StateLocked         another daemon uses the same state directory
└── ThreadStuck         a thread did not stop in time

A message says what happened and what the owner should do next.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from collections.abc import Sequence

UNREADABLE_JSON = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)
"""What decoding JSON raises if it is no JSON, of another form, no UTF-8, or nested too deep."""

UNREADABLE_TOML = (ValueError, RecursionError)
"""What reading TOML raises if it is no TOML, has an endless number, or is nested too deep."""


class ApplianceError(Exception):
    """Base of all errors that the appliance raises."""

    exit_status = 1


class ConfigError(ApplianceError):
    """config.toml cannot be used; `problems` lists every mistake, one line each."""

    exit_status = 78

    def __init__(self, problems: Sequence[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = tuple(problems)


class SentencesError(ApplianceError):
    """A sentence file cannot be used; `problems` are lines of `file:line: problem`."""

    def __init__(self, problems: Sequence[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = tuple(problems)


class NeededError(ApplianceError):
    """Something required is missing."""

    exit_status = 69


class MicrophoneError(NeededError):
    """No sound comes from the microphone."""


class LoudspeakerError(NeededError):
    """Nothing can be played."""


class ModelMissing(NeededError):
    """A model file is absent."""


class BrokerError(NeededError):
    """The embedded broker cannot start."""


class AudioError(ApplianceError):
    """A recording cannot be decoded."""


class ManifestError(ApplianceError):
    """A manifest of recordings cannot be used."""


class EngineError(ApplianceError):
    """A model cannot be loaded, or failed."""


class EngineMissing(EngineError):
    """A library that a model needs is not installed."""


class Interrupted(EngineError):
    """A job was interrupted because the appliance stops."""


class EngineDied(EngineError):
    """A model's process crashed at a job, and again at its retry."""


class ModelDamaged(ApplianceError):
    """A model file differs from the published one."""


class FetchError(ApplianceError):
    """A model could not be fetched."""


class FetchBrokenOff(FetchError):
    """The connection broke too often; what has arrived is good, and the next pull goes on."""


class RequestError(ApplianceError):
    """A request over MQTT cannot be accepted; `reason` is part of the answer."""

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason
        """`busy`, `invalid`, `too_large` or `unsupported`."""


class WyomingError(ApplianceError):
    """What a client of the Wyoming server sends cannot be used."""


class DeviceError(ApplianceError):
    """Something about a device on the broker."""


class DeviceConfigError(DeviceError):
    """A discovery message, or the owner's file of devices, cannot be used."""


class UnsafeTemplate(DeviceError):
    """A template uses more than is allowed: an unknown function, too much time or memory."""


class TemplateFailed(DeviceError):
    """A template gives no value for this message."""


class ServiceRefused(DeviceError):
    """A device cannot do what is asked; nothing is published."""


class BundleError(ApplianceError):
    """A bundle of the fleet cannot be made, or is not taken."""


class JournalError(ApplianceError):
    """The journal on disk cannot be written or read."""


class CommandRefused(ApplianceError):
    """A command for later is not understood, or needs a person when it is done."""


class EditRefused(ApplianceError):
    """A file of the owner's cannot be changed as asked; the message says what to do."""


class StateLocked(NeededError):
    """Another daemon uses the same state directory."""


class ThreadStuck(ApplianceError):
    """A thread did not stop in time."""
