"""What the appliance shows of itself, as types: status, info, state, health, telemetry, partial."""

from __future__ import annotations

import dataclasses
import enum
from typing import Any

import msgspec

from appliance.messages.payloads import Control, Name
from appliance.values import (
    SCHEMA,
    Activity,
    BoardReading,
    MicrophoneState,
    Operation,
    Pace,
    Session,
    SoundHealth,
)


class Status(enum.StrEnum):
    """Plain text on `status`, retained."""

    ONLINE = "online"
    STOPPED = "stopped"
    """It stopped because it was asked to."""
    OFFLINE = "offline"
    """The broker says so for us, when it hears no more from us."""


class Partial(msgspec.Struct, frozen=True, kw_only=True):
    """On `partial`: an answer that is still being written, or a sentence being spoken."""

    id: str | None
    """That of the result to come; None for speech, which has none before it is over."""
    transaction: str | None = None
    text: str
    """All of it so far."""


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
    """Messages that the journal let go unacknowledged, ever; the broker may have had some."""
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
    language_model_error: str | None = None
    """Why the language model cannot be used just now; it is tried again and again. All else works
    meanwhile."""
    notices: list[str] = []
    """What the image wants its owner to know, such as settings in the folder that it refused."""


class Telemetry(msgspec.Struct, frozen=True, kw_only=True):
    """On `telemetry`, retained: how the board is. What it cannot tell is null."""

    temperature_c: float | None
    clock_mhz: float | None
    """As a Raspberry Pi's firmware measures it, else as the kernel set it."""
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
    core_volts: float | None = None
    """What the processor's core runs at; a Raspberry Pi lowers it together with the clock."""
    pace: Pace = Pace.FULL
    clock_synced: bool | None

    @classmethod
    def of(cls, reading: BoardReading, *, pace: Pace, clock_synced: bool | None) -> Telemetry:
        """What the sensors say, rounded to what means something."""
        shown: dict[str, Any] = {
            name: round(value, 2) if isinstance(value, float) else value
            for name, value in dataclasses.asdict(reading).items()
        }
        return cls(**shown, pace=pace, clock_synced=clock_synced)
