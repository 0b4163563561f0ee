"""Compiled grammars on disk: only data, so that loading a file never runs code."""

from __future__ import annotations

import contextlib
import hashlib
import os
import sys
from array import array
from typing import TYPE_CHECKING, Any

import msgspec

from appliance.grammar.network import Network
from appliance.grammar.semantic_tags import FreeValue, ListValue, NumberValue, SentenceOf, SlotStart

if TYPE_CHECKING:
    from pathlib import Path

KEPT = 8
"""Files; the oldest are deleted when another is written, because every change makes one."""

_DIGEST = 32
_PLAIN = (str, int, float, bool, type(None))
_KINDS: dict[str, Any] = {
    "sentence": SentenceOf,
    "slot": SlotStart,
    "list": ListValue,
    "number": NumberValue,
    "free": FreeValue,
}
_NAMES = {kind: name for name, kind in _KINDS.items()}


class _File(msgspec.Struct, frozen=True, array_like=True):
    """Arrays are 32-bit integers, lowest byte first."""

    form: int
    edges: tuple[bytes, bytes, bytes]
    calls: tuple[bytes, bytes, bytes]
    finals: bytes
    tags: dict[int, int]
    meanings: list[tuple[str, dict[str, Any]]]
    start: int
    body: int
    sentences: list[tuple[int, list[int]]]
    clauses: list[list[str]]


def kept(path: Path, form: int) -> Network | None:
    """The network in a file; None if there is none, or it is damaged or of another form."""
    try:
        data = path.read_bytes()
        if hashlib.sha256(data[_DIGEST:]).digest() != data[:_DIGEST]:
            return None  # cut off by a power failure, or the card has lost a bit
        file = msgspec.msgpack.decode(data[_DIGEST:], type=_File)
        return _network(file) if file.form == form else None
    except (OSError, msgspec.MsgspecError, ValueError, TypeError, KeyError):
        return None


def keep(path: Path, network: Network, form: int) -> None:
    """Write a temporary file and rename it, so that a file is never half written.

    If the disk is full, the next start compiles again.
    """
    beside = path.with_suffix(f".{os.getpid()}")
    try:
        data = msgspec.msgpack.encode(_file(network, form))
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        beside.write_bytes(hashlib.sha256(data).digest() + data)
        beside.replace(path)
        _clear(path.parent)
    except TypeError:
        return  # a value that is not plain data: compiled again at each start
    except OSError:
        with contextlib.suppress(OSError):
            beside.unlink()


def _clear(folder: Path) -> None:
    files = sorted(folder.glob("grammar-*"), key=lambda file: file.stat().st_mtime, reverse=True)
    for file in files[KEPT:]:
        file.unlink(missing_ok=True)


def _file(network: Network, form: int) -> _File:
    return _File(
        form=form,
        edges=_packed(network.edge_from, network.labels, network.targets),
        calls=_packed(network.call_from, network.callees, network.returns),
        finals=network.finals,
        tags=network.tags,
        meanings=[_described(meaning) for meaning in network.meanings],
        start=network.start,
        body=network.body,
        sentences=network.sentences,
        clauses=network.clauses,
    )


def _network(file: _File) -> Network:
    edge_from, labels, targets = map(_unpacked, file.edges)
    call_from, callees, returns = map(_unpacked, file.calls)
    return Network(
        edge_from=edge_from,
        labels=labels,
        targets=targets,
        call_from=call_from,
        callees=callees,
        returns=returns,
        finals=file.finals,
        tags=file.tags,
        meanings=[_KINDS[name](**fields) for name, fields in file.meanings],
        start=file.start,
        body=file.body,
        sentences=file.sentences,
        clauses=file.clauses,
    )


def _described(meaning: Any) -> tuple[str, dict[str, Any]]:
    fields = {name: getattr(meaning, name) for name in type(meaning).__slots__}
    for value in fields.values():
        _demand_plain(value)
    return _NAMES[type(meaning)], fields


def _demand_plain(value: Any) -> None:
    """TypeError for a value that would be loaded as another type, such as a date."""
    if isinstance(value, dict):
        for key, each in value.items():
            _demand_plain(key)
            _demand_plain(each)
    elif isinstance(value, list):
        for each in value:
            _demand_plain(each)
    elif type(value) not in _PLAIN:
        raise TypeError(f"{value!r} is no plain value")


def _packed(one: array[int], two: array[int], three: array[int]) -> tuple[bytes, bytes, bytes]:
    return _bytes(one), _bytes(two), _bytes(three)


def _bytes(numbers: array[int]) -> bytes:
    return _little(numbers).tobytes()


def _unpacked(data: bytes) -> array[int]:
    return _little(array("i", data))


def _little(numbers: array[int]) -> array[int]:
    if sys.byteorder == "little":
        return numbers
    numbers = numbers[:]
    numbers.byteswap()
    return numbers
