"""Any message becomes a request, or a rejection with its reason."""

from __future__ import annotations

import itertools
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.journal.inbox import IncomingRequest
from appliance.messages.control_requests import ControlRequest
from appliance.messages.request_body import MAXIMUM_TEXT_BYTES
from appliance.messages.topics import Topics
from appliance.mqtt.connection_event_types import Delivery
from appliance.requests import request_parser
from appliance.requests.request_parser import Rejection, RequestParser
from appliance.values import SAID_FOR_LATER, Operation, Source

ROOT = "home/kitchen"
LIMIT = 100_000


def parse(
    payload: bytes | None, operation: str = "parse", **more: Any
) -> IncomingRequest | ControlRequest | Rejection:
    numbers = itertools.count()
    parser = RequestParser(
        Topics(ROOT, reply_prefixes=["home/"]), LIMIT, lambda: f"id-{next(numbers)}", lambda: 1000.0
    )
    return parser.parse(Delivery(1, f"{ROOT}/request/{operation}", payload, **more))


def accepted(payload: bytes, operation: str = "parse", **more: Any) -> IncomingRequest:
    incoming = parse(payload, operation, **more)
    assert isinstance(incoming, IncomingRequest), incoming
    return incoming


def rejected(payload: bytes | None, operation: str = "parse", **more: Any) -> Rejection:
    rejection = parse(payload, operation, **more)
    assert isinstance(rejection, Rejection), rejection
    return rejection


def form(**fields: Any) -> bytes:
    return json.dumps(fields).encode()


def test_id_return_address_and_deadline_are_read_from_properties() -> None:
    request = accepted(
        b" turn on the lamp ",
        response_topic="home/answers",
        correlation=b"abc",
        expiry_s=30,
        user_properties=(("priority", "7"),),
    ).request
    assert request.id == "id-0"
    assert request.operation is Operation.PARSE
    assert request.payload == b"turn on the lamp"
    assert request.reply_to == "home/answers"
    assert (request.correlation, request.transaction) == (b"abc", "abc")
    assert request.expires_at == 1030.0
    assert request.priority == 7


def test_id_return_address_and_deadline_are_read_from_json() -> None:
    request = accepted(
        form(text="hello", transaction=17, reply_to="home/answers", timeout_s=2.5, priority=7)
    ).request
    assert request.payload == b"hello"
    assert (request.transaction, request.reply_to) == ("17", "home/answers")
    assert (request.expires_at, request.priority) == (1002.5, 7)


def test_properties_override_json_and_the_earlier_deadline_applies() -> None:
    request = accepted(
        form(text="hello", reply_to="home/json", timeout_s=60),
        response_topic="home/property",
        expiry_s=10,
    ).request
    assert request.reply_to == "home/property"
    assert request.expires_at == 1010.0


def test_the_room_of_the_speaker_comes_from_json_or_a_property() -> None:
    spoken = accepted(b"RIFF", "recognize", user_properties=(("area", "hall"),))
    written = accepted(form(text="lights on", area=" kitchen "))
    assert (spoken.request.area, written.request.area) == ("hall", "kitchen")
    elsewhere = accepted(form(text="lights on", area="attic", transaction="1"))
    assert elsewhere.identity != accepted(form(text="lights on", transaction="1")).identity


def test_without_an_address_the_answer_goes_to_the_default_topic() -> None:
    request = accepted(b"hello").request
    assert (request.reply_to, request.transaction, request.expires_at) == (None, None, None)


def test_a_sentence_may_begin_with_a_brace_when_the_content_type_says_text() -> None:
    assert accepted(b"{curly}", content_type="text/plain").request.payload == b"{curly}"
    assert rejected(b"{curly}").reason == "invalid"


@pytest.mark.parametrize("before", [b" ", b"\n", b"\r\n\t ", b"\xef\xbb\xbf", b"\xef\xbb\xbf\n"])
@pytest.mark.parametrize("operation", ["parse", "answer"])
def test_json_may_begin_with_white_space(before: bytes, operation: str) -> None:
    payload = before + form(text="hello", transaction="t", reply_to="home/answers")
    request = accepted(payload, operation).request
    assert (request.transaction, request.reply_to) == ("t", "home/answers")


