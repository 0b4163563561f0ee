"""Tests whether IP addresses belong to this machine or the local network."""

from __future__ import annotations

import ipaddress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

LOCAL = tuple(
    ipaddress.ip_network(network)
    for network in (
        *("127.0.0.0/8", "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "169.254.0.0/16"),
        *("::1/128", "fc00::/7", "fe80::/10"),
    )
)
"""The networks of IPAddressAllow= in systemd/appliance.service; `localhost` is two of them."""


def is_local(address: str) -> bool:
    """Whether a text is an IP address in one of the local networks."""
    found = parse(address)
    return found is not None and any(
        found in network for network in LOCAL if network.version == found.version
    )


def is_loopback(address: str) -> bool:
    """Whether only this machine can reach it."""
    found = parse(address)
    return found is not None and found.is_loopback


def is_allowed(address: str, networks: Sequence[str]) -> bool:
    """Whether an address belongs to this machine or to one of some networks."""
    found = parse(address)
    return found is not None and (
        found.is_loopback or any(found in ipaddress.ip_network(network) for network in networks)
    )


def source_of(address: str) -> str:
    """Who counts as one client: an address, or the /64 of an IPv6 one.

    Whoever has one address of such a network has all of them.
    """
    found = parse(address)
    if found is None or found.version == 4:  # noqa: PLR2004
        return address if found is None else str(found)
    return str(ipaddress.ip_network((found, 64), strict=False))


def parse(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    """The IP address in a text, without its interface; an IPv4-mapped address as IPv4."""
    try:
        found = ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return None
    return getattr(found, "ipv4_mapped", None) or found
