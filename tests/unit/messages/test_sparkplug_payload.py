"""Sparkplug payloads: what we write another library reads, and the other way round."""

from __future__ import annotations

import contextlib
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.sparkplug import SparkplugPayload, command, value_of

from appliance.messages.sparkplug_payload import (
    DataType,
    Metric,
    Payload,
    PayloadError,
    Value,
    decode,
    encode,
)

VALUES: list[tuple[DataType, Value]] = [
    (DataType.BOOLEAN, True),
    (DataType.BOOLEAN, False),
    (DataType.INT64, 7),
    (DataType.INT64, 2**62),
    (DataType.UINT64, 2**64 - 1),
    (DataType.UINT32, 2**32 - 1),
    (DataType.FLOAT, 20.5),
    (DataType.DOUBLE, 0.1),
    (DataType.STRING, "Küche 🎤"),
    (DataType.STRING, ""),
    (DataType.DATETIME, 1_800_000_000_000),
]


@pytest.mark.parametrize(("datatype", "value"), VALUES)
def test_protobuf_reads_what_is_written_and_the_other_way_round(
    datatype: DataType, value: Value
) -> None:
    metric = Metric("a/b", datatype, value, 5, alias=9, properties={"engUnit": "°C"})
    written = encode(Payload([metric], 1_800_000_000_000, 255))
    theirs = SparkplugPayload.FromString(written)
    (read,) = theirs.metrics
    assert (theirs.timestamp, theirs.seq) == (1_800_000_000_000, 255)
    assert (read.name, read.alias, read.timestamp, read.datatype) == ("a/b", 9, 5, datatype)
    assert value_of(read) == value
    assert not read.is_historical
    assert list(read.properties.keys) == ["engUnit"]
    assert read.properties.values[0].string_value == "°C"

    again = decode(theirs.SerializeToString()).metrics[0]
    assert (again.name, again.datatype, again.value, again.alias) == ("a/b", datatype, value, 9)


@pytest.mark.parametrize(
    ("datatype", "value", "bits"),
    [
        (DataType.INT8, -7, 2**8 - 7),
        (DataType.INT16, -300, 2**16 - 300),
        (DataType.INT32, -1, 2**32 - 1),
        (DataType.INT64, -5, 2**64 - 5),
    ],
)
def test_negative_numbers_are_their_bits(datatype: DataType, value: int, bits: int) -> None:
    written = encode(Payload([Metric("n", datatype, value)]))
    assert value_of(SparkplugPayload.FromString(written).metrics[0]) == bits
    assert decode(written).metrics[0].value == value


def test_what_is_null_or_history_says_so() -> None:
    written = encode(
        Payload(
            [
                Metric("n", DataType.FLOAT, None),
                Metric("h", DataType.INT64, 1, 3, is_historical=True),
            ]
        )
    )
    null, history = SparkplugPayload.FromString(written).metrics
    assert null.is_null
    assert not null.HasField("float_value")
    assert history.is_historical
    assert [one.is_historical for one in decode(written).metrics] == [False, True]
    assert decode(written).metrics[0].value is None


def test_a_command_of_a_host_is_read() -> None:
    (metric,) = decode(command("Node Control/Rebirth", value=True)).metrics
    assert (metric.name, metric.value) == ("Node Control/Rebirth", True)
    (metric,) = decode(command("Command/Say", value="dinner is ready")).metrics
    assert (metric.name, metric.value) == ("Command/Say", "dinner is ready")


@given(st.binary(max_size=200))
def test_other_bytes_are_refused_and_never_worse(content: bytes) -> None:
    with contextlib.suppress(PayloadError):
        decode(content)


def test_damaged_payloads_are_refused_and_never_worse() -> None:
    chance = random.Random(1)  # noqa: S311 (damage, not secrets)
    whole = encode(Payload([Metric(f"m{n}", DataType.STRING, "x" * n) for n in range(20)], 1, 2))
    for _ in range(2000):
        damaged = bytearray(whole[: chance.randrange(len(whole))])
        for _ in range(chance.randrange(4)):
            if damaged:
                damaged[chance.randrange(len(damaged))] = chance.randrange(256)
        with contextlib.suppress(PayloadError):
            decode(bytes(damaged))


@pytest.mark.parametrize(
    "content",
    [
        b"\x12",
        b"\x12\x05\x0a",
        b"\x0a\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01",
        b"\x0b",
        b"\x10",
    ],
)
def test_what_is_cut_off_is_refused(content: bytes) -> None:
    with pytest.raises(PayloadError):
        decode(content)


@pytest.mark.parametrize("bits", [2**8 - 7, 2**32 - 7])
def test_a_short_negative_number_is_read_with_as_many_bits_as_others_write(bits: int) -> None:
    theirs = SparkplugPayload()
    theirs.metrics.add(name="a", datatype=DataType.INT8, int_value=bits)
    assert decode(theirs.SerializeToString()).metrics[0].value == -7
