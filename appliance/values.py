"""The values that pass between the packages: jobs, results, messages, readings. All frozen."""

from __future__ import annotations

import enum
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar

import msgspec
import numpy as np
from msgspec import UNSET, UnsetType
from numpy.typing import NDArray

if TYPE_CHECKING:
    from collections.abc import Mapping

SAMPLE_RATE = 16_000
"""Hertz, of all sound inside the appliance."""

RANGE_LIMIT = 100_000
"""Numbers in one range of a sentence; each is listed when the sentences are read."""

AREA = "area"
"""The key of Home Assistant's context that says in which room the speaker is."""

SCHEMA = 1
"""Version of the result's form; increased when a field changes its meaning."""

Samples = NDArray[np.float32]
"""Mono sound at SAMPLE_RATE, shape (n,), -1.0 to 1.0."""


class Trigger(enum.StrEnum):
    """What started listening, or where the work came from."""

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
    CLIENT = "client"
    """A program with a connection of its own: a client of the Wyoming or the HTTP server."""
    COMMAND_LINE = "command_line"


SAID_FOR_LATER = "timers, by voice"
"""Requester name of a delayed command that was spoken; no client may use this name."""


HTTP_REQUESTER = "http:"
"""Prefix of the requester's name for clients of the HTTP server."""


SATELLITE_REQUESTER = "satellite:"
"""The same for what was said at a satellite, with the satellite's name after it."""


class Operation(enum.StrEnum):
    """What a request asks for; each is a topic `request/<op>`."""

    TRANSCRIBE = "transcribe"
    """Sound to text only."""
    RECOGNIZE = "recognize"
    """Sound to intent. It acts, as if it had been spoken at the device."""
    PARSE = "parse"
    """Text to intent, by the sentences only. It acts on nothing: its requester gets the intent."""
    COMMAND = "command"
    """Text to intent. It acts."""
    ANSWER = "answer"
    """Text to text, by the language model only."""


AUDIO_OPERATIONS = frozenset({Operation.TRANSCRIBE, Operation.RECOGNIZE})
"""Operations whose payload is a recording."""

ACTING_OPERATIONS = frozenset({Operation.RECOGNIZE, Operation.COMMAND})
"""Operations whose intent is carried out. It is published on `intent/<Name>`, after a confirmation
if it is declared `confirm`."""


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
    """How hard the board may work; heat and a weak supply reduce it."""

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
    """The microphone is open, and all samples are equal."""
    LOST = "lost"
    MUTED = "muted"
    """The microphone was closed by its owner."""
    ABSENT = "absent"
    """There is no microphone: recordings are played instead, or listening.trigger is "off"."""


class SoundLevel(msgspec.Struct, frozen=True, kw_only=True):
    """How loud the last ten seconds were, in dBFS (0 is full scale)."""

    level_dbfs: float
    peak_dbfs: float
    noise_floor_dbfs: float
    """The level of the quietest moments."""
    clipped_share: float
    """Share of samples at full scale, 0.0 to 1.0."""


class SoundHealth(msgspec.Struct, frozen=True, kw_only=True):
    """Microphone signal quality; part of the topic `health`."""

    level: SoundLevel | None
    """None before any sound has come."""
    overruns: int
    """Frames of 32 ms lost because the machine was too busy, since start."""
    reopened: int
    """Number of times the microphone was lost and found again, since start."""
    heard: int
    """Sentences heard since start."""
    dropped: int
    """Sentences dropped because the queue was full, since start."""


@dataclass(frozen=True, slots=True)
class Wake:
    """A wake word that was heard."""

    word: str
    """The model's name: `okay_nabu`, or that of the owner's file."""
    score: float
    """0.0 to 1.0."""
    threshold: float
    """The score above which the word counts."""


class SentenceProgress(enum.StrEnum):
    """How complete a sentence is while it is still being spoken."""

    COMPLETE = "complete"
    """It is a complete sentence, and no longer sentence begins with it."""
    SOUNDS_OVER = "sounds_over"
    """It is a complete sentence, and further words would not change the meaning; or at most one
    slot could follow, and the voice sounds finished."""
    COULD_GO_ON = "could_go_on"
    """It is a complete sentence, and a longer one begins with it."""
    INCOMPLETE = "incomplete"
    """The beginning of a sentence."""
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True, eq=False)  # eq=False: arrays do not compare to one bool
class Utterance:
    """The sound of one sentence, from just before its beginning to the silence after it."""

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
    """Seconds in which the detector heard speech; 0.0 for none, None if it was not asked."""
    reply: bool = False
    """A reply to a question of the appliance (yes or no), not one of the sentences."""
    area: str = ""
    """The room of the speaker; empty: that of the appliance."""

    @property
    def seconds(self) -> float:
        """Duration of the sound."""
        return len(self.samples) / SAMPLE_RATE


