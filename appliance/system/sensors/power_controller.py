"""A Raspberry Pi 5's power controller, asked through the firmware's mailbox, as `vcgencmd` does.

The protocol is that of vcgencmd.c in raspberrypi/utils: a property message with the tag GENCMD.
"""

from __future__ import annotations

import fcntl
import os
import re
import struct
from typing import TYPE_CHECKING

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

QUESTION = "pmic_read_adc"

LINE = re.compile(r"^\s*(\w+?)_([AV]) (?:current|volt)\(\d+\)=(\d+\.\d+)[AV]$", re.MULTILINE)


def watts(root: Path) -> float | None:
    """What the board's own rails draw; None where there is no such controller, or no right to ask.

    Without what USB devices and boards on the pins draw from 5 V, and the controller's own loss.
    """
    try:
        mailbox = os.open(root / MAILBOX, os.O_RDWR | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        return rails_watts(ask(QUESTION, lambda message: fcntl.ioctl(mailbox, IOCTL, message)))
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
    return message[HEAD.size : HEAD.size + ROOM].partition(b"\0")[0].decode("ascii", "replace")


def rails_watts(answer: str) -> float | None:
    """The sum of volts times amperes over every rail that has both."""
    found = {(rail, unit): float(value) for rail, unit, value in LINE.findall(answer)}
    known = [
        amperes * found[rail, "V"]
        for (rail, unit), amperes in found.items()
        if unit == "A" and (rail, "V") in found
    ]
    return round(sum(known), 3) if known else None
