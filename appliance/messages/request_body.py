"""Reads the payload of a request: JSON with fields, a text, or an audio file."""

from __future__ import annotations

import base64
import binascii
import codecs
from typing import Any

import msgspec

from appliance.errors import UNREADABLE_JSON, RequestError
from appliance.messages.request_payloads import AnswerRequest, AudioRequest, TextRequest
from appliance.values import AUDIO_OPERATIONS, Operation, PromptRequest

MAXIMUM_TEXT_BYTES = 16_384
"""Limit of a text to parse or answer: several pages, far more than a small model can read."""

MOST_SPACE = 1024
"""Bytes at the beginning that are searched for a `{` after white space."""

MAXIMUM_PROMPT_BYTES = 65_536
"""Limit of a text together with its JSON Schema."""


def json_fields(payload: bytes, content_type: str | None) -> dict[str, Any] | None:
    """Return the fields of a JSON request; None if the payload is a text or an audio file.

    No audio file begins with `{`, and hardly a sentence does: a payload that does, after white
    space and a byte order mark if any, is JSON unless its Content Type says otherwise.

    Raises:
        RequestError: it should be JSON and is not, or is not an object.

    """
    kind = (content_type or "").partition(";")[0].strip().lower()
    is_json = kind == "application/json" or kind.endswith("+json")
    text = payload.removeprefix(codecs.BOM_UTF8)
    if not is_json and (kind or not text[:MOST_SPACE].lstrip().startswith(b"{")):
        return None
    try:
        fields = msgspec.json.decode(text)
    except UNREADABLE_JSON as error:
        raise RequestError("invalid", f"the payload is not JSON: {error}") from None
    if not isinstance(fields, dict):
        raise RequestError("invalid", "the payload is JSON, but not an object")
    return fields


def unpacked(
    operation: Operation, fields: dict[str, Any]
) -> tuple[bytes, TextRequest | AudioRequest]:
    """Return the text or audio in a JSON request, and the request's fields as a type.

    Raises:
        RequestError: a field is unknown, missing or not valid.

    """
    try:
        if operation not in AUDIO_OPERATIONS:
            kind = AnswerRequest if operation is Operation.ANSWER else TextRequest
            form = msgspec.convert(fields, kind)
            return form.text.encode(), form
        audio = msgspec.convert(fields, AudioRequest)
        return base64.b64decode(audio.audio, validate=True), audio
    except binascii.Error as error:
        raise RequestError("invalid", f"audio: not base64: {error}") from None
    except (msgspec.ValidationError, ValueError) as error:
        raise RequestError("invalid", str(error)) from None


def checked_text(payload: bytes) -> bytes:
    """Return a text without space around it, or raise RequestError."""
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


def with_prompt_options(text: bytes, form: AnswerRequest) -> bytes:
    """Return the text, packed with the schema and other options of a request for an answer."""
    if form.extract and form.schema is None:
        raise RequestError("invalid", "extract needs a schema that says what to look for")
    return checked_prompt(
        PromptRequest(
            text.decode(),
            form.schema,
            form.session,
            form.stream,
            form.maximum_tokens,
            extract=form.extract,
        )
    )


def checked_prompt(prompt: PromptRequest) -> bytes:
    """Return a prompt packed as a payload, or raise RequestError."""
    packed = prompt.packed()
    if len(packed) > MAXIMUM_PROMPT_BYTES:
        raise too_large(len(packed), MAXIMUM_PROMPT_BYTES)
    return packed


def too_large(size: int, limit: int) -> RequestError:
    """Return the error for a request of `size` bytes."""
    return RequestError("too_large", f"{size} bytes are more than the {limit} allowed")
