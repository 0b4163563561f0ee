"""Every topic with what travels on it and an example: the source of mqtt.md and AsyncAPI."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import Any

from appliance.journal.inbox import ANSWERS_KEPT, ANSWERS_KEPT_S
from appliance.messages.action_payloads import ActionReport, ActionState, ActionTarget
from appliance.messages.request_body import MAXIMUM_TEXT_BYTES
from appliance.messages.request_payloads import (
    Answer,
    AnswerRequest,
    ApplyRequest,
    AudioRequest,
    CancelRequest,
    CheckRequest,
    ConfirmRequest,
    ListenRequest,
    MicrophoneRequest,
    OptionsRequest,
    RequestState,
    SayRequest,
    TextRequest,
    TimerRequest,
)
from appliance.messages.status_payloads import (
    Health,
    Info,
    Limits,
    LinkHealth,
    Partial,
    StateNow,
    Status,
    Telemetry,
)
from appliance.messages.timer_payloads import (
    ShownTimer,
    TimerChange,
    TimerEvent,
    TimerKind,
    TimerPhase,
    TimersNow,
)
from appliance.values import (
    Activity,
    Intent,
    MicrophoneState,
    Models,
    Outcome,
    Pace,
    Result,
    Source,
    Trigger,
)

ROOT = "appliance/kitchen"
"""The root in the examples."""

EMPTY_WAV = "UklGRiQAAABXQVZFZm10IBAAAAABAAEAgD4AAAB9AAACABAAZGF0YQAAAAA="
"""A WAV file without samples, in base64."""


class Direction(enum.StrEnum):
    """The publisher of a topic."""

    OUT = "out"
    """The appliance."""
    IN = "in"
    """Its clients."""


@dataclass(frozen=True, slots=True)
class Channel:
    """A topic below the root."""

    name: str
    topic: str
    """A level in braces is variable."""
    direction: Direction
    payload: Any
    """The type of its JSON, or of its plain text."""
    summary: str
    example: Any
    retain: bool = False
    qos: int = 1
    plain: str = ""
    """Other forms of the payload than JSON."""
    levels: tuple[tuple[str, str], ...] = ()
    """The variable levels, each with an example."""

    @property
    def example_topic(self) -> str:
        """The topic of the example."""
        topic = self.topic
        for level, example in self.levels:
            topic = topic.replace(f"{{{level}}}", example)
        return f"{ROOT}/{topic}"


RESULT = Result(
    id="0199d2c4-5a1e-7c3b-9f00-3b1f6c0a7e55",
    source=Source.SPEECH,
    trigger=Trigger.ALWAYS,
    language="en",
    outcome=Outcome.INTENT,
    text="turn on the kitchen light",
    intent=Intent("HassTurnOn", {"area": "kitchen", "domain": "light"}, 0.98),
    acted=True,
    confidence=0.98,
    timings_ms={"endpoint": 601.2, "queued": 0.3, "recognise": 93.0, "total_after_speech": 694.9},
    models=Models(stt="whisper-tiny.en"),
    temperature_c=51.5,
    at="2026-01-01T12:00:00.000Z",
    clock_synced=True,
    boot_id="3c6f1e0a-6a54-4f9e-9a0e-0d5d5a1f5f0e",
    seq=42,
)

LINK = LinkHealth(
    connected=True,
    connections=1,
    subscribed=True,
    outbox_rows=0,
    outbox_bytes=0,
    inbox_rows=1,
    inbox_bytes=25,
    dropped=0,
    refused=0,
    accepted=17,
    rejected=1,
    repeated=2,
    overrun=0,
    unsaid=0,
)

TELEMETRY: dict[str, Any] = dict.fromkeys(Telemetry.__struct_fields__) | {
    "temperature_c": 51.5,
    "clock_mhz": 1800.0,
    "load": 0.12,
    "memory_available_mb": 3050.2,
    "memory_used_mb": 181.4,
    "disk_free_mb": 20480.0,
    "throttled": False,
    "under_voltage": False,
    "pace": Pace.FULL,
    "clock_synced": True,
}

INFO = Info(
    version="1.0.0",
    device="kitchen",
    language="en",
    stt="whisper-tiny.en",
    lm="smollm2-135m-instruct",
    intents=["HassTurnOn", "MachineStop"],
    options={"log_level": "info", "telemetry_every_s": 5.0},
    limits=Limits(
        request_bytes=8_388_608,
        text_bytes=MAXIMUM_TEXT_BYTES,
        audio_s=120.0,
        waiting=100,
        waiting_bytes=33_554_432,
        answers_kept_s=ANSWERS_KEPT_S,
        answers_kept=ANSWERS_KEPT,
        attempts=3,
    ),
)

TIMER = ShownTimer(
    id=RESULT.id,
    kind=TimerKind.TIMER,
    phase=TimerPhase.RUNNING,
    name="pasta",
    duration_s=600.0,
    due_at="2026-01-01T12:10:00.000Z",
    left_s=600.0,
)

PUBLISHED = (
    Channel(
        *("status", "status", Direction.OUT, Status),
        "`online`, `stopped` (on purpose), or `offline` (published by the broker: the last will).",
        Status.ONLINE,
        retain=True,
        qos=0,
    ),
    Channel(
        *("info", "info", Direction.OUT, Info),
        "Versions, models, intents, and the limits of requests.",
        INFO,
        retain=True,
        qos=0,
    ),
    Channel(
        *("state", "state", Direction.OUT, StateNow),
        "What the appliance is doing.",
        StateNow(activity=Activity.IDLE),
        retain=True,
        qos=0,
    ),
    Channel(
        *("health", "health", Direction.OUT, Health),
        "Whether everything works; every ten seconds, and at once if something fails.",
        Health(
            uptime_s=86_400.0,
            mqtt=LINK,
            microphone=MicrophoneState.OK,
            memory_mb=181.4,
            waiting_jobs=1,
        ),
        retain=True,
        qos=0,
    ),
    Channel(
        *("telemetry", "telemetry", Direction.OUT, Telemetry),
        "The board's sensors. A value that is not known is null.",
        Telemetry(**TELEMETRY),
        retain=True,
        qos=0,
    ),
    Channel(
        *("result", "result", Direction.OUT, Result),
        "Every result, of speech and of requests.",
        RESULT,
    ),
    Channel(
        *("intent", "intent/{name}", Direction.OUT, Result),
        "The result, only if this intent is to be carried out: for a lamp, or a gateway to "
        "machines.",
        RESULT,
        levels=(("name", "HassTurnOn"),),
    ),
    Channel(
        *("action", "action/{id}", Direction.OUT, ActionReport),
        "What became of a command at its devices: first `sent`, then `confirmed` or `unconfirmed`.",
        ActionReport(
            id=RESULT.id,
            state=ActionState.CONFIRMED,
            intent="HassTurnOn",
            targets=[
                ActionTarget(name="Kitchen lamp", area="Kitchen", state=ActionState.CONFIRMED)
            ],
            at="2026-01-01T12:00:01.300Z",
        ),
        levels=(("id", RESULT.id),),
    ),
    Channel(
        *("timers", "timers", Direction.OUT, TimersNow),
        "All timers, alarms, reminders and delayed commands; published when one changes.",
        TimersNow(timers=[TIMER], clock_synced=True),
        retain=True,
        qos=0,
    ),
    Channel(
        *("timer", "timer/{change}", Direction.OUT, TimerEvent),
        "What happened to one of them. `finished`: its time has come, and it rings.",
        TimerEvent(
            id="0199d2cd-8241-7a07-8d3c-65d4a1a0f3b2",
            change=TimerChange.FINISHED,
            timer=TIMER,
            at="2026-01-01T12:10:00.100Z",
        ),
        levels=(("change", "finished"),),
    ),
    Channel(
        *("partial", "partial", Direction.OUT, Partial),
        "An answer while it is being written, if the request asks for it.",
        Partial(id=RESULT.id, transaction="job-8", text="The sky is blue because"),
        qos=0,
    ),
    Channel(
        *("response", "response/{operation}", Direction.OUT, Answer),
        "The answer to a request that names no topic for it. Otherwise it goes to the request's "
        "Response Topic or `reply_to`, with its Correlation Data.",
        Answer(state=RequestState.QUEUED, transaction="job-7", operation="parse", position=2),
        levels=(("operation", "parse"),),
    ),
)

RECEIVED = (
    Channel(
        *("transcribe", "request/transcribe", Direction.IN, AudioRequest),
        "Audio to text.",
        AudioRequest(audio=EMPTY_WAV, transaction="job-6", timeout_s=30.0),
        plain="the audio file (WAV, FLAC, Ogg, MP3 ...)",
    ),
    Channel(
        *("recognize", "request/recognize", Direction.IN, AudioRequest),
        "Audio to intent, and acts as if it had been spoken at the device. An intent that is "
        "declared `confirm` must be confirmed by `request/confirm`.",
        AudioRequest(audio=EMPTY_WAV, transaction="job-13", timeout_s=10.0),
        plain="the audio file (WAV, FLAC, Ogg, MP3 ...)",
    ),
    Channel(
        *("parse", "request/parse", Direction.IN, TextRequest),
        "Text to intent, using only the declared sentences. Nothing acts on it.",
        TextRequest(text="turn on the kitchen light", transaction="job-7", priority=5),
        plain="the text",
    ),
    Channel(
        *("command", "request/command", Direction.IN, TextRequest),
        "Text to intent, and acts. An intent that is declared `confirm` must be confirmed by "
        "`request/confirm`.",
        TextRequest(text="unlock the front door", transaction="job-14", timeout_s=30.0),
        plain="the text",
    ),
    Channel(
        *("answer", "request/answer", Direction.IN, AnswerRequest),
        "Text to text by the language model, or to JSON that conforms to a schema.",
        AnswerRequest(text="Why is the sky blue?", transaction="job-8", session="desk"),
        plain="the text",
    ),
    Channel(
        *("cancel", "request/cancel", Direction.IN, CancelRequest),
        "Cancel a request, whether it waits or is in progress.",
        CancelRequest(id="job-8", transaction="job-9"),
        plain="the id",
    ),
    Channel(
        *("confirm", "request/confirm", Direction.IN, ConfirmRequest),
        "Confirm a `command` or `recognize` whose answer had the state `confirm`.",
        ConfirmRequest(id="job-14", transaction="job-15"),
        plain="the id, or empty if the Correlation Data is that of the request",
    ),
    Channel(
        *("options", "request/options", Direction.IN, OptionsRequest),
        "Change harmless settings until the next start.",
        OptionsRequest(log_level="info"),
        plain="empty, to get the current settings",
    ),
    Channel(
        *("microphone", "request/microphone", Direction.IN, MicrophoneRequest),
        "Mute the microphone, undo that, or let less start listening. Closed unless "
        "`mqtt.operations` has it.",
        MicrophoneRequest(muted=True, transaction="job-16"),
        plain="empty, to get the current settings",
    ),
    Channel(
        *("check", "request/check", Direction.IN, CheckRequest),
        "Run the checks of `appliance check`.",
        CheckRequest(transaction="job-10"),
        plain="empty",
    ),
    Channel(
        *("listen", "request/listen", Direction.IN, ListenRequest),
        "Start listening for one sentence, as the wake word or the button does. Closed unless "
        "`mqtt.operations` has it.",
        ListenRequest(transaction="job-11"),
        plain="empty",
    ),
    Channel(
        *("say", "request/say", Direction.IN, SayRequest),
        "Speak a text through the loudspeaker.",
        SayRequest(text="The washing machine is done.", transaction="job-12"),
        plain="the text",
    ),
    Channel(
        *("timer", "request/timer", Direction.IN, TimerRequest),
        "Cancel, pause or resume one timer, alarm, reminder or delayed command. Closed unless "
        "`mqtt.operations` has it.",
        TimerRequest(id="01JB0Q2Z5T", change="pause", transaction="job-18"),
    ),
    Channel(
        *("apply", "request/apply", Direction.IN, ApplyRequest),
        "Take a signed bundle of sentences, devices file and settings. Closed unless "
        "`mqtt.operations` has it.",
        ApplyRequest(bundle="e30=", signature="c2lnbmF0dXJl", transaction="job-17"),
    ),
)

CHANNELS = PUBLISHED + RECEIVED