@pytest.mark.parametrize(
    ("fields", "more"),
    [
        ({"reply_to": "bad/+/topic"}, {}),
        ({"reply_to": ""}, {}),
        ({"reply_to": f"{ROOT}/status"}, {}),
        ({}, {"response_topic": "bad/#"}),
        ({}, {"retained": True}),
        ({"unknown": 1}, {}),
        ({"text": "a" * 2 * LIMIT}, {}),
        ({"priority": 10}, {}),
    ],
)
@pytest.mark.parametrize("operation", ["parse", "answer", "transcribe", "cancel", "paint"])
def test_no_rejection_loses_the_transaction(
    fields: dict[str, Any], more: dict[str, Any], operation: str
) -> None:
    rejection = rejected(
        form(**{"text": "hello", "transaction": "t7", **fields}), operation, **more
    )
    assert rejection.address.transaction == "t7"


def test_a_retained_request_that_is_dropped_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    rejected(b"hello", retained=True)
    assert f"{ROOT}/request/parse" in caplog.text
    assert "retain" in caplog.text


def test_a_payload_with_the_content_type_json_is_read_as_json() -> None:
    kind = "application/json; charset=utf-8"
    assert accepted(b'  {"text": "hello"}', content_type=kind).request.payload == b"hello"
    assert "not an object" in rejected(b'["hello"]', content_type=kind).message
    assert "not JSON" in rejected(b"hello", content_type=kind).message


def test_audio_is_read_as_a_file_or_from_base64() -> None:
    assert accepted(b"RIFF\x00\xff", "transcribe").request.payload == b"RIFF\x00\xff"
    assert accepted(form(audio="UklGRg=="), "transcribe").request.payload == b"RIFF"
    assert accepted(b"{}", "transcribe", content_type="audio/wav").request.payload == b"{}"


def test_correlation_data_that_is_not_text_is_shown_as_hex() -> None:
    assert accepted(b"hello", correlation=b"\x00\x01").request.transaction == "0001"
    assert accepted(b"hello", correlation=b"\xff").request.transaction == "ff"
    assert accepted(b"hello", correlation=b"\n").request.transaction == "0a"