@dataclass(frozen=True, slots=True, eq=False)  # eq=False: arrays do not compare to one bool
class Spoken:
    """A sentence that the appliance says, as sound."""

    samples: Samples
    """Mono, at `rate`."""
    rate: int
    """Hertz."""


class Session(msgspec.Struct, frozen=True, kw_only=True):
    """A session, from the start of listening to the end of the reply; part of `state`."""

    id: str
    trigger: Trigger
    ended: str | None = None
    """Why it ended; None while it continues."""


@dataclass(frozen=True, slots=True)
class TextInput:
    """A sentence that came as text and is treated like speech."""

    id: str
    text: str
    source: Source
    trigger: Trigger
    area: str = ""
    """The room of the speaker; empty: that of the appliance."""


@dataclass(frozen=True, slots=True)
class Request:
    """An accepted request, from MQTT or HTTP: it is in the journal's inbox."""

    id: str
    """The id that the appliance gave it; also the id of the result."""
    operation: Operation
    payload: bytes
    """A sound file for TRANSCRIBE and RECOGNIZE, UTF-8 text for PARSE and COMMAND, a packed
    `PromptRequest` for ANSWER."""
    transaction: str | None = None
    """The requester's own id for it, from Correlation Data or JSON."""
    priority: int = 0
    """Higher goes first."""
    expires_at: float | None = None
    """Deadline on the clock of `ids.boot_seconds`, after which the answer is not needed."""
    reply_to: str | None = None
    """The topic for the answer that the requester named; None: the default one."""
    correlation: bytes | None = None
    """Correlation Data, which the answer returns unchanged."""
    requester: str = ""
    """The requester, for fair turns: the given name, otherwise the reply topic."""
    area: str = ""
    """The room of the speaker; empty: that of the appliance."""

    @property
    def source(self) -> Source:
        """A command that was said for later is still said: `never_by_voice` holds."""
        if self.waits_on_http:
            return Source.CLIENT
        spoken = self.is_of_satellite or self.requester == SAID_FOR_LATER
        return Source.SPEECH if spoken else Source.MQTT

    @property
    def waits_on_http(self) -> bool:
        """Whether its requester gets the answer over HTTP instead of MQTT."""
        return self.requester.startswith(HTTP_REQUESTER)

    @property
    def is_of_satellite(self) -> bool:
        """Whether it was said at a satellite, which gets the answer over its own connection."""
        return self.requester.startswith(SATELLITE_REQUESTER)


@dataclass(frozen=True, slots=True, eq=False)  # eq=False: arrays do not compare to one bool
class ClientRequest:
    """Work for a client that waits on a connection of its own.

    The result goes to this client and nowhere else: nothing acts on it here, nothing is published,
    and nothing is on disk.
    """

    id: str
    operation: Operation
    text: str = ""
    """Text for PARSE and ANSWER."""
    samples: Samples | None = None
    """Speech for TRANSCRIBE and RECOGNIZE, cut out of the client's sound."""
    area: str = ""
    """The room of the speaker; empty: that of the appliance."""
    names: tuple[str, ...] = ()
    """Values of the list `name` that its client adds to the declared ones."""
    source: Source = Source.CLIENT
    trigger: Trigger = Trigger.REQUEST

    @property
    def interrupts(self) -> bool:
        """Whether it interrupts an answer that is being written: somebody has just spoken."""
        return self.operation in (Operation.RECOGNIZE, Operation.PARSE)


Job = Utterance | TextInput | Request | ClientRequest


