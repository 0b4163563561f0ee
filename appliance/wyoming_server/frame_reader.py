"""Reads the frames of the Wyoming protocol within bounds: a line of JSON, its data, its payload."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import msgspec
from msgspec import Meta

from appliance.errors import UNREADABLE_JSON, WyomingError

if TYPE_CHECKING:
    from collections.abc import Iterator

MAXIMUM_LINE_BYTES = 65_536
"""Maximum size of the line of JSON, and of the data after it, in bytes."""

MOST_BRACKETS = 500
"""In one JSON text. How deep a text may be nested otherwise depends on the version of Python."""

Length = Annotated[int, Meta(ge=0)]


class Frame(msgspec.Struct, frozen=True):
    """One event of the protocol, as it was received."""

    type: str
    data: dict[str, Any]
    payload: bytes = b""


class _Header(msgspec.Struct):
    type: str
    data: dict[str, Any] | None = None
    data_length: Length | None = None
    payload_length: Length | None = None


class FrameReader:
    """Bytes in, frames out. It never holds more than one frame within the bounds."""

    def __init__(self, maximum_payload_bytes: int) -> None:
        self._maximum_payload_bytes = maximum_payload_bytes
        self._received = bytearray()
        self._header: _Header | None = None

    @property
    def is_inside_frame(self) -> bool:
        """Whether a frame has begun and is not complete."""
        return self._header is not None or bool(self._received)

    def feed(self, block: bytes) -> Iterator[Frame]:
        """Take what was received; yields the frames that are complete with it.

        Raises:
            WyomingError: it is not this protocol, or exceeds a bound. No more can be read.

        """
        self._received += block
        while (frame := self._next()) is not None:
            yield frame

    def _next(self) -> Frame | None:
        header = self._header
        if header is None:
            header = self._header = self._read_header()
        if header is None:
            return None
        data_length, payload_length = header.data_length or 0, header.payload_length or 0
        if len(self._received) < data_length + payload_length:
            return None
        data = {**(header.data or {}), **self._read_data(data_length)}
        payload = bytes(self._received[data_length : data_length + payload_length])
        del self._received[: data_length + payload_length]
        self._header = None
        return Frame(header.type, data, payload)

    def _read_header(self) -> _Header | None:
        end = self._received.find(b"\n", 0, MAXIMUM_LINE_BYTES + 1)
        if end < 0:
            if len(self._received) > MAXIMUM_LINE_BYTES:
                raise WyomingError(f"a line is longer than {MAXIMUM_LINE_BYTES} bytes")
            return None
        header: _Header = _decoded(bytes(self._received[:end]), _Header)
        del self._received[: end + 1]
        if (header.data_length or 0) > MAXIMUM_LINE_BYTES:
            raise WyomingError(f"data_length is more than {MAXIMUM_LINE_BYTES} bytes")
        if (header.payload_length or 0) > self._maximum_payload_bytes:
            raise WyomingError(f"payload_length is more than {self._maximum_payload_bytes} bytes")
        return header

    def _read_data(self, length: int) -> dict[str, Any]:
        data: dict[str, Any] = {}
        return _decoded(bytes(self._received[:length]), dict[str, Any]) if length else data


def _decoded(text: bytes, kind: Any) -> Any:
    if text.count(b"[") + text.count(b"{") > MOST_BRACKETS:
        raise WyomingError("the JSON of an event is nested too deeply")
    try:
        return msgspec.json.decode(text, type=kind)
    except UNREADABLE_JSON as error:  # also of a wrong type
        raise WyomingError(f"not an event of the Wyoming protocol: {error}") from None
