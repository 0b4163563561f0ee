"""Sparkplug B payloads to bytes and back: the part of Protocol Buffers that they need; pure.

Field numbers: Sparkplug 3.0.0, section 6.4.1. Wire format: the encoding guide of Protocol Buffers.
"""

from __future__ import annotations

import enum
import math
import struct
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

VARINT, FIXED64, BYTES, FIXED32 = 0, 1, 2, 5
"""Wire types of Protocol Buffers."""

LONGEST_VARINT = 10
"""Bytes of 64 bits, seven in each."""

MOST_METRICS = 10_000
"""Maximum number of metrics in a payload that is read."""


class DataType(enum.IntEnum):
    """The types of values that are read and written, of all that there are."""

    INT8 = 1
    INT16 = 2
    INT32 = 3
    INT64 = 4
    UINT8 = 5
    UINT16 = 6
    UINT32 = 7
    UINT64 = 8
    FLOAT = 9
    DOUBLE = 10
    BOOLEAN = 11
    STRING = 12
    DATETIME = 13
    TEXT = 14


Value = bool | int | float | str | bytes | None

_VALUE_FIELDS = {10: VARINT, 11: VARINT, 12: FIXED32, 13: FIXED64, 14: VARINT, 15: BYTES, 16: BYTES}
"""int, long, float, double, boolean, string and bytes of a metric."""

_FIELD_OF = {
    DataType.INT8: 10,
    DataType.INT16: 10,
    DataType.INT32: 10,
    DataType.UINT8: 10,
    DataType.UINT16: 10,
    DataType.UINT32: 10,
    DataType.INT64: 11,
    DataType.UINT64: 11,
    DataType.DATETIME: 11,
    DataType.FLOAT: 12,
    DataType.DOUBLE: 13,
    DataType.BOOLEAN: 14,
    DataType.STRING: 15,
    DataType.TEXT: 15,
}


_SIGNED_BITS: dict[int, int] = {
    DataType.INT8: 8,
    DataType.INT16: 16,
    DataType.INT32: 32,
    DataType.INT64: 64,
}
_UNSIGNED_BITS: dict[int, int] = {
    DataType.UINT8: 8,
    DataType.UINT16: 16,
    DataType.UINT32: 32,
    DataType.UINT64: 64,
}
_FRACTIONS = frozenset({DataType.FLOAT, DataType.DOUBLE})
_LARGEST_FLOAT = 3.4e38

MOST_PROPERTIES = 100
"""Maximum number of properties of a metric; with more, the payload is not read."""


NOT_KNOWN = "None"
"""The text of a value that is not known."""


class PayloadError(ValueError):
    """The bytes are no Sparkplug payload."""


@dataclass(frozen=True, slots=True)
class Metric:
    """One value of a payload."""

    name: str | None
    datatype: int | None
    """DataType of the value; None if a birth message has declared it."""
    value: Value
    """The value; None is null."""
    timestamp_ms: int | None = None
    """Milliseconds since 1970, UTC."""
    alias: int | None = None
    is_historical: bool = False
    properties: Mapping[str, Value] = field(default_factory=dict)
    """For example the unit, `engUnit`. Only texts are written."""


@dataclass(frozen=True, slots=True)
class Payload:
    """A message of an edge node or a host."""

    metrics: Sequence[Metric] = ()
    timestamp_ms: int | None = None
    seq: int | None = None
    """0 to 255; None for a death and for commands."""


def encode(payload: Payload) -> bytes:
    """The bytes of a payload."""
    parts = []
    if payload.timestamp_ms is not None:
        parts.append(_varint_field(1, payload.timestamp_ms))
    parts += [_bytes_field(2, _metric(metric)) for metric in payload.metrics]
    if payload.seq is not None:
        parts.append(_varint_field(3, payload.seq))
    return b"".join(parts)