@pytest.mark.parametrize(
    ("payload", "operation", "more", "reason"),
    [
        (None, "parse", {}, "busy"),
        (b"", "parse", {}, "invalid"),
        (b" \n ", "parse", {}, "invalid"),
        (b"\xff", "answer", {}, "invalid"),
        (b"hello", "parse", {"retained": True}, "invalid"),
        (b"hello", "sing", {}, "unsupported"),
        (b"x" * (MAXIMUM_TEXT_BYTES + 1), "parse", {}, "too_large"),
        (b"x" * (LIMIT + 1), "transcribe", {}, "too_large"),
        (b"x" * (2 * LIMIT), "transcribe", {}, "too_large"),
        (form(audio="A" * (LIMIT // 3 * 4 + 8)), "transcribe", {}, "too_large"),
        (form(text="hello", volume=11), "parse", {}, "invalid"),
        (form(audio="===="), "transcribe", {}, "invalid"),
        (form(text="hello", timeout_s=0), "parse", {}, "invalid"),
        (form(text="hello", transaction=[1]), "parse", {}, "invalid"),
        (b"hello", "parse", {"user_properties": (("priority", "high"),)}, "invalid"),
        (b"hello", "parse", {"response_topic": ""}, "invalid"),
        (b"hello", "parse", {"response_topic": "a/+"}, "invalid"),
        (b"hello", "parse", {"response_topic": "$SYS/x"}, "invalid"),
        (b"hello", "parse", {"response_topic": f"{ROOT}/request/parse"}, "invalid"),
        (b"hello", "parse", {"response_topic": f"{ROOT}/status"}, "invalid"),
    ],
)
def test_an_invalid_request_has_a_reason_and_a_message(
    payload: bytes | None, operation: str, more: dict[str, Any], reason: str
) -> None:
    rejection = rejected(payload, operation, **more)
    assert rejection.reason == reason
    assert rejection.message


def test_a_rejection_goes_to_as_much_of_the_return_address_as_could_be_read() -> None:
    address = rejected(form(texts="?", transaction="t", reply_to="home/answers")).address
    assert (address.transaction, address.reply_to) == ("t", "home/answers")
    address = rejected(b"hello", response_topic="a/#", correlation=b"c").address
    assert (address.correlation, address.reply_to) == (b"c", None)


def test_the_same_id_and_payload_are_the_same_request() -> None:
    one = accepted(b"hello", correlation=b"1")
    assert one.may_repeat
    assert one.identity == accepted(b"hello", correlation=b"1", mid=9).identity
    others = [
        accepted(b"other", correlation=b"1"),
        accepted(b"hello", correlation=b"2"),
        accepted(b"hello", "answer", correlation=b"1"),
        accepted(b"hello", correlation=b"1", response_topic="home/else"),
        accepted(b"hello", correlation=b"1", user_properties=[("requester", "anna")]),
        accepted(b"hello", correlation=b"1", user_properties=[("requester", "bert")]),
        accepted(b"hello", correlation=b"1", user_properties=[("area", "anna")]),
    ]
    assert len({one.identity, *(other.identity for other in others)}) == 1 + len(others)


def test_a_requester_that_repeats_its_request_is_the_same_one() -> None:
    asked = form(text="hello", transaction="1", requester="anna", area="kitchen")
    assert accepted(asked).identity == accepted(asked, mid=9).identity


def test_without_an_id_only_a_redelivery_by_the_broker_is_the_same_request() -> None:
    one = accepted(b"hello", mid=5)
    assert not one.may_repeat
    again = accepted(b"hello", mid=5, repeated=True)
    assert again.may_repeat
    assert again.identity == one.identity
    assert accepted(b"hello", mid=6, repeated=True).identity != one.identity


@given(
    payload=st.one_of(st.binary(max_size=200), st.builds(lambda b: b"{" + b, st.binary())),
    operation=st.sampled_from(["transcribe", "parse", "answer", "sing", ""]),
    content_type=st.one_of(st.none(), st.just("application/json"), st.text()),
    correlation=st.one_of(st.none(), st.binary()),
    response_topic=st.one_of(st.none(), st.text(st.characters(exclude_categories=["Cs"]))),
)
def test_no_payload_raises_an_exception(**sent: Any) -> None:
    outcome = parse(sent.pop("payload"), sent.pop("operation"), **sent)
    assert isinstance(outcome, IncomingRequest | Rejection)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=5,
)


@given(
    fields=st.dictionaries(
        st.sampled_from(["text", "audio", "transaction", "reply_to", "timeout_s", "priority"]),
        json_values,
    ),
    operation=st.sampled_from(["transcribe", "parse", "answer"]),
)
def test_no_json_raises_an_exception(fields: dict[str, Any], operation: str) -> None:
    assert isinstance(parse(form(**fields), operation), IncomingRequest | Rejection)


def test_no_client_takes_the_name_of_what_was_said_for_later() -> None:
    as_json = accepted(form(text="x", requester=SAID_FOR_LATER))
    as_property = accepted(b"x", user_properties=(("requester", SAID_FOR_LATER),))
    for incoming in (as_json, as_property):
        assert (incoming.request.requester, incoming.request.source) == ("", Source.MQTT)


def test_a_bug_in_the_reading_of_a_request_rejects_it_and_logs_none_of_its_words(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(schema: Any, _: int) -> None:
        raise ValueError(f"cannot read {schema}")

    monkeypatch.setattr(request_parser, "check_schema", fail)
    rejection = rejected(form(text="x", schema={"title": "secret"}, transaction="7"), "answer")
    assert (rejection.reason, rejection.address.transaction) == ("invalid", "7")
    assert "bug in the appliance" in caplog.text
    assert "secret" not in caplog.text
    assert "secret" not in rejection.message
