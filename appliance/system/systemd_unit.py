"""What systemd says of the service: the rules in force, and the bytes that it counted."""

from __future__ import annotations

import ipaddress
import re
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

OURS = "appliance.service"

ASKED = (
    *("LoadState", "IPAddressAllow", "IPAddressDeny", "RestrictAddressFamilies"),
    *("IPIngressBytes", "IPEgressBytes", "IPIngressPackets", "IPEgressPackets"),
)

PATIENCE = 5.0

UNKNOWN_COUNT = 2**64 - 1
"""What older systemd shows where nothing was counted; newer says `[no data]`."""

Network = ipaddress.IPv4Network | ipaddress.IPv6Network


@dataclass(frozen=True, slots=True)
class UnitRules:
    """Whom a unit may talk to, and how much it has."""

    allowed: tuple[Network, ...]
    denied: tuple[Network, ...]
    families: tuple[str, ...]
    """Families of addresses that it may use, where they are restricted."""
    sent_bytes: int | None
    received_bytes: int | None
    """Of all its processes, since it was started; None where nobody counts."""

    @property
    def deny_the_rest(self) -> bool:
        """Whether what is not allowed is denied, for both versions of IP."""
        return {network.version for network in self.denied if network.prefixlen == 0} == {4, 6}

    def allow(self, address: str) -> bool:
        """Whether packets to and from an address pass."""
        found = address_of(address)
        if found is None:
            return False
        return any(found in one for one in self.allowed if one.version == found.version) or not any(
            found in one for one in self.denied if one.version == found.version
        )


def address_of(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    """The address, without its interface, as version 4 where it stands for one; or None."""
    try:
        found = ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return None
    return getattr(found, "ipv4_mapped", None) or found


def of_process(pid: int, root: Path = Path("/")) -> str | None:
    """The service that a process belongs to; None where it was started by hand."""
    try:
        groups = (root / f"proc/{pid}/cgroup").read_text(encoding="utf-8")
    except OSError:
        return None
    found = re.findall(r"/([^/\n]+\.service)$", groups, re.MULTILINE)
    return found[0] if found else None


def rules(unit: str = OURS) -> UnitRules | None:
    """What is in force for a unit; None without systemd, or where it knows no such unit."""
    words = ["systemctl", "show", unit, *(f"--property={name}" for name in ASKED)]
    try:
        done = subprocess.run(  # noqa: S603 - the words are ours
            words, capture_output=True, text=True, timeout=PATIENCE, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    if done.returncode != 0:
        return None
    said = dict(line.partition("=")[::2] for line in done.stdout.splitlines())
    return None if said.get("LoadState") != "loaded" else read(said)


def reload() -> None:
    """Have systemd read its units anew; a service that runs, or starts, is held to them at once.

    Raises:
        OSError: there is no systemd, or it will not.

    """
    words = ["systemctl", "daemon-reload"]
    done = subprocess.run(words, capture_output=True, text=True, timeout=60, check=False)  # noqa: S603
    if done.returncode != 0:
        raise OSError(done.stderr.strip() or "systemctl daemon-reload failed")


def read(said: Mapping[str, str]) -> UnitRules:
    """The properties of a unit as `systemctl show` writes them."""
    return UnitRules(
        allowed=_networks(said.get("IPAddressAllow", "")),
        denied=_networks(said.get("IPAddressDeny", "")),
        families=tuple(sorted(said.get("RestrictAddressFamilies", "").split())),
        sent_bytes=_count(said.get("IPEgressBytes", "")),
        received_bytes=_count(said.get("IPIngressBytes", "")),
    )


def are_enforced(root: Path = Path("/")) -> bool:
    """Whether this machine can hold a service to its rules: that needs cgroup version 2."""
    return (root / "sys/fs/cgroup/cgroup.controllers").exists()


def _networks(shown: str) -> tuple[Network, ...]:
    return tuple(ipaddress.ip_network(word, strict=False) for word in shown.split())


def _count(shown: str) -> int | None:
    return int(shown) if shown.isdecimal() and int(shown) != UNKNOWN_COUNT else None
