"""The nouns of the house: frozen values that pass from room to room."""

from __future__ import annotations

import enum
from dataclasses import dataclass, field
from typing import Any, ClassVar

import msgspec
import numpy as np
from numpy.typing import NDArray

SAMPLE_RATE = 16_000
MOST_NUMBERS = 100_000
"""Numbers of one range in a sentence; each is written down when the sentences are read."""
"""Hertz, of all sound inside the appliance."""

SCHEMA = 1
"""Version of the result's form; grows when a field changes its meaning."""

Samples = NDArray[np.float32]
"""Mono sound at SAMPLE_RATE, shape (n,), -1.0 to 1.0."""


class Trigger(enum.StrEnum):
    """What opened the ear, or who brought the work."""

    ALWAYS = "always"
    WAKE_WORD = "wake_word"
    BUTTON = "button"
    REQUEST = "request"
    FILE = "file"
    COMMAND_LINE = "command_line"
    SAMPLE = "sample"


class Source(enum.StrEnum):
    """Where a piece of work came from."""

    SPEECH = "speech"
    MQTT = "mqtt"
    COMMAND_LINE = "command_line"


class Operation(enum.StrEnum):
    """What a request asks for; each is a topic `request/<op>`."""

    TRANSCRIBE = "transcribe"
    """Sound to text, and nothing more."""
    RECOGNIZE = "recognize"
    """Sound to intent, as if it had been spoken at the device."""
    PARSE = "parse"
    """Text to intent, by the sentences alone."""
    ANSWER = "answer"
    """Text to text, by the language model alone."""


AUDIO_OPERATIONS = frozenset({Operation.TRANSCRIBE, Operation.RECOGNIZE})
"""Those whose payload is a recording."""


class Outcome(enum.StrEnum):
    """How a piece of work ended."""

    INTENT = "intent"
    ANSWER = "answer"
    TRANSCRIPT = "transcript"
    NO_SPEECH = "no_speech"
    NOT_UNDERSTOOD = "not_understood"
    REFUSED = "refused"
    CANCELLED = "cancelled"
    EXPIRED = "expired"
    FAILED = "failed"


class Pace(enum.StrEnum):
    """How hard the board may work."""

    FULL = "full"
    EASED = "eased"
    RESTING = "resting"


class Activity(enum.StrEnum):
    """What the appliance is doing; the topic `state` and the light show it."""

    STARTING = "starting"
    IDLE = "idle"
    LISTENING = "listening"
    THINKING = "thinking"
    SPEAKING = "speaking"
    MUTED = "muted"
    FAULT = "fault"


class MicrophoneState(enum.StrEnum):
    """What the microphone is doing; part of the topic `health`."""

    OK = "ok"
    SILENT = "silent"
    """It is open, and every sample is the same."""
    LOST = "lost"
    MUTED = "muted"
    """It is closed, because the owner wants it so."""
    ABSENT = "absent"
    """The appliance runs without one (recordings are played instead, or none is wanted)."""


class SoundLevel(msgspec.Struct, frozen=True, kw_only=True):
    """How loud it was in the last ten seconds, in decibels below full scale."""

    level_dbfs: float
    peak_dbfs: float
    noise_floor_dbfs: float
    """Of the quietest moments."""
    clipped_share: float
    """Of the samples, 0.0 to 1.0, those that the converter cut off."""


class SoundHealth(msgspec.Struct, frozen=True, kw_only=True):
    """How well is heard; part of the topic `health`."""

    level: SoundLevel | None
    """None before any sound has come."""
    overruns: int
    """Pieces of 32 ms lost because the machine was too busy, since start."""
    reopened: int
    """Times that the microphone was gone and came back, since start."""
    heard: int
    """Sentences, since start."""
    dropped: int
    """Sentences for which there was no room, since start."""


@dataclass(frozen=True, slots=True)
class Wake:
    """A wake word that was heard."""

    word: str
    """The model's name: `okay_nabu`, or that of the owner's file."""
    score: float
    """0.0 to 1.0."""
    threshold: float
    """From which score on it counts."""


