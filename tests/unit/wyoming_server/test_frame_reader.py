"""Frames of the protocol are read in any pieces, and what exceeds a bound is refused."""

from __future__ import annotations

import json
import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.errors import WyomingError
from appliance.wyoming_server.frame_reader import MAXIMUM_LINE_BYTES, Frame, FrameReader

MEBIBYTE = 1 << 20


def frame(kind: str, data: dict[str, object] | None = None, payload: bytes = b"") -> bytes:
    body = b"" if data is None else json.dumps(data).encode()
    header: dict[str, object] = {"type": kind}
    if body:
        header["data_length"] = len(body)
    if payload:
        header["payload_length"] = len(payload)
    return json.dumps(header).encode() + b"\n" + body + payload


def read(*blocks: bytes) -> list[Frame]:
    reader = FrameReader(MEBIBYTE)
    return [one for block in blocks for one in reader.feed(block)]


def test_data_in_the_header_and_after_it_are_one() -> None:
    line = b'{"type": "x", "data": {"a": 1, "b": 1}, "data_length": 8}\n{"b": 2}'
    assert read(line) == [Frame("x", {"a": 1, "b": 2})]


@given(st.lists(st.integers(1, 300), max_size=20))
def test_it_does_not_matter_where_the_pieces_are_cut(sizes: list[int]) -> None:
    stream = frame("ping", {"text": "a"}) + frame("audio-chunk", {"rate": 1}, b"\n{}" * 50)
    stream += frame("describe")
    blocks, rest = [], stream
    for size in sizes:
        blocks.append(rest[:size])
        rest = rest[size:]
    assert read(*blocks, rest) == read(stream)
    assert [one.type for one in read(stream)] == ["ping", "audio-chunk", "describe"]


def test_a_frame_is_read_byte_by_byte() -> None:
    stream = frame("audio-chunk", {"rate": 16000}, bytes(range(256)))
    (one,) = read(*(stream[i : i + 1] for i in range(len(stream))))
    assert one.payload == bytes(range(256))


@pytest.mark.parametrize(
    "line",
    [
        b"not json\n",
        b"[]\n",
        b'"text"\n',
        b"\xff\xfe\n",
        b"{}\n",
        b'{"type": 5}\n',
        b'{"type": "x", "data": []}\n',
        b'{"type": "x", "data_length": -1}\n',
        b'{"type": "x", "payload_length": -1}\n',
        b'{"type": "x", "payload_length": 2147483648}\n',
        b'{"type": "x", "payload_length": 1e3}\n',
        b'{"type": "x", "payload_length": 99999999999999999999999}\n',
        b'{"type": "x", "data_length": 65537}\n',
        b'{"type": "x", "data_length": 2}\n[]',
        b'{"type": "x", "data_length": 2}\n{]',
        b'{"type": "x", "data": {"a": ' + b"[" * 10_000 + b"]" * 10_000 + b"}}\n",
        b"x" * (MAXIMUM_LINE_BYTES + 1),
    ],
)
def test_what_is_not_the_protocol_is_refused(line: bytes) -> None:
    with pytest.raises(WyomingError):
        read(line)


def test_memory_is_not_taken_before_the_bytes_have_come() -> None:
    tracemalloc.start()
    try:
        read(b'{"type": "x", "payload_length": %d}\n' % MEBIBYTE, bytes(1000))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < MEBIBYTE // 4


def test_it_knows_whether_an_event_has_begun() -> None:
    reader = FrameReader(MEBIBYTE)
    assert not reader.is_inside_frame
    list(reader.feed(b'{"type": "x", "payload_length": 2}\n'))
    assert reader.is_inside_frame
    list(reader.feed(b"ab"))
    assert not reader.is_inside_frame
