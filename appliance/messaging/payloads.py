"""The shape of every payload, as types: the JSON on the wire and its schema come from here."""

from __future__ import annotations

import dataclasses
import enum
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from appliance.values import (
    SCHEMA,
    Activity,
    MicrophoneState,
    Operation,
    Pace,
    Reading,
    Result,
    Session,
    SoundHealth,
)

Seconds = Annotated[float, Meta(gt=0)]
Priority = Annotated[int, Meta(ge=0, le=9)]
"""Higher goes first; without one a request has 0."""
Name = Annotated[str, Meta(max_length=256)]


class Status(enum.StrEnum):
    """Plain text on `status`, retained."""

    ONLINE = "online"
    STOPPED = "stopped"
    """It stopped because it was asked to."""
    OFFLINE = "offline"
    """The broker says so for us, when it hears no more from us."""


class Control(enum.StrEnum):
    """What is asked of the appliance itself, on `request/<control>`; done at once."""

    CANCEL = "cancel"
    OPTIONS = "options"
    CHECK = "check"
    LISTEN = "listen"
    SAY = "say"


class State(enum.StrEnum):
    """How far a request has come."""

    QUEUED = "queued"
    DONE = "done"
    REJECTED = "rejected"
    EXPIRED = "expired"
    CANCELLED = "cancelled"
    FAILED = "failed"


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """What a requester gets, on its response topic."""

    state: State
    transaction: str | None
    """The id that the requester gave; Correlation Data that is not text is shown as hex."""
    operation: str
    position: int | None = None
    """How many requests go first; only where the state is `queued`."""
    reason: str | None = None
    """One word for a program: `busy`, `invalid`, `too_large`, `unsupported`, `unknown` (nothing
    with this id is here to cancel), or the state."""
    message: str | None = None
    """The same for a person."""
    result: Result | None = None
    data: Any = None
    """What `request/options` and `request/check` found; only there."""


class TextRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The JSON form of `request/parse`, and what that of `request/answer` begins with."""

    text: str
    transaction: str | int | None = None
    reply_to: str | None = None
    timeout_s: Seconds | None = None
    priority: Priority = 0
    requester: Name = ""
    """Who asks, where one response topic serves several; turns are shared out by it."""


class AnswerRequest(TextRequest, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The JSON form of `request/answer`."""

    schema: dict[str, Any] | bool | None = None
    """A JSON Schema: the answer is JSON that meets it, or the state is `failed`."""
    session: Name | None = None
    """Questions of one session know what was said before in it."""
    stream: bool = False
    """Whether the answer is published on `partial` while it is written."""
    maximum_tokens: Annotated[int, Meta(ge=1)] | None = None
    """Of the answer; no more than the context has room for."""


class Partial(msgspec.Struct, frozen=True, kw_only=True):
    """On `partial`: an answer that is still being written, or a sentence being spoken."""

    id: str | None
    """That of the result to come; None for speech, which has none before it is over."""
    transaction: str | None = None
    text: str
    """All of it so far."""


class AudioRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The JSON form of `request/transcribe`."""

    audio: str
    """The audio file in base64."""
    transaction: str | int | None = None
    reply_to: str | None = None
    timeout_s: Seconds | None = None
    priority: Priority = 0
    requester: Name = ""


class CancelRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The JSON form of `request/cancel`; without JSON, the payload is the id itself."""

    id: str | int
    """The transaction (or Correlation Data as text) of the request that nobody wants any more,
    or the id of its result."""
    transaction: str | int | None = None
    """Of this request, as everywhere."""
    reply_to: str | None = None


class OptionsRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The JSON form of `request/options`: what is given changes, the rest stays as it is.

    It holds until the next start; config.toml is not touched. The answer's `data` has the
    options in force.
    """

    log_level: Literal["debug", "info", "warning", "error"] | None = None
    telemetry_every_s: Annotated[float, Meta(ge=1.0, le=3600.0)] | None = None
    muted: bool | None = None
    """Whether the microphone is closed."""
    trigger: Literal["always", "wake_word", "button", "request", "off"] | None = None
    """What opens the ear."""
    transaction: str | int | None = None
    reply_to: str | None = None


class ListenRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The JSON form of `request/listen`; an empty payload does as well.

    The answer comes when the ear is open; its `data` has the `id` of the result that will be
    published on `result` when something was said, or nothing.
    """

    transaction: str | int | None = None
    reply_to: str | None = None


class SayRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The JSON form of `request/say`; without JSON, the payload is the text itself."""

    text: Annotated[str, Meta(min_length=1, max_length=2000)]
    transaction: str | int | None = None
    reply_to: str | None = None


class CheckRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The JSON form of `request/check`; an empty payload does as well.

    The answer's `data` is what `appliance check --json` prints.
    """

    transaction: str | int | None = None
    reply_to: str | None = None


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """What a request may be; part of `info`."""

    request_bytes: int
    text_bytes: int
    audio_s: float
    waiting: int
    waiting_bytes: int
    answers_kept_s: float
    """How long the same id with the same payload gets the same answer again."""
    answers_kept: int = 0
    """The same, in number."""
    attempts: int = 0
    """How often work is tried that ends the process."""


class Info(msgspec.Struct, frozen=True, kw_only=True):
    """On `info`, retained: what this appliance is."""

    schema: int = SCHEMA
    version: str
    device: str
    language: str
    stt: str | None = None
    lm: str | None = None
    intents: list[str] = []
    operations: tuple[str, ...] = (*Operation, *Control)
    options: dict[str, Any] = {}
    """What `request/options` changes, as it is now."""
    limits: Limits


class StateNow(msgspec.Struct, frozen=True, kw_only=True):
    """On `state`, retained: what it is doing."""

    activity: Activity
    pace: Pace = Pace.FULL
    """How hard the board may work."""
    session: Session | None = None
    """The one that goes on or was the last; None before any."""


class WakeHeard(msgspec.Struct, frozen=True, kw_only=True):
    """On the topic `wake_word.earshot`: an appliance heard its wake word."""

    device: Name
    word: Name
    score: float
    """Of the wake word, 0.0 to 1.0."""
    level_over_noise_db: float
    """Of the loudest moment over the room's quietest; the highest goes on, the others yield."""


class LinkHealth(msgspec.Struct, frozen=True, kw_only=True):
    """The road to the broker; part of `health`."""

    connected: bool
    connections: int
    """Since start; one is the first."""
    subscribed: bool
    """False while the broker forbids us to receive requests."""
    outbox_rows: int
    outbox_bytes: int
    outbox_oldest_s: float | None = None
    """How long the oldest message has waited for the broker; null while none does."""
    inbox_rows: int
    inbox_bytes: int
    dropped: int
    """Messages that the journal let go undelivered, ever."""
    refused: int
    """Publications that the broker refused, since start."""
    accepted: int
    rejected: int
    repeated: int
    """Requests that had been accepted or answered before, since start."""
    overrun: int
    """Deliveries that came so fast that not even an answer was possible, since start."""
    unsaid: int
    """Answers such as `busy` for which there was no room in memory, since start."""
    set_aside: int = 0
    """Requests that were given up because their work ended the process or the engine again and
    again: see `appliance requests`."""
    damaged_journals: int = 0
    """Journals that could not be read whole and were set aside in the state directory; what was
    legible was saved. Somebody should look at the card, and take them away."""
    journal_error: str | None = None


class Health(msgspec.Struct, frozen=True, kw_only=True):
    """On `health`, retained: whether all is well."""

    uptime_s: float
    mqtt: LinkHealth
    microphone: MicrophoneState | None = None
    sound: SoundHealth | None = None
    memory_mb: float | None = None
    waiting_jobs: int | None = None


class Telemetry(msgspec.Struct, frozen=True, kw_only=True):
    """On `telemetry`, retained: how the board is. What it cannot tell is null."""

    temperature_c: float | None
    clock_mhz: float | None
    clock_limit_mhz: float | None = None
    """What the kernel lets the processor run at; it lowers that against heat."""
    load: float | None
    memory_available_mb: float | None
    memory_used_mb: float | None
    """Resident memory of the appliance and its child processes."""
    disk_free_mb: float | None
    throttled: bool | None
    under_voltage: bool | None
    volts: float | None
    watts: float | None
    joules: float | None
    """Counted since start."""
    fan_rpm: float | None
    supply_ma: float | None
    """What the USB-C supply agreed to deliver."""
    battery_percent: float | None
    under_voltages: int | None
    """How often the voltage fell below the limit, since start."""
    throttlings: int | None
    """How often the processor began to be held back, since start."""
    firmware_bits: int | None = None
    """What `vcgencmd get_throttled` says on a Raspberry Pi: bit 0 low voltage, 1 clock capped,
    2 throttled, 3 soft temperature limit; from bit 16 on the same, at some time since boot."""
    pace: Pace = Pace.FULL
    clock_synced: bool | None

    @classmethod
    def of(cls, reading: Reading, *, pace: Pace, clock_synced: bool | None) -> Telemetry:
        """What the sensors say, rounded to what means something."""
        shown: dict[str, Any] = {
            name: round(value, 2) if isinstance(value, float) else value
            for name, value in dataclasses.asdict(reading).items()
        }
        return cls(**shown, pace=pace, clock_synced=clock_synced)
