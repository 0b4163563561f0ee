"""Notifies systemd (sd_notify) about start, status, watchdog and stop."""

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
    """Reports the service's state to systemd; without systemd every call does nothing.

    No call raises or blocks: the service must not fail because systemd is busy.
    """

    def __init__(
        self,
        environment: Mapping[str, str] = os.environ,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._address = _address(environment.get("NOTIFY_SOCKET", ""))
        self._clock = clock
        self._status = ""
        self._beat_at: float | None = None
        self.beat_every_s = _beat_every_s(environment)
        """Seconds between two beats: half of the watchdog's limit; None without a watchdog."""

    def ready(self, status: str) -> None:
        """The service has started, or has finished a reload."""
        self._status = status
        self._send(f"READY=1\nSTATUS={_one_line(status)}")

    def status(self, status: str) -> None:
        """One line for `systemctl status`; a repeated line is not sent."""
        if status != self._status:
            self._status = status
            self._send(f"STATUS={_one_line(status)}")

    def beat(self) -> None:
        """Call this often while every part is alive; the watchdog message is sent when due."""
        now = self._clock()
        if self.beat_every_s is None or (
            self._beat_at is not None and now - self._beat_at < self.beat_every_s
        ):
            return
        self._beat_at = now
        self._send("WATCHDOG=1")

    def reloading(self) -> None:
        """A reload has begun; `ready` ends it."""
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
            logger.debug("could not send %r to systemd: %s", state, error)


def _address(named: str) -> bytes | None:
    """A path, or after @ a name in Linux's abstract socket namespace."""
    if named.startswith("@"):
        return b"\0" + os.fsencode(named[1:])
    return os.fsencode(named) if named.startswith("/") else None


def _beat_every_s(environment: Mapping[str, str]) -> float | None:
    """Half of WATCHDOG_USEC, unless it is for another process."""
    try:
        microseconds = int(environment.get("WATCHDOG_USEC", "0"))
        meant_for = int(environment.get("WATCHDOG_PID", os.getpid()))
    except ValueError:
        return None
    return microseconds / 2_000_000 if microseconds > 0 and meant_for == os.getpid() else None


def _one_line(status: str) -> str:
    """The status without line feeds, which would begin another assignment."""
    return " ".join(status.split())
