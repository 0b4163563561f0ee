"""Which addresses are this machine or the local network."""

from __future__ import annotations

import ipaddress

LOCAL = tuple(
    ipaddress.ip_network(network)
    for network in (
        *("127.0.0.0/8", "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "169.254.0.0/16"),
        *("::1/128", "fc00::/7", "fe80::/10"),
    )
)
"""The networks of IPAddressAllow= in systemd/appliance.service; `localhost` is two of them."""


def is_local(address: str) -> bool:
    """Whether an IP address is in one of them; whatever is no address is not."""
    found = _read(address)
    return found is not None and any(
        found in network for network in LOCAL if network.version == found.version
    )


def is_loopback(address: str) -> bool:
    """Whether only this machine can reach it."""
    found = _read(address)
    return found is not None and found.is_loopback


def _read(address: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        found = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return None
    if isinstance(found, ipaddress.IPv6Address) and found.ipv4_mapped is not None:
        return found.ipv4_mapped
    return found
