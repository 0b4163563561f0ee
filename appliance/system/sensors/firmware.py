"""Asks the firmware of a Raspberry Pi: a mailbox for commands, and its throttling bits.

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

GENCMD, RESPONSE_OK = 0x0003_0080, 0x8000_0000
BUFFER_BYTES = 1024
"""Bytes for a command or its reply."""

HEADER = struct.Struct("<6I")
"""Total size, code, tag, buffer size, length, error."""

UNDER_VOLTAGE, CAPPED, THROTTLED, SOFT_LIMIT = 0x1, 0x2, 0x4, 0x8
"""Bits of the current state: the voltage is too low, the clock is capped for it, the clock is
throttled, the soft temperature limit is reached."""

SLOWED = CAPPED | THROTTLED | SOFT_LIMIT

SINCE_BOOT = 16
"""Shift of the bits for "at some time since boot". The kernel may clear those."""


def bits(root: Path) -> int | None:
    """The bits of `vcgencmd get_throttled`; None on another board or without permission."""
    file = _file(root)
    content = text(file) if file else (query(root, "get_throttled") or "").partition("=")[2]
    try:
        return int(content, 16) if content else None
    except ValueError:
        return None


def query(root: Path, command: str) -> str | None:
    """The firmware's reply to a command; None on another board or without permission."""
    try:
        mailbox = os.open(root / MAILBOX, os.O_RDWR | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        return send_command(command, lambda message: fcntl.ioctl(mailbox, IOCTL, message))
    except OSError:
        return None
    finally:
        os.close(mailbox)


def send_command(command: str, exchange: Callable[[bytearray], object]) -> str:
    """The firmware's reply; `exchange` replaces the message by the reply.

    Raises:
        OSError: the firmware does not reply.

    """
    message = bytearray(HEADER.size + BUFFER_BYTES + 4)
    HEADER.pack_into(message, 0, len(message), 0, GENCMD, BUFFER_BYTES, 0, 0)
    message[HEADER.size : HEADER.size + len(command)] = command.encode()
    exchange(message)
    _, code, _, _, _, error = HEADER.unpack_from(message)
    if code != RESPONSE_OK or error:
        raise OSError(error, "the firmware does not answer")
    reply = message[HEADER.size : HEADER.size + BUFFER_BYTES].partition(b"\0")[0]
    # The reply to an unknown command is text: error=1 error_msg="Command not registered"
    return "" if re.match(rb"error=\d", reply) else reply.decode("ascii", "replace")


@functools.lru_cache(maxsize=16)
def _file(root: Path) -> Path | None:
    """The kernel's file with the bits; its folder differs from board to board.

    Searched for once: /sys/devices/platform is large, and the file does not move.
    """
    platform = root / "sys/devices/platform"
    for pattern in ("*/get_throttled", "*/*/get_throttled", "*/*/*/get_throttled"):
        for path in sorted(platform.glob(pattern)):
            return path
    return None
