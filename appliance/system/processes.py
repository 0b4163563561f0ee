"""Processes of the appliance: their memory and their sockets; the only file that imports psutil."""

from __future__ import annotations

import resource
from dataclasses import dataclass

import psutil

MB = 1_000_000


@dataclass(frozen=True, slots=True)
class Socket:
    """One Internet socket of a process; `remote` is None where it is not connected."""

    local: tuple[str, int]
    remote: tuple[str, int] | None
    listening: bool


def resident_mb(pid: int | None = None) -> float | None:
    """Of a process (this one) and all below it, in RAM now; a file that two map counts twice."""
    family = _family(pid)
    if family is None:
        return None
    total = 0
    for process in family:
        try:
            total += process.memory_info().rss
        except psutil.Error:  # it ended while we looked
            continue
    return round(total / MB, 1)


def peak_mb() -> float:
    """The most that this process has had in RAM."""
    return round(1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / MB, 1)


def sockets(pid: int) -> list[Socket] | None:
    """The Internet sockets of a process and all below it; None where we may not look."""
    family = _family(pid)
    if family is None:
        return None
    found: list[Socket] = []
    for process in family:
        try:
            connections = process.net_connections(kind="inet")
        except psutil.NoSuchProcess:
            continue
        except (psutil.Error, OSError):
            return None
        for one in connections:
            local = (one.laddr.ip, one.laddr.port) if one.laddr else ("", 0)
            remote = (one.raddr.ip, one.raddr.port) if one.raddr else None
            found.append(Socket(local, remote, one.status == psutil.CONN_LISTEN))
    return found


def has_below(pid: int, module: str) -> bool | None:
    """Whether a process below runs a module of Python; None where we may not look."""
    family = _family(pid)
    if family is None:
        return None
    for process in family[1:]:
        try:
            if module in process.cmdline():
                return True
        except psutil.NoSuchProcess:
            continue
        except psutil.Error:
            return None
    return False


def _family(pid: int | None) -> list[psutil.Process] | None:
    try:
        first = psutil.Process(pid)
        return [first, *first.children(recursive=True)]
    except (psutil.Error, OSError):
        return None
