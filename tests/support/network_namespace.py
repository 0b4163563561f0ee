"""A network of two: the appliance in one namespace, a broker in another, and a packet capture."""

from __future__ import annotations

import contextlib
import ctypes
import ipaddress
import os
import select
import socket
import subprocess
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import pytest

APPLIANCE, BROKER = "192.168.77.2", "192.168.77.1"
CLONE_NEWNET = 0x40000000
ETH_P_ALL, ETH_P_IP, ETH_P_IPV6, ETH_P_ARP = 0x0003, 0x0800, 0x86DD, 0x0806
TCP, UDP, ICMPV6 = 6, 17, 58
NEIGHBOURS = range(130, 144)
"""Types of ICMPv6 with which the kernel of every machine looks for its neighbours."""


@dataclass(frozen=True)
class Packet:
    """Who sent to whom; ports where there are some."""

    protocol: str
    source: str
    target: str
    ports: tuple[int, int] | None = None

    def is_with(self, address: str, port: int) -> bool:
        """Whether it belongs to a connection with that port of that address."""
        return (
            self.protocol == "tcp"
            and self.ports is not None
            and (address, port) in ((self.source, self.ports[0]), (self.target, self.ports[1]))
        )


class PacketCapture(threading.Thread):
    """Sees every packet of every interface of the namespace that it is made in."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self._socket = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(ETH_P_ALL))
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8 << 20)
        self._over = threading.Event()
        self.packets: list[Packet] = []

    def run(self) -> None:
        while not self._over.is_set():
            if select.select([self._socket], [], [], 0.1)[0]:
                content, (_, protocol, *_) = self._socket.recvfrom(65536)
                self.packets.append(read_packet(protocol, content))

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self.join()
        self._socket.close()


def read_packet(protocol: int, content: bytes) -> Packet:
    """A packet as it came, from its network header on."""
    if protocol == ETH_P_IP:
        length, kind = 4 * (content[0] & 0x0F), content[9]
        addresses = (content[12:16], content[16:20])
    elif protocol == ETH_P_IPV6:
        length, kind = 40, content[6]
        addresses = (content[8:24], content[24:40])
    else:
        return Packet("arp" if protocol == ETH_P_ARP else f"ethernet {protocol:#06x}", "", "")
    source, target = (str(ipaddress.ip_address(raw)) for raw in addresses)
    inside = content[length:]
    if kind in (TCP, UDP):
        ports = (int.from_bytes(inside[:2], "big"), int.from_bytes(inside[2:4], "big"))
        return Packet("tcp" if kind == TCP else "udp", source, target, ports)
    # The kernel's multicast reports have a header of options before the message itself.
    message = inside[8] if kind == 0 and len(inside) > 8 else inside[0] if inside else -1
    if protocol == ETH_P_IPV6 and kind in (0, ICMPV6) and message in NEIGHBOURS:
        return Packet("neighbours", source, target)
    return Packet(f"ip {kind}", source, target)


@contextlib.contextmanager
def network_of_two() -> Iterator[tuple[str, str]]:
    """The names of two namespaces, joined by a cable, with a way out at the broker's end.

    Whatever the appliance sends to anywhere goes onto the cable, where it can be seen.
    """
    if os.geteuid() != 0:
        pytest.skip("only root can make a network of its own")
    names = (f"appliance-{os.getpid()}", f"broker-{os.getpid()}")
    ends = ("cable0", "cable1")
    try:
        for name in names:
            _ip("netns", "add", name)
        _ip("-n", names[0], *("link", "add", ends[0], "type", "veth"), "peer", ends[1])
        _ip("-n", names[0], "link", "set", ends[1], "netns", names[1])
    except (OSError, subprocess.CalledProcessError) as failure:
        _forget(names)
        pytest.skip(f"this machine does not let root make a network of its own: {failure}")
    try:
        for name, end, address in zip(names, ends, (APPLIANCE, BROKER), strict=True):
            _ip("-n", name, "address", "add", f"{address}/24", "dev", end)
            for interface in ("lo", end):
                _ip("-n", name, "link", "set", interface, "up")
        _ip("-n", names[0], "route", "add", "default", "via", BROKER)
        yield names
    finally:
        _forget(names)


@contextlib.contextmanager
def inside(name: str) -> Iterator[None]:
    """This thread, and every process that it starts, is in the namespace meanwhile."""
    with Path("/proc/thread-self/ns/net").open("rb") as home:
        with Path("/run/netns", name).open("rb") as there:
            _enter(there.fileno())
        try:
            yield
        finally:
            _enter(home.fileno())


def _enter(descriptor: int) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.setns(descriptor, CLONE_NEWNET) != 0:
        raise OSError(ctypes.get_errno(), "setns")


def _ip(*words: str) -> None:
    subprocess.run(["ip", *words], check=True, capture_output=True, text=True)


def _forget(names: tuple[str, ...]) -> None:
    for name in names:
        with contextlib.suppress(OSError, subprocess.CalledProcessError):
            _ip("netns", "delete", name)