class SentenceProgress(enum.StrEnum):
    """What a sentence is that somebody is still speaking, as far as it has been heard."""

    COMPLETE = "complete"
    """One of the sentences, and none goes on from here."""
    SOUNDS_OVER = "sounds_over"
    """One of the sentences, and what could follow changes nothing; or at most one slot could, and
    it was spoken as if it were over."""
    COULD_GO_ON = "could_go_on"
    """One of the sentences, and another begins with it."""
    INCOMPLETE = "incomplete"
    """The beginning of a sentence."""
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True, eq=False)  # eq=False: arrays do not compare to one bool
class Utterance:
    """What was said, from just before the first sound to the closing silence."""

    id: str
    samples: Samples
    trigger: Trigger
    heard_at: float
    """Unix seconds of the first sample."""
    speech_ended: float
    """time.monotonic() of the last sample that held speech; latency counts from here."""
    source: Source = Source.SPEECH
    peak: float = 0.0
    """Largest absolute sample, 0.0 to 1.0."""
    speech_seconds: float | None = None
    """Seconds in which the detector heard speech; 0.0 where there was none, None if not asked."""
    reply: bool = False
    """Said in answer to a question of ours: a yes or a no, and not one of the sentences."""

    @property
    def seconds(self) -> float:
        """Duration of the sound."""
        return len(self.samples) / SAMPLE_RATE


@dataclass(frozen=True, slots=True, eq=False)  # eq=False: arrays do not compare to one bool
class Spoken:
    """A sentence of ours as sound."""

    samples: Samples
    """Mono, at `rate`."""
    rate: int
    """Hertz."""


class Session(msgspec.Struct, frozen=True, kw_only=True):
    """From the opening of the ear to the end of what follows from it; part of `state`."""

    id: str
    trigger: Trigger
    ended: str | None = None
    """Why it is over; None while it goes on."""


@dataclass(frozen=True, slots=True)
class TextInput:
    """A sentence that came as text, treated like one that was said."""

    id: str
    text: str
    source: Source
    trigger: Trigger


@dataclass(frozen=True, slots=True)
class Request:
    """Work from MQTT, accepted: it is in the journal's inbox."""

    id: str
    """Our id, that of the result."""
    operation: Operation
    payload: bytes
    """A sound file for TRANSCRIBE and RECOGNIZE, UTF-8 text for PARSE, a packed `PromptRequest`
    for ANSWER."""
    transaction: str | None = None
    """The requester's own id for it, from Correlation Data or JSON."""
    priority: int = 0
    """Higher goes first."""
    expires_at: float | None = None
    """When nobody wants the answer any more, on the clock of `identity.boot_seconds`."""
    reply_to: str | None = None
    """The topic that the requester named for the answer; None means the default one."""
    correlation: bytes | None = None
    """Correlation Data, which the answer carries back unchanged."""
    requester: str = ""
    """Who asks, as far as turns are shared out: the name given, else the reply topic."""


Job = Utterance | TextInput | Request