def decode(content: bytes) -> Payload:
    """A payload from its bytes; what is not known is left out.

    Raises:
        PayloadError: they are none.

    """
    metrics, timestamp_ms, seq = [], None, None
    for number, value in _fields(content):
        if number == 1:
            timestamp_ms = _number(value)
        elif number == 2:  # noqa: PLR2004
            metrics.append(_decoded_metric(_content(value)))
            if len(metrics) > MOST_METRICS:
                raise PayloadError(f"more than {MOST_METRICS} metrics")
        elif number == 3:  # noqa: PLR2004
            seq = _number(value)
    return Payload(tuple(metrics), timestamp_ms, seq)


# Writing.


def _metric(metric: Metric) -> bytes:
    numbers = {
        2: metric.alias,
        3: metric.timestamp_ms,
        4: metric.datatype,
        5: 1 if metric.is_historical else None,
        7: 1 if metric.value is None else None,
    }
    parts = [] if metric.name is None else [_bytes_field(1, metric.name.encode())]
    parts += [_varint_field(key, value) for key, value in numbers.items() if value is not None]
    if metric.properties:
        parts.append(_bytes_field(9, _property_set(metric.properties)))
    if metric.value is not None:
        parts.append(_value(metric))
    return b"".join(parts)


def _value(metric: Metric) -> bytes:
    number = _FIELD_OF[DataType(metric.datatype or 0)]
    value: Any = metric.value
    kind = _VALUE_FIELDS[number]
    if kind == FIXED32:
        return _key(number, FIXED32) + struct.pack("<f", value)
    if kind == FIXED64:
        return _key(number, FIXED64) + struct.pack("<d", value)
    if kind == BYTES:
        return _bytes_field(number, value.encode())
    # Negative numbers are the same bits without a sign (section 6.4.16), as many as the type has.
    bits = _SIGNED_BITS.get(metric.datatype or 0, 64)
    return _varint_field(number, int(value) & ((1 << bits) - 1))


def is_number(datatype: int | None) -> bool:
    """Whether values of a type are numbers."""
    return is_whole(datatype) or datatype in _FRACTIONS


def is_whole(datatype: int | None) -> bool:
    """Whether values of a type are whole numbers."""
    return datatype in _SIGNED_BITS or datatype in _UNSIGNED_BITS


def is_in_range(datatype: DataType, value: float) -> bool:
    """Whether a type of numbers can hold a value."""
    if datatype in _SIGNED_BITS:
        half = 1 << (_SIGNED_BITS[datatype] - 1)
        return -half <= value < half
    if datatype in _UNSIGNED_BITS:
        return 0 <= value < 1 << _UNSIGNED_BITS[datatype]
    return math.isfinite(value) and (datatype != DataType.FLOAT or abs(value) <= _LARGEST_FLOAT)


def metric_text(metric: Metric, datatype: int) -> str:
    """A value of the type that a birth declared, as a text; `None` if it is not known."""
    value = metric.value
    if metric.datatype is None and isinstance(value, int) and not isinstance(value, bool):
        value = _with_sign(value, datatype)
    if isinstance(value, bool):
        return "ON" if value else "OFF"
    if isinstance(value, float):
        if not math.isfinite(value):
            return NOT_KNOWN
        return f"{value:.7g}" if datatype == DataType.FLOAT else repr(value)
    return str(value) if isinstance(value, (int, str)) else NOT_KNOWN


def _property_set(properties: Mapping[str, Value]) -> bytes:
    texts = {key: value for key, value in properties.items() if isinstance(value, str)}
    keys = [_bytes_field(1, key.encode()) for key in texts]
    values = [
        _bytes_field(2, _varint_field(1, DataType.STRING) + _bytes_field(8, value.encode()))
        for value in texts.values()
    ]
    return b"".join([*keys, *values])


def _key(number: int, wire_type: int) -> bytes:
    return _varint(number << 3 | wire_type)


def _varint_field(number: int, value: int) -> bytes:
    return _key(number, VARINT) + _varint(value)


def _bytes_field(number: int, content: bytes) -> bytes:
    return _key(number, BYTES) + _varint(len(content)) + content


def _varint(value: int) -> bytes:
    out = bytearray()
    while value > 0x7F:  # noqa: PLR2004
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


# Reading.