class PromptRequest(msgspec.Struct, frozen=True, omit_defaults=True):
    """A request for an answer: the text and its options."""

    text: str
    schema: Any = None
    """A JSON Schema that the answer must meet."""
    session: str | None = None
    """Name of a session whose earlier questions and answers count."""
    stream: bool = False
    """Publish the answer on `partial` while it is generated."""
    maximum_tokens: int | None = None
    turns: tuple[str, ...] = ()
    """Earlier questions and answers in turn, if the requester keeps them itself."""
    extract: bool = False
    """Whether the strings and numbers of the answer are taken from the text."""

    MARK: ClassVar[bytes] = b"\x00"
    """First byte of a packed request with options; no accepted text begins with it."""

    def packed(self) -> bytes:
        """The payload of a request: the plain text if there are no options."""
        plain = self == PromptRequest(self.text)
        return self.text.encode() if plain else self.MARK + msgspec.json.encode(self)

    @classmethod
    def unpacked(cls, payload: bytes) -> PromptRequest:
        """Read the payload of a request.

        Raises:
            UnicodeDecodeError: it is not UTF-8 text.

        """
        if payload.startswith(cls.MARK):
            return msgspec.json.decode(payload[1:], type=cls)
        return cls(payload.decode("utf-8"))


class TextSegment(msgspec.Struct, frozen=True, kw_only=True):
    """What was said in one part of a recording."""

    start_s: float
    """Counted from the beginning of the recording."""
    end_s: float
    text: str
    confidence: float | None = None
    """0.0 to 1.0; None if nothing was said."""
    no_speech: float | None = None
    """Probability that nobody spoke, 0.0 to 1.0."""


@dataclass(frozen=True, slots=True)
class Transcript:
    """The words that a recogniser heard."""

    text: str
    language: str
    confidence: float | None = None
    """0.0 to 1.0; None if the recogniser does not give one."""
    no_speech: float | None = None
    """Probability that nobody spoke, 0.0 to 1.0."""
    segments: tuple[TextSegment, ...] = ()
    """Text by the parts of a long recording; empty if the recogniser has none."""


class Intent(msgspec.Struct, frozen=True):
    """A declared intent, with its slots filled."""

    name: str
    slots: dict[str, Any] = {}
    confidence: float | None = None
    by: str = "grammar"
    """`grammar`, `fuzzy` or `model`."""


@dataclass(frozen=True, slots=True)
class Question:
    """A prompt for the language model."""

    turns: tuple[str, ...]
    """Questions and answers in turn; the last one is the question."""
    schema: Any = None
    """A JSON Schema that the answer must meet; None for an answer in words."""
    maximum_tokens: int | None = None
    """Longest answer; None: as configured."""
    extract_from: str | None = None
    """The text that strings and numbers are taken from; None if the model may write any."""


@dataclass(frozen=True, slots=True)
class OptionScores:
    """How probable the language model finds each of some options."""

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
    certainty: float | None = None
    """How sure the model was of its words: the geometric mean of the probabilities of its tokens, 0
    to 1. None for an answer in JSON."""


class Models(msgspec.Struct, frozen=True):
    """Which models made a result; two speech models are joined by +. None: not asked."""

    stt: str | None = None
    lm: str | None = None


class Tokens(msgspec.Struct, frozen=True):
    """Tokens of the language model; None if it was not asked."""

    prompt: int | None = None
    cached: int | None = None
    generated: int | None = None


class RunnerUp(msgspec.Struct, frozen=True, kw_only=True):
    """The next meaning of what was said; of what was not understood, the nearest."""

    text: str
    """Its sentence."""
    intent: str
    slots: dict[str, Any] = {}
    times_less_likely: float | None = None
    """How much less probable its words are than those of the result; null for the nearest meaning
    of what was not understood, and for a text, whose meanings have no probability."""


