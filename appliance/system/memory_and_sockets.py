"""Memory and network sockets of the appliance's processes (psutil)."""

from __future__ import annotations

import resource
import socket
from dataclasses import dataclass

import psutil

from appliance.system import local_addresses

MB = 1_000_000


@dataclass(frozen=True, slots=True)
class Socket:
    """One Internet socket of a process; `remote` is None if it is not connected."""

    local: tuple[str, int]
    remote: tuple[str, int] | None
    listening: bool


def resident_mb(pid: int | None = None) -> float | None:
    """Resident memory of a process (default: this one) and its descendants; None if unknown.

    A file that two of them map counts twice.
    """
    tree = _process_tree(pid)
    if tree is None:
        return None
    total = 0
    for process in tree:
        try:
            total += process.memory_info().rss
        except psutil.Error:  # it has just ended
            continue
    return round(total / MB, 1)


def peak_mb() -> float:
    """Peak resident memory of this process."""
    return round(1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / MB, 1)


def sockets(pid: int) -> list[Socket] | None:
    """The Internet sockets of a process and its descendants; None without permission."""
    tree = _process_tree(pid)
    if tree is None:
        return None
    found: list[Socket] = []
    for process in tree:
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


def descendant_runs(pid: int, module: str) -> bool | None:
    """Whether a descendant runs a Python module; None without permission."""
    tree = _process_tree(pid)
    if tree is None:
        return None
    for process in tree[1:]:
        try:
            if module in process.cmdline():
                return True
        except psutil.NoSuchProcess:
            continue
        except psutil.Error:
            return None
    return False


def _process_tree(pid: int | None) -> list[psutil.Process] | None:
    try:
        first = psutil.Process(pid)
        return [first, *first.children(recursive=True)]
    except (psutil.Error, OSError):
        return None


def own_addresses() -> list[str]:
    """The IPv4 addresses of the machine in the local network; loopback's if it has no other."""
    found = [
        one.address
        for interface in psutil.net_if_addrs().values()
        for one in interface
        if one.family is socket.AF_INET and local_addresses.is_local(one.address)
    ]
    outside = [one for one in found if not local_addresses.is_loopback(one)]
    return outside or found