def _fields(content: bytes) -> Iterator[tuple[int, int | bytes]]:
    """Field numbers and what they hold; groups are refused."""
    at = 0
    while at < len(content):
        key, at = _read_varint(content, at)
        number, wire_type = key >> 3, key & 7
        if wire_type == VARINT:
            value: int | bytes
            value, at = _read_varint(content, at)
        else:
            if wire_type == BYTES:
                size, at = _read_varint(content, at)
            elif wire_type in (FIXED32, FIXED64):
                size = 4 if wire_type == FIXED32 else 8
            else:
                raise PayloadError(f"wire type {wire_type} at byte {at}")
            if size > len(content) - at:
                raise PayloadError(f"it ends within the field at byte {at}")
            value, at = content[at : at + size], at + size
        yield number, value


def _read_varint(content: bytes, at: int) -> tuple[int, int]:
    value = 0
    for index in range(LONGEST_VARINT):
        if at + index >= len(content):
            raise PayloadError("it ends within a number")
        byte = content[at + index]
        value |= (byte & 0x7F) << 7 * index
        if byte < 0x80:  # noqa: PLR2004
            return value & 0xFFFFFFFFFFFFFFFF, at + index + 1
    raise PayloadError(f"a number at byte {at} is too long")


def _decoded_metric(content: bytes) -> Metric:
    fields = dict(_fields(content))
    datatype = _number(fields[4]) if 4 in fields else None  # noqa: PLR2004
    found = [number for number in _VALUE_FIELDS if number in fields]
    return Metric(
        name=_text(fields[1]) if 1 in fields else None,
        datatype=datatype,
        value=_decoded_value(found[-1], fields[found[-1]], datatype) if found else None,
        timestamp_ms=_number(fields[3]) if 3 in fields else None,  # noqa: PLR2004
        alias=_number(fields[2]) if 2 in fields else None,  # noqa: PLR2004
        is_historical=bool(fields.get(5)),
        properties=_properties(fields[9]) if 9 in fields else {},  # noqa: PLR2004
    )


def _properties(found: int | bytes) -> dict[str, Value]:
    """The keys with their values; a value of another kind is left out."""
    keys, values = [], []
    for number, content in _fields(_content(found)):
        if number == 1:
            keys.append(_text(content))
        elif number == 2:  # noqa: PLR2004
            values.append(_property(_content(content)))
    if len(keys) > MOST_PROPERTIES:
        raise PayloadError(f"more than {MOST_PROPERTIES} properties")
    return dict(zip(keys, values, strict=False))


def _property(content: bytes) -> Value:
    """A value; its fields are those of a metric, less 7."""
    fields = dict(_fields(content))
    datatype = _number(fields[1]) if 1 in fields else None
    found = next((number for number in range(3, 9) if number in fields), None)
    return None if found is None else _decoded_value(found + 7, fields[found], datatype)


def _decoded_value(number: int, found: int | bytes, datatype: int | None) -> Value:
    kind = _VALUE_FIELDS[number]
    if kind == VARINT:
        value = _number(found)
        if number == 14:  # noqa: PLR2004
            return bool(value)
        return _with_sign(value, datatype)
    content = _content(found)
    if kind == BYTES:
        return content if number == 16 else _text(content)  # noqa: PLR2004
    size, form = (4, "<f") if kind == FIXED32 else (8, "<d")
    if len(content) != size:
        raise PayloadError("a number with a fraction has the wrong size")
    (fraction,) = struct.unpack(form, content)
    return float(fraction)


def _with_sign(value: int, datatype: int | None) -> int:
    """Negative numbers are the same bits without a sign; of 8 and 16 bits, some write 32."""
    bits = _SIGNED_BITS.get(datatype or 0, 0)
    value = value & ((1 << bits) - 1) if bits else value
    return value - (1 << bits) if bits and value >> (bits - 1) else value


def _number(value: int | bytes) -> int:
    if isinstance(value, bytes):
        raise PayloadError("bytes where a number must be")
    return value


def _content(value: int | bytes) -> bytes:
    if not isinstance(value, bytes):
        raise PayloadError("a number where bytes must be")
    return value


def _text(value: int | bytes) -> str:
    try:
        return _content(value).decode()
    except UnicodeDecodeError:
        raise PayloadError("a text is not UTF-8") from None
