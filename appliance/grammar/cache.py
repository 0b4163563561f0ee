"""Saves and loads compiled grammars; the files hold only data, so that loading runs no code."""

from __future__ import annotations

import contextlib
import hashlib
import os
import sys
from array import array
from typing import TYPE_CHECKING, Any

import msgspec

from appliance.grammar.network import Network
from appliance.grammar.semantic_tags import (
    ListValue,
    NumberValue,
    SentenceEnd,
    SlotStart,
    WildcardValue,
)

if TYPE_CHECKING:
    from pathlib import Path

MAX_FILES = 8
"""Maximum number of files. Each change of the sentences makes one; the oldest are deleted."""

_DIGEST = 32
_PLAIN = (str, int, float, bool, type(None))
_KINDS: dict[str, Any] = {
    "sentence": SentenceEnd,
    "slot": SlotStart,
    "list": ListValue,
    "number": NumberValue,
    "free": WildcardValue,
}
_NAMES = {kind: name for name, kind in _KINDS.items()}


class _File(msgspec.Struct, frozen=True, array_like=True):
    """The layout of a file; arrays are 32-bit integers, little-endian."""

    version: int
    edges: tuple[bytes, bytes, bytes]
    calls: tuple[bytes, bytes, bytes]
    finals: bytes
    tags: dict[int, int]
    semantic_tags: list[tuple[str, dict[str, Any]]]
    start: int
    body: int
    sentences: list[tuple[int, list[int]]]
    clauses: list[list[str]]


def load(path: Path, version: int) -> Network | None:
    """The network in a file; None if the file is missing, damaged or of another version."""
    try:
        data = path.read_bytes()
        if hashlib.sha256(data[_DIGEST:]).digest() != data[:_DIGEST]:
            return None  # cut off by a power failure, or the card has lost a bit
        file = msgspec.msgpack.decode(data[_DIGEST:], type=_File)
        return _network(file) if file.version == version else None
    except (OSError, msgspec.MsgspecError, ValueError, TypeError, KeyError):
        return None


def save(path: Path, network: Network, version: int) -> None:
    """Write a temporary file and rename it, so that no file is ever half written.

    If the disk is full, the next start compiles again.
    """
    temporary = path.with_suffix(f".{os.getpid()}")
    try:
        data = msgspec.msgpack.encode(_file(network, version))
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        temporary.write_bytes(hashlib.sha256(data).digest() + data)
        temporary.replace(path)
        _clear(path.parent)
    except TypeError:
        return  # a value is not plain data, so each start compiles again
    except OSError:
        with contextlib.suppress(OSError):
            temporary.unlink()


def _clear(folder: Path) -> None:
    files = sorted(folder.glob("grammar-*"), key=lambda file: file.stat().st_mtime, reverse=True)
    for file in files[MAX_FILES:]:
        file.unlink(missing_ok=True)


def _file(network: Network, version: int) -> _File:
    return _File(
        version=version,
        edges=_packed(network.edge_from, network.labels, network.targets),
        calls=_packed(network.call_from, network.callees, network.returns),
        finals=network.finals,
        tags=network.tag_numbers,
        semantic_tags=[_tag_fields(tag) for tag in network.semantic_tags],
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
        tag_numbers=file.tags,
        semantic_tags=[_KINDS[name](**fields) for name, fields in file.semantic_tags],
        start=file.start,
        body=file.body,
        sentences=file.sentences,
        clauses=file.clauses,
    )


def _tag_fields(tag: Any) -> tuple[str, dict[str, Any]]:
    fields = {name: getattr(tag, name) for name in type(tag).__slots__}
    for value in fields.values():
        _require_plain(value)
    return _NAMES[type(tag)], fields


def _require_plain(value: Any) -> None:
    """Raise TypeError for a value that would be loaded as another type, such as a date."""
    if isinstance(value, dict):
        for key, each in value.items():
            _require_plain(key)
            _require_plain(each)
    elif isinstance(value, list):
        for each in value:
            _require_plain(each)
    elif type(value) not in _PLAIN:
        raise TypeError(f"{value!r} is not plain data")


def _packed(one: array[int], two: array[int], three: array[int]) -> tuple[bytes, bytes, bytes]:
    return _bytes(one), _bytes(two), _bytes(three)


def _bytes(numbers: array[int]) -> bytes:
    return _little_endian(numbers).tobytes()


def _unpacked(data: bytes) -> array[int]:
    return _little_endian(array("i", data))


def _little_endian(numbers: array[int]) -> array[int]:
    if sys.byteorder == "little":
        return numbers
    numbers = numbers[:]
    numbers.byteswap()
    return numbers
