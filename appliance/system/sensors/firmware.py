"""The firmware of a Raspberry Pi: its mailbox, and its bits on how the board is fed and cooled.

The protocol is that of vcgencmd.c in raspberrypi/utils: a property message with the tag GENCMD.
"""

from __future__ import annotations

import fcntl
import functools
import os
import re
import struct
from typing import TYPE_CHECKING

from appliance.system.sensors.sysfs import text

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

MAILBOX = "dev/vcio"
IOCTL = 0xC008_6400
"""_IOWR(100, 0, char *), with pointers of eight bytes."""

GENCMD, ANSWERED = 0x0003_0080, 0x8000_0000
ROOM = 1024
"""Bytes for a question or its answer."""

HEAD = struct.Struct("<6I")
"""Size of all, request or answer, tag, room, length, error."""

UNDER_VOLTAGE, CAPPED, THROTTLED, SOFT_LIMIT = 0x1, 0x2, 0x4, 0x8
"""Of the firmware's bits, those of now: the supply is too low, the clock is capped for it, the
clock is throttled, the soft temperature limit is reached."""

SLOWED = CAPPED | THROTTLED | SOFT_LIMIT

SINCE_BOOT = 16
"""The same bits shifted by it say that it was so at some time; the kernel may clear them."""


def bits(root: Path) -> int | None:
    """What `vcgencmd get_throttled` says; None on another board, or without the right to ask."""
    file = _file(root)
    held = text(file) if file else (asked(root, "get_throttled") or "").partition("=")[2]
    try:
        return int(held, 16) if held else None
    except ValueError:
        return None


def asked(root: Path, question: str) -> str | None:
    """The firmware's answer; None where there is none, or we may not ask."""
    try:
        mailbox = os.open(root / MAILBOX, os.O_RDWR | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        return ask(question, lambda message: fcntl.ioctl(mailbox, IOCTL, message))
    except OSError:
        return None
    finally:
        os.close(mailbox)


def ask(question: str, exchange: Callable[[bytearray], object]) -> str:
    """What the firmware answers; `exchange` puts its answer into the message. OSError if none."""
    message = bytearray(HEAD.size + ROOM + 4)
    HEAD.pack_into(message, 0, len(message), 0, GENCMD, ROOM, 0, 0)
    message[HEAD.size : HEAD.size + len(question)] = question.encode()
    exchange(message)
    _, code, _, _, _, error = HEAD.unpack_from(message)
    if code != ANSWERED or error:
        raise OSError(error, "the firmware does not answer")
    answer = message[HEAD.size : HEAD.size + ROOM].partition(b"\0")[0]
    # What it does not know is refused in words: error=1 error_msg="Command not registered"
    return "" if re.match(rb"error=\d", answer) else answer.decode("ascii", "replace")


@functools.lru_cache(maxsize=16)
def _file(root: Path) -> Path | None:
    """Where the kernel shows the bits: the folder differs from board to board.

    Looked for once: /sys/devices/platform is large, and the file does not move.
    """
    platform = root / "sys/devices/platform"
    for pattern in ("*/get_throttled", "*/*/get_throttled", "*/*/*/get_throttled"):
        for path in sorted(platform.glob(pattern)):
            return path
    return None
