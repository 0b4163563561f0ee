"""Payloads of the topics status, info, state, health, telemetry and partial, as types."""

from __future__ import annotations

import dataclasses
import enum
from typing import Any

import msgspec

from appliance.messages.request_payloads import Control, Name
from appliance.pushed_bundle import BundleRecord  # noqa: TC001 - msgspec asks for it when it runs
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
    """The payload of `status`, retained, as plain text."""

    ONLINE = "online"
    STOPPED = "stopped"
    """The appliance was stopped on purpose."""
    OFFLINE = "offline"
    """The last will, which the broker publishes if the connection breaks."""


class Partial(msgspec.Struct, frozen=True, kw_only=True):
    """The payload of `partial`: an answer being written, or a sentence being spoken."""

    id: str | None
    """The id of the result to come; null for speech, which gets its id at its end."""
    transaction: str | None = None
    text: str
    """The whole text until now."""


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """Limits of requests; part of `info`."""

    request_bytes: int
    text_bytes: int
    audio_s: float
    waiting: int
    waiting_bytes: int
    answers_kept_s: float
    """Seconds in which a repeated request with the same id and payload gets the same answer."""
    answers_kept: int = 0
    """Number of answers that are kept for this."""
    attempts: int = 0
    """Attempts for a request that crashes the process."""


class ContentHashes(msgspec.Struct, frozen=True, kw_only=True):
    """SHA-256 of the active content, to compare several appliances; part of `info`."""

    configuration: str
    """Hash of the active settings, without `device.name` and `device.area`, which differ between
    appliances."""
    sentences: str
    """Hash of the active sentences, with their lists, rules and the declarations of intents."""
    models: dict[str, str | None]
    """Hashes by name of the model; null for a model outside the catalogue, which is not read for
    this."""


class Info(msgspec.Struct, frozen=True, kw_only=True):
    """The payload of `info`, retained: version, models, intents and limits."""

    schema: int = SCHEMA
    version: str
    device: str
    language: str
    stt: str | None = None
    lm: str | None = None
    intents: list[str] = []
    operations: tuple[str, ...] = (*Operation, *Control)
    """The open operations: `mqtt.operations`."""
    options: dict[str, Any] = {}
    """The current values of what `request/options` and `request/microphone` change."""
    limits: Limits
    hashes: ContentHashes | None = None
    bundle: BundleRecord | None = None
    """The active signed bundle, and the state of the newest one; null if bundles are off."""
    page_settings: tuple[str, ...] = ()
    """Keys that count from settings.toml, which the page writes, before config.toml."""


class StateNow(msgspec.Struct, frozen=True, kw_only=True):
    """The payload of `state`, retained: what the appliance is doing."""

    activity: Activity
    pace: Pace = Pace.FULL
    """The pace: how hard the board may work."""
    session: Session | None = None
    """The current session, or the last one; null before the first."""


class WakeHeard(msgspec.Struct, frozen=True, kw_only=True):
    """The payload of the topic `wake_word.earshot`: an appliance detected its wake word."""

    device: Name
    word: Name
    score: float
    """Score of the wake word, 0.0 to 1.0."""
    level_over_noise_db: float
    """Level of the wake word over the background noise. The appliance with the highest one
    listens, the others do not."""


class LinkHealth(msgspec.Struct, frozen=True, kw_only=True):
    """The connection to the broker, and the queues; part of `health`."""

    connected: bool
    connections: int
    """Number of connections since start, with the current one."""
    subscribed: bool
    """False while the broker does not allow the appliance to receive requests."""
    outbox_rows: int
    outbox_bytes: int
    outbox_oldest_s: float | None = None
    """Seconds that the oldest message has waited for the broker; null if no message waits."""
    inbox_rows: int
    inbox_bytes: int
    dropped: int
    """Messages that were dropped without an acknowledgement, ever; the broker may have got some."""
    refused: int
    """Messages that the broker refused, since start."""
    accepted: int
    rejected: int
    repeated: int
    """Number of requests that had been accepted or answered before, since start."""
    overrun: int
    """Number of requests that came too fast to be answered, since start."""
    unsaid: int
    """Answers such as `busy` that were dropped because memory was full, since start."""
    set_aside: int = 0
    """Dead letters: requests that repeatedly crashed the appliance or the language model; see
    `appliance requests`."""
    damaged_journals: int = 0
    """Damaged journals that were renamed in the state directory; their readable rows were kept.
    Check the SD card, then delete these files."""
    journal_error: str | None = None
    """Why the disk refused the last write; null if it did not."""


class Health(msgspec.Struct, frozen=True, kw_only=True):
    """The payload of `health`, retained: whether everything works."""

    uptime_s: float
    mqtt: LinkHealth
    microphone: MicrophoneState | None = None
    sound: SoundHealth | None = None
    memory_mb: float | None = None
    waiting_jobs: int | None = None
    language_model_error: str | None = None
    """Why the language model cannot be used now. It is retried; everything else works meanwhile."""
    notices: list[str] = []
    """Messages of the image for its owner, such as settings that it rejected."""


class Telemetry(msgspec.Struct, frozen=True, kw_only=True):
    """The payload of `telemetry`, retained: the board's sensors. An unknown value is null."""

    temperature_c: float | None
    clock_mhz: float | None
    """Clock measured by a Raspberry Pi's firmware, otherwise as set by the kernel."""
    clock_limit_mhz: float | None = None
    """The kernel's limit, which it lowers when the board is hot."""
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
    """Energy since start."""
    fan_rpm: float | None
    supply_ma: float | None
    """The current that the USB-C supply agreed to deliver."""
    battery_percent: float | None
    under_voltages: int | None
    """Number of times the voltage fell below its limit, since start."""
    throttlings: int | None
    """Number of times throttling began, since start."""
    firmware_bits: int | None = None
    """Output of `vcgencmd get_throttled` on a Raspberry Pi: bit 0 low voltage, 1 clock capped,
    2 throttled, 3 soft temperature limit; bits 16 to 19: the same at any time since boot."""
    core_volts: float | None = None
    """Voltage of the processor core; a Raspberry Pi lowers it together with the clock."""
    pace: Pace = Pace.FULL
    clock_synced: bool | None

    @classmethod
    def of(cls, reading: BoardReading, *, pace: Pace, clock_synced: bool | None) -> Telemetry:
        """Make the payload from a reading, rounded to two decimals."""
        fields: dict[str, Any] = {
            name: round(value, 2) if isinstance(value, float) else value
            for name, value in dataclasses.asdict(reading).items()
        }
        return cls(**fields, pace=pace, clock_synced=clock_synced)
