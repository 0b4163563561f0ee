"""Requests and answers as types, from which their JSON and its schema are made."""

from __future__ import annotations

import enum
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from appliance.values import Result  # noqa: TC001 - msgspec asks for it when it runs

Seconds = Annotated[float, Meta(gt=0)]
Priority = Annotated[int, Meta(ge=0, le=9)]
"""A higher priority goes first."""
CONFIRM_WITHIN_S = 30.0
"""Seconds that a confirmation is awaited: long enough for a person with a telephone."""

Name = Annotated[str, Meta(max_length=256)]


class Control(enum.StrEnum):
    """Requests to the appliance itself, on `request/<control>`; they are done at once."""

    CANCEL = "cancel"
    CONFIRM = "confirm"
    OPTIONS = "options"
    MICROPHONE = "microphone"
    CHECK = "check"
    LISTEN = "listen"
    SAY = "say"
    TIMER = "timer"
    APPLY = "apply"


class RequestState(enum.StrEnum):
    """The state of a request."""

    QUEUED = "queued"
    CONFIRM = "confirm"
    """The request was understood, and waits for `request/confirm`."""
    DONE = "done"
    REJECTED = "rejected"
    EXPIRED = "expired"
    CANCELLED = "cancelled"
    FAILED = "failed"


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """The answer to a request, on its response topic."""

    state: RequestState
    transaction: str | None
    """The id that the requester gave; Correlation Data that is not text, as hex."""
    operation: str
    position: int | None = None
    """Number of requests before it; only if the state is `queued`."""
    reason: str | None = None
    """Reason as a code: `busy`, `invalid`, `too_large`, `unsupported`, `unknown` (no request has
    the id to cancel), or the state."""
    message: str | None = None
    """The reason in words."""
    result: Result | None = None
    data: Any = None
    """The answer of `options`, `microphone`, `check`, `cancel`, `confirm` and `listen`; if the
    state is `confirm`: `within_s`, the seconds in which the confirmation must come."""


class TextRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The JSON form of `request/parse` and `request/command`."""

    text: str
    transaction: str | int | None = None
    reply_to: str | None = None
    timeout_s: Seconds | None = None
    priority: Priority = 0
    requester: Name = ""
    """Name of the requester, if several share a response topic: requesters take turns."""
    area: Name = ""
    """The room of the speaker, for sentences that name none; otherwise that of the appliance."""


class AnswerRequest(TextRequest, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The JSON form of `request/answer`."""

    schema: dict[str, Any] | bool | None = None
    """A JSON Schema: the answer is JSON that conforms to it, or the state is `failed`."""
    session: Name | None = None
    """The model sees the earlier questions and answers of the same session."""
    stream: bool = False
    """Whether the answer is published on `partial` while it is being written; that to a question is
    not, because it may turn out as unknown."""
    maximum_tokens: Annotated[int, Meta(ge=1)] | None = None
    """Maximum number of tokens of the answer; the context may have room for fewer."""
    extract: bool = False
    """Take every string and number of the JSON from the text: `schema` is needed."""


class AudioRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The JSON form of `request/transcribe` and `request/recognize`."""

    audio: str
    """The audio file in base64."""
    transaction: str | int | None = None
    reply_to: str | None = None
    timeout_s: Seconds | None = None
    priority: Priority = 0
    requester: Name = ""
    area: Name = ""
    """The room of the speaker, for sentences that name none; otherwise that of the appliance."""


class CancelRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The JSON form of `request/cancel`; without JSON, the payload is the id."""

    id: str | int
    """The `transaction` or Correlation Data of the request to cancel, or the id of its result. The
    id of the session in `state` stops work that was started at the device."""
    transaction: str | int | None = None
    """The id of the cancel request itself."""
    reply_to: str | None = None


class ConfirmRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The JSON form of `request/confirm`; without JSON, the payload is the id and means yes.

    It must have the response topic of the request that it confirms.
    """

    id: str | int | None = None
    """The `transaction` or Correlation Data of the request to confirm, or the id of its result.
    Not needed if this message has the same transaction or Correlation Data."""
    yes: bool = True
    """false: the request must not be done."""
    transaction: str | int | None = None
    """The id of the confirmation itself, which may be that of the request."""
    reply_to: str | None = None


class OptionsRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The JSON form of `request/options`: options that are not given keep their values.

    The change lasts until the next start; config.toml is not changed. The answer's `data` has
    the current options.
    """

    log_level: Literal["debug", "info", "warning", "error"] | None = None
    """`debug` only if `log.level` is `debug`, because that level writes down what was said."""
    telemetry_every_s: Annotated[float, Meta(ge=1.0, le=3600.0)] | None = None
    transaction: str | int | None = None
    reply_to: str | None = None


class MicrophoneRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The JSON form of `request/microphone`: fields that are not given keep their values.

    It can mute the microphone, and undo only a mute of its own.
    """

    muted: bool | None = None
    """Whether the microphone is closed. A mute survives a restart. `false` does not undo a mute by
    the button."""
    trigger: Literal["always", "wake_word", "button", "request", "off"] | None = None
    """The trigger until the next start, within the limits of `listening.trigger`."""
    transaction: str | int | None = None
    reply_to: str | None = None


class ListenRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The JSON form of `request/listen`; the payload may be empty.

    The answer comes when listening has started; its `data` has the `id` of the result, which is
    published on `result` in any case, even if nobody speaks.
    """

    transaction: str | int | None = None
    reply_to: str | None = None


class SayRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The JSON form of `request/say`; without JSON, the payload is the text."""

    text: Annotated[str, Meta(min_length=1, max_length=2000)]
    transaction: str | int | None = None
    reply_to: str | None = None


class CheckRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The JSON form of `request/check`; the payload may be empty.

    The answer's `data` is what `appliance check --json` prints.
    """

    transaction: str | int | None = None
    reply_to: str | None = None


class TimerRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The JSON form of `request/timer`: a change of one timer, alarm or reminder.

    To start a new one, send a sentence to `request/command`.
    """

    id: Name
    """The id in the retained topic `timers`."""
    change: Literal["cancel", "pause", "resume"]
    """Only a timer with a duration can be paused. `cancel` also ends a ring."""
    transaction: str | int | None = None
    reply_to: str | None = None


class ApplyRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The JSON form of `request/apply`: a signed bundle, see `appliance fleet`.

    The answer comes when the bundle has been checked. Then its trial begins, and the appliance
    restarts; `bundle` in `info` shows the outcome.
    """

    bundle: str
    """The signed content, in base64."""
    signature: str
    """Ed25519 signature, in base64."""
    transaction: str | int | None = None
    reply_to: str | None = None