class Result(msgspec.Struct, frozen=True, kw_only=True):
    """The one form of a result: MQTT, command line and log. Unknown is None, never 0."""

    schema: int = SCHEMA
    id: str
    source: Source
    trigger: Trigger
    language: str
    outcome: Outcome
    text: str | None = None
    """The words that were said or sent, as understood."""
    intent: Intent | None = None
    """What the words mean; if they are several commands, the first one."""
    intents: tuple[Intent, ...] | UnsetType = UNSET
    """All commands in their order, if it is more than one. Left out if there is one."""
    part: int | UnsetType = UNSET
    """Only on `intent/<Name>`, if there are several commands: which of `intents` this message is
    about, from 1; it is also in `intent`."""
    not_done: tuple[int, ...] | UnsetType = UNSET
    """Which of `intents`, from 1, could not be carried out; left out if there are none."""
    acted: bool = False
    """Whether the intent was carried out by a part of the appliance, or published on
    `intent/<Name>` for its readers. False: it is only the meaning of the words. With several
    commands, whether at least one was carried out."""
    runner_up: RunnerUp | UnsetType = UNSET
    """The meaning that came second; left out if there is none."""
    answer: str | None = None
    confidence: float | None = None
    """Probability that these words were said or this intent was meant, 0.0 to 1.0. None for an
    answer of the language model to a text: there is no measure of how true it is."""
    reason: str | None = None
    """Text for a person: why the outcome is `failed`, `refused`, `cancelled` or `expired`, or what
    was perhaps meant if it is `not_understood`."""
    segments: tuple[TextSegment, ...] | None = None
    """Text of a transcription by the parts of the recording, each of 28 s at most."""
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

    @property
    def commands(self) -> tuple[Intent, ...]:
        """The commands that were understood, in their order; empty if there is none."""
        if self.intents is not UNSET:
            return self.intents
        return () if self.intent is None else (self.intent,)

    @property
    def command_id(self) -> str:
        """The id of this very command: two commands of one sentence have the same `id`."""
        return self.id if self.part is UNSET else f"{self.id}.{self.part}"

    def of_each_command(self) -> tuple[Result, ...]:
        """The same result once for each command; only itself if there is one command."""
        if self.intents is UNSET:
            return (self,)
        return tuple(
            msgspec.structs.replace(self, intent=intent, part=part)
            for part, intent in enumerate(self.intents, 1)
        )


@dataclass(frozen=True, slots=True)
class BoardReading:
    """One reading of the board's sensors; None for a sensor that the board lacks."""

    temperature_c: float | None = None
    clock_mhz: float | None = None
    """Clock measured by a Raspberry Pi's firmware, otherwise as set by the kernel."""
    clock_limit_mhz: float | None = None
    """The highest clock that the kernel allows; it lowers it against heat."""
    load: float | None = None
    """Load average of the last minute."""
    memory_available_mb: float | None = None
    memory_used_mb: float | None = None
    """Resident memory of the appliance and its child processes."""
    disk_free_mb: float | None = None
    throttled: bool | None = None
    under_voltage: bool | None = None
    volts: float | None = None
    watts: float | None = None
    joules: float | None = None
    """Energy since start."""
    fan_rpm: float | None = None
    supply_ma: float | None = None
    """The current that the USB-C supply offers."""
    battery_percent: float | None = None
    under_voltages: int | None = None
    """Number of times the voltage fell below the limit, since start."""
    throttlings: int | None = None
    """Number of times the processor was throttled, since start."""
    firmware_bits: int | None = None
    """`vcgencmd get_throttled` of a Raspberry Pi: bit 0 low voltage, 1 clock capped, 2 throttled,
    3 soft temperature limit; bits 16 to 19 the same, at some time since boot."""
    core_volts: float | None = None
    """Voltage of the processor's core; a Raspberry Pi lowers it together with the clock."""


@dataclass(frozen=True, slots=True)
class Message:
    """One MQTT message to be published, from the journal's outbox or directly."""

    topic: str
    payload: bytes
    retain: bool = False
    content_type: str | None = "application/json"
    correlation: bytes | None = None
    user_properties: tuple[tuple[str, str], ...] = field(default=())
    fleeting: bool = False
    """It may be lost: it is sent once, with QoS 0."""
    qos: int = 1
    """QoS of a message from the outbox; a device may want another one."""
    fresh_s: float | None = None
    """Seconds after which the message is dropped, because a late command is harmful; a crash while
    it is sent drops it, too. None: it waits for days and is sent until it is acknowledged."""
    command: str | None = None
    """Key of the record in the journal of the command that it belongs to."""


@dataclass(frozen=True, slots=True)
class Action:
    """The effect of an intent that was carried out."""

    answer: str | None = None
    """Answer for the speaker or requester, in the language of the result: spoken and published."""
    messages: tuple[Message, ...] = ()
    """Written to the journal with the result, in one transaction, and published after it."""
    records: Mapping[str, bytes] = field(default_factory=dict)
    """Kept in the journal by the same transaction, until the part that acted removes them."""


def encode(value: Any) -> bytes:
    """A value as UTF-8 JSON, as it is published."""
    return msgspec.json.encode(value)
