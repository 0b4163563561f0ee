"""Requests and answers as types: the JSON on the wire and its schema come from here."""

from __future__ import annotations

import enum
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from appliance.values import Result  # noqa: TC001 - msgspec asks for it when it runs

Seconds = Annotated[float, Meta(gt=0)]
Priority = Annotated[int, Meta(ge=0, le=9)]
"""Higher goes first; without one a request has 0."""
Name = Annotated[str, Meta(max_length=256)]


class Control(enum.StrEnum):
    """What is asked of the appliance itself, on `request/<control>`; done at once."""

    CANCEL = "cancel"
    OPTIONS = "options"
    CHECK = "check"
    LISTEN = "listen"
    SAY = "say"


class RequestState(enum.StrEnum):
    """How far a request has come."""

    QUEUED = "queued"
    DONE = "done"
    REJECTED = "rejected"
    EXPIRED = "expired"
    CANCELLED = "cancelled"
    FAILED = "failed"


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """What a requester gets, on its response topic."""

    state: RequestState
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


class AudioRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The JSON form of `request/transcribe` and `request/recognize`."""

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
