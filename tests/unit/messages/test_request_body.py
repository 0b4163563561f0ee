"""What a request for an answer may wish beside its text."""

from __future__ import annotations

import itertools
import json
from typing import Any

import pytest

from appliance.journal.inbox import IncomingRequest
from appliance.messages.request_body import MAXIMUM_PROMPT_BYTES
from appliance.messages.topics import Topics
from appliance.mqtt.connection_event_types import Delivery
from appliance.requests.request_parser import Rejection, RequestParser
from appliance.values import PromptRequest


def parse(payload: bytes, operation: str = "answer") -> Any:
    numbers = itertools.count()
    parser = RequestParser(Topics("home"), 1_000_000, lambda: f"id-{next(numbers)}", lambda: 0.0)
    return parser.parse(Delivery(1, f"home/request/{operation}", payload))


def form(**fields: Any) -> bytes:
    return json.dumps({"text": "why", **fields}).encode()


def wish_in(payload: bytes) -> PromptRequest:
    incoming = parse(payload)
    assert isinstance(incoming, IncomingRequest), incoming
    return PromptRequest.unpacked(incoming.request.payload)


def test_schema_session_stream_and_length_are_packed_with_the_text() -> None:
    schema = {"type": "object", "properties": {"a": {"type": "null"}}}
    wished = wish_in(form(schema=schema, session="s1", stream=True, maximum_tokens=10_000))
    assert wished == PromptRequest("why", schema, "s1", stream=True, maximum_tokens=10_000)


def test_a_plain_text_stays_a_plain_payload() -> None:
    assert parse(b"why").request.payload == b"why"
    assert parse(form()).request.payload == b"why"
    assert wish_in(b"why") == PromptRequest("why")


def test_a_text_cannot_pretend_to_have_options() -> None:
    incoming = parse(b"\x00" + PromptRequest("why", session="other").packed())
    assert isinstance(incoming, IncomingRequest)
    assert PromptRequest.unpacked(incoming.request.payload).session is None


@pytest.mark.parametrize(
    "fields",
    [
        {"schema": "text"},
        {"schema": [1]},
        {"session": 5},
        {"session": "x" * 300},
        {"stream": "yes"},
        {"maximum_tokens": 0},
        {"maximum_tokens": -1},
        {"shema": {}},
    ],
)
def test_an_option_of_the_wrong_type_is_invalid(fields: dict[str, Any]) -> None:
    rejection = parse(form(**fields))
    assert isinstance(rejection, Rejection)
    assert rejection.reason == "invalid"


def test_a_schema_that_is_too_large_is_rejected() -> None:
    rejection = parse(form(schema={"description": "x" * MAXIMUM_PROMPT_BYTES}))
    assert isinstance(rejection, Rejection)
    assert rejection.reason == "too_large"


def test_a_request_to_parse_has_no_schema() -> None:
    rejection = parse(form(schema={}), "parse")
    assert isinstance(rejection, Rejection)
    assert rejection.reason == "invalid"


def test_the_same_question_under_another_schema_is_other_work() -> None:
    one = parse(form(transaction="t", schema={}))
    other = parse(form(transaction="t", schema=True))
    assert one.identity != other.identity
