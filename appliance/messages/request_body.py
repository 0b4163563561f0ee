"""What the payload of a request holds: JSON with fields, a text, or a recording."""

from __future__ import annotations

import base64
import binascii
from typing import Any

import msgspec

from appliance.errors import RequestError
from appliance.messages.payloads import AnswerRequest, AudioRequest, TextRequest
from appliance.values import AUDIO_OPERATIONS, Operation, PromptRequest

MAXIMUM_TEXT_BYTES = 16_384
"""Of a text to parse or answer: several pages, far beyond what a small model reads."""

MAXIMUM_WISH_BYTES = 65_536
"""The same with a JSON Schema."""


def json_fields(payload: bytes, content_type: str | None) -> dict[str, Any] | None:
    """The fields of a JSON request; None when the payload is the work itself.

    No audio file begins with `{`, and a sentence that does would be a strange one: a
    payload that does is JSON unless its Content Type says otherwise.
    """
    kind = (content_type or "").partition(";")[0].strip().lower()
    is_json = kind == "application/json" or kind.endswith("+json")
    if not is_json and (kind or payload[:1] != b"{"):
        return None
    try:
        fields = msgspec.json.decode(payload)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise RequestError("invalid", f"the payload is not JSON: {error}") from None
    if not isinstance(fields, dict):
        raise RequestError("invalid", "the payload is JSON, but not an object with fields")
    return fields


def unpacked(
    operation: Operation, fields: dict[str, Any]
) -> tuple[bytes, TextRequest | AudioRequest]:
    """The work inside a JSON request, and the form it came in."""
    try:
        if operation not in AUDIO_OPERATIONS:
            kind = AnswerRequest if operation is Operation.ANSWER else TextRequest
            text = msgspec.convert(fields, kind)
            return text.text.encode(), text
        audio = msgspec.convert(fields, AudioRequest)
        return base64.b64decode(audio.audio, validate=True), audio
    except binascii.Error as error:
        raise RequestError("invalid", f"audio: not base64: {error}") from None
    except (msgspec.ValidationError, ValueError) as error:
        raise RequestError("invalid", str(error)) from None


def checked_text(payload: bytes) -> bytes:
    if len(payload) > MAXIMUM_TEXT_BYTES:
        raise too_large(len(payload), MAXIMUM_TEXT_BYTES)
    try:
        text = payload.decode("utf-8-sig").strip().strip("\x00").strip()
    except UnicodeDecodeError as error:
        message = f"the text is not UTF-8, at byte {error.start}"
        raise RequestError("invalid", message) from None
    if not text:
        raise RequestError("invalid", "the text is empty")
    return text.encode()


def with_wishes(text: bytes, form: AnswerRequest) -> bytes:
    wish = PromptRequest(text.decode(), form.schema, form.session, form.stream, form.maximum_tokens)
    packed = wish.packed()
    if len(packed) > MAXIMUM_WISH_BYTES:
        raise too_large(len(packed), MAXIMUM_WISH_BYTES)
    return packed


def too_large(size: int, limit: int) -> RequestError:
    return RequestError("too_large", f"{size} bytes are more than the {limit} allowed")