class PromptRequest(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a request for an answer may ask for beside a plain text."""

    text: str
    schema: Any = None
    """A JSON Schema that the answer must meet."""
    session: str | None = None
    """Earlier questions of the same requester in this session are remembered."""
    stream: bool = False
    """Whether the answer is published on `partial` while it is written."""
    maximum_tokens: int | None = None

    MARK: ClassVar[bytes] = b"\x00"
    """Before the JSON of a wish, to tell it from a plain text: no accepted text begins so."""

    def packed(self) -> bytes:
        """As a request's payload: the plain text where nothing else is wished."""
        plain = self == PromptRequest(self.text)
        return self.text.encode() if plain else self.MARK + msgspec.json.encode(self)

    @classmethod
    def unpacked(cls, payload: bytes) -> PromptRequest:
        """From a request's payload; UnicodeDecodeError where it is no text."""
        if payload.startswith(cls.MARK):
            return msgspec.json.decode(payload[1:], type=cls)
        return cls(payload.decode("utf-8"))


@dataclass(frozen=True, slots=True)
class Transcript:
    """What the recogniser understood."""

    text: str
    language: str
    confidence: float | None = None
    """0.0 to 1.0, or None where the recogniser does not say."""
    no_speech: float | None = None
    """Probability that nobody spoke, 0.0 to 1.0."""


class Intent(msgspec.Struct, frozen=True):
    """A declared intent, with its slots filled."""

    name: str
    slots: dict[str, Any] = {}
    confidence: float | None = None
    by: str = "grammar"
    """`grammar`, `fuzzy` or `model`."""


@dataclass(frozen=True, slots=True)
class Question:
    """What the language model is asked."""

    said: tuple[str, ...]
    """Questions and answers in turn, the last of them the question."""
    schema: Any = None
    """A JSON Schema that the answer must meet; None for an answer in words."""
    maximum_tokens: int | None = None
    """Of the answer; None as the configuration says."""


@dataclass(frozen=True, slots=True)
class OptionScores:
    """What the language model makes of some options."""

    scores: tuple[float, ...]
    """The natural logarithm of each option's probability; the probabilities add up to 1."""
    prompt_tokens: int
    cached_tokens: int


@dataclass(frozen=True, slots=True)
class Completion:
    """What the language model wrote."""

    text: str
    prompt_tokens: int
    cached_tokens: int
    generated_tokens: int
    first_token_ms: float | None = None


class Models(msgspec.Struct, frozen=True):
    """Which models made a result, two that heard it together joined by +; None: not asked."""

    stt: str | None = None
    lm: str | None = None


class Tokens(msgspec.Struct, frozen=True):
    """Tokens of the language model; None where it was not asked."""

    prompt: int | None = None
    cached: int | None = None
    generated: int | None = None


class Result(msgspec.Struct, frozen=True, kw_only=True):
    """The one form of a result: MQTT, command line and log. Unknown is None, never 0."""

    schema: int = SCHEMA
    id: str
    source: Source
    trigger: Trigger
    language: str
    outcome: Outcome
    text: str | None = None
    """What was said or sent, as understood."""
    intent: Intent | None = None
    answer: str | None = None
    confidence: float | None = None
    """That these words were said, or this intent was meant, 0.0 to 1.0. Null for an answer that
    the language model wrote to a text: of how true that is it has no figure."""
    reason: str | None = None
    """Why the outcome is `failed`, `refused`, `cancelled` or `expired`, or what was perhaps meant
    where it is `not_understood`; for a person to read."""
    timings_ms: dict[str, float] = {}
    models: Models = Models()
    tokens: Tokens = Tokens()
    pace: Pace = Pace.FULL
    throttled: bool | None = None
    temperature_c: float | None = None
    energy_j: float | None = None
    at: str
    """UTC, ISO 8601."""
    clock_synced: bool | None = None
    boot_id: str | None = None
    seq: int | None = None
    """Counts results over reboots; given by the journal."""


@dataclass(frozen=True, slots=True)
class BoardReading:
    """What the board's sensors say; None is a sensor that the board lacks."""

    temperature_c: float | None = None
    clock_mhz: float | None = None
    """As a Raspberry Pi's firmware measures it, else as the kernel set it."""
    clock_limit_mhz: float | None = None
    """What the kernel lets the processor run at; it lowers that against heat."""
    load: float | None = None
    """Average of the last minute."""
    memory_available_mb: float | None = None
    memory_used_mb: float | None = None
    """Resident memory of the appliance and its child processes."""
    disk_free_mb: float | None = None
    throttled: bool | None = None
    under_voltage: bool | None = None
    volts: float | None = None
    watts: float | None = None
    joules: float | None = None
    """Counted since start."""
    fan_rpm: float | None = None
    supply_ma: float | None = None
    """What the USB-C supply agreed to deliver."""
    battery_percent: float | None = None
    under_voltages: int | None = None
    """How often the voltage fell below the limit, since start."""
    throttlings: int | None = None
    """How often the processor began to be held back, since start."""
    firmware_bits: int | None = None
    """What `vcgencmd get_throttled` says on a Raspberry Pi: bit 0 low voltage, 1 clock capped,
    2 throttled, 3 soft temperature limit; from bit 16 on the same, at some time since boot."""
    core_volts: float | None = None
    """What the processor's core runs at; a Raspberry Pi lowers it together with the clock."""


@dataclass(frozen=True, slots=True)
class Message:
    """One MQTT message that waits for the broker in the journal's outbox."""

    topic: str
    payload: bytes
    retain: bool = False
    content_type: str | None = "application/json"
    correlation: bytes | None = None
    user_properties: tuple[tuple[str, str], ...] = field(default=())
    fleeting: bool = False
    """Nobody misses it: it is sent once, with QoS 0."""


def encode(value: Any) -> bytes:
    """Any of our wire values as UTF-8 JSON."""
    return msgspec.json.encode(value)
