"""What a request for an answer may wish beside its text."""

from __future__ import annotations

import itertools
import json
from typing import Any

import pytest

from appliance.journal.inbox import IncomingRequest
from appliance.messages.request_body import MAXIMUM_PROMPT_BYTES
from appliance.messages.topics import Topics
from appliance.mqtt.connection_events import Delivery
from appliance.requests.request_parser import Rejection, RequestParser
from appliance.values import PromptRequest


def read(payload: bytes, operation: str = "answer") -> Any:
    numbers = itertools.count()
    reader = RequestParser(Topics("home"), 1_000_000, lambda: f"id-{next(numbers)}", lambda: 0.0)
    return reader.read(Delivery(1, f"home/request/{operation}", payload))


def form(**fields: Any) -> bytes:
    return json.dumps({"text": "why", **fields}).encode()


def wish_in(payload: bytes) -> PromptRequest:
    offer = read(payload)
    assert isinstance(offer, IncomingRequest), offer
    return PromptRequest.unpacked(offer.request.payload)


def test_schema_session_stream_and_length_travel_with_the_text() -> None:
    schema = {"type": "object", "properties": {"a": {"type": "null"}}}
    wished = wish_in(form(schema=schema, session="s1", stream=True, maximum_tokens=10_000))
    assert wished == PromptRequest("why", schema, "s1", stream=True, maximum_tokens=10_000)


def test_a_plain_text_stays_a_plain_payload() -> None:
    assert read(b"why").request.payload == b"why"
    assert read(form()).request.payload == b"why"
    assert wish_in(b"why") == PromptRequest("why")


def test_a_text_cannot_pretend_to_be_a_wish() -> None:
    offer = read(b"\x00" + PromptRequest("why", session="other").packed())
    assert isinstance(offer, IncomingRequest)
    assert PromptRequest.unpacked(offer.request.payload).session is None


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
def test_a_wish_of_the_wrong_form_is_invalid(fields: dict[str, Any]) -> None:
    rejection = read(form(**fields))
    assert isinstance(rejection, Rejection)
    assert rejection.reason == "invalid"


def test_a_schema_that_is_too_large_is_told() -> None:
    rejection = read(form(schema={"description": "x" * MAXIMUM_PROMPT_BYTES}))
    assert isinstance(rejection, Rejection)
    assert rejection.reason == "too_large"


def test_a_request_to_parse_has_no_schema() -> None:
    rejection = read(form(schema={}), "parse")
    assert isinstance(rejection, Rejection)
    assert rejection.reason == "invalid"


def test_the_same_question_under_another_schema_is_other_work() -> None:
    one = read(form(transaction="t", schema={}))
    other = read(form(transaction="t", schema=True))
    assert one.identity != other.identity
