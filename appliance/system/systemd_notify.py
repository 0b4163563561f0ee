"""What systemd wants to hear from a service: one datagram socket, and no library."""

from __future__ import annotations

import logging
import os
import socket
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

logger = logging.getLogger(__name__)


class SystemdNotifier:
    """Tells systemd how the service is; without systemd every call does nothing.

    No call raises or blocks: the service must not fail because its supervisor is busy.
    """

    def __init__(
        self,
        environment: Mapping[str, str] = os.environ,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._address = _address(environment.get("NOTIFY_SOCKET", ""))
        self._clock = clock
        self._status = ""
        self._beaten: float | None = None
        self.beat_every = _beat_every(environment)
        """Seconds between two beats: half of what the watchdog allows; None without one."""

    def ready(self, status: str) -> None:
        """The models are loaded and work is taken; also the end of a reload."""
        self._status = status
        self._send(f"READY=1\nSTATUS={_one_line(status)}")

    def status(self, status: str) -> None:
        """One line for `systemctl status`; the same line again is not sent."""
        if status != self._status:
            self._status = status
            self._send(f"STATUS={_one_line(status)}")

    def beat(self) -> None:
        """Call it often while every part is alive; it is sent when it is due."""
        now = self._clock()
        if self.beat_every is None or (
            self._beaten is not None and now - self._beaten < self.beat_every
        ):
            return
        self._beaten = now
        self._send("WATCHDOG=1")

    def reloading(self) -> None:
        """The configuration is read again; `ready` ends it."""
        microseconds = time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000
        self._send(f"RELOADING=1\nMONOTONIC_USEC={microseconds}")

    def extend(self, seconds: float) -> None:
        """Starting or stopping takes up to `seconds` more, from now."""
        self._send(f"EXTEND_TIMEOUT_USEC={int(seconds * 1_000_000)}")

    def stopping(self, status: str = "stopping") -> None:
        """The service has begun to stop."""
        self._send(f"STOPPING=1\nSTATUS={_one_line(status)}")

    def _send(self, state: str) -> None:
        if self._address is None:
            return
        kind = socket.SOCK_DGRAM | socket.SOCK_CLOEXEC | socket.SOCK_NONBLOCK
        try:
            with socket.socket(socket.AF_UNIX, kind) as notify:
                notify.sendto(state.encode(), self._address)
        except OSError as error:
            logger.debug("systemd could not be told %r: %s", state, error)


def _address(named: str) -> bytes | None:
    """A path, or with @ in front a name in Linux's abstract space."""
    if named.startswith("@"):
        return b"\0" + os.fsencode(named[1:])
    return os.fsencode(named) if named.startswith("/") else None


def _beat_every(environment: Mapping[str, str]) -> float | None:
    """Half of WATCHDOG_USEC, unless it is meant for another process."""
    try:
        microseconds = int(environment.get("WATCHDOG_USEC", "0"))
        meant_for = int(environment.get("WATCHDOG_PID", os.getpid()))
    except ValueError:
        return None
    return microseconds / 2_000_000 if microseconds > 0 and meant_for == os.getpid() else None


def _one_line(status: str) -> str:
    """A line feed would begin another assignment."""
    return " ".join(status.split())
