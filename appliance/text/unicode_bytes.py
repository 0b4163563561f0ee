"""Texts with single bytes in them: Whisper's tokens may end in the middle of a character.

A byte that is no whole character stands in a text as a lone surrogate, as Python's error handler
`surrogateescape` writes it (PEP 383): U+DC80 to U+DCFF for the bytes 80 to FF.
"""

from __future__ import annotations

import re
from functools import cache

LONGEST = 4
"""Bytes of a character in UTF-8."""

_FIRST, _LAST = "\udc80", "\udcff"
_BYTES = re.compile(f"[{_FIRST}-{_LAST}]")


def is_byte(char: str) -> bool:
    """Whether it stands for a byte."""
    return _FIRST <= char <= _LAST


def as_text(byte: int) -> str:
    """The character that stands for a byte from 80 to FF."""
    return chr(0xDC00 + byte)


def decoded(data: bytes) -> str:
    """A text that keeps the bytes of incomplete characters."""
    return data.decode("utf-8", "surrogateescape")


def joined(text: str) -> str:
    """`text` with bytes that make whole characters as those characters."""
    if text.isascii() or not _BYTES.search(text):
        return text
    return decoded(text.encode("utf-8", "surrogateescape"))


def without_bytes(text: str) -> str:
    """`text` without bytes that are no whole characters."""
    return text if text.isascii() else _BYTES.sub("", text)


def character_of(encoded: bytes) -> str | None:
    """The character that these bytes are; None if it is not complete or there is none."""
    try:
        return encoded.decode("utf-8")
    except UnicodeDecodeError:
        return None


@cache
def encodings(char: str) -> tuple[bytes, ...]:
    """The bytes of a character and of its capital."""
    return tuple(
        dict.fromkeys(
            each.encode("utf-8", "surrogateescape")
            for each in (char, char.upper())
            if len(each) == 1
        )
    )
