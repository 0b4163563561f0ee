"""Asks systemd about the service: its IP rules and its traffic."""

from __future__ import annotations

import ipaddress
import re
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from appliance.system import local_addresses

if TYPE_CHECKING:
    from collections.abc import Mapping

SERVICE = "appliance.service"

PROPERTIES = (
    *("LoadState", "IPAddressAllow", "IPAddressDeny", "RestrictAddressFamilies"),
    *("IPIngressBytes", "IPEgressBytes", "IPIngressPackets", "IPEgressPackets"),
)

TIMEOUT_S = 5.0

UNKNOWN_COUNT = 2**64 - 1
"""Value that older versions of systemd show without accounting; newer ones show `[no data]`."""

Network = ipaddress.IPv4Network | ipaddress.IPv6Network


@dataclass(frozen=True, slots=True)
class UnitRules:
    """The IP rules of a unit, and its traffic."""

    allowed: tuple[Network, ...]
    denied: tuple[Network, ...]
    families: tuple[str, ...]
    """Address families that it may use, if they are restricted."""
    sent_bytes: int | None
    received_bytes: int | None
    """Bytes of all its processes, since its start; None without accounting."""

    @property
    def deny_the_rest(self) -> bool:
        """Whether everything that is not allowed is denied, for IPv4 and IPv6."""
        return {network.version for network in self.denied if network.prefixlen == 0} == {4, 6}

    def allow(self, address: str) -> bool:
        """Whether packets to and from an address pass."""
        found = local_addresses.parse(address)
        if found is None:
            return False
        return any(found in one for one in self.allowed if one.version == found.version) or not any(
            found in one for one in self.denied if one.version == found.version
        )


def service_of(pid: int, root: Path = Path("/")) -> str | None:
    """The systemd service of a process; None if it does not belong to one."""
    try:
        groups = (root / f"proc/{pid}/cgroup").read_text(encoding="utf-8")
    except OSError:
        return None
    found = re.findall(r"/([^/\n]+\.service)$", groups, re.MULTILINE)
    return found[0] if found else None


def rules(unit: str = SERVICE) -> UnitRules | None:
    """The current rules of a unit; None without systemd, or if there is no such unit."""
    command = ["systemctl", "show", unit, *(f"--property={name}" for name in PROPERTIES)]
    try:
        done = subprocess.run(  # noqa: S603 - a fixed command
            command, capture_output=True, text=True, timeout=TIMEOUT_S, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    if done.returncode != 0:
        return None
    properties = dict(line.partition("=")[::2] for line in done.stdout.splitlines())
    return None if properties.get("LoadState") != "loaded" else read(properties)


def reload() -> None:
    """Run `systemctl daemon-reload`: a running service gets the new rules at once.

    Raises:
        OSError: there is no systemd, or it failed.

    """
    command = ["systemctl", "daemon-reload"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)  # noqa: S603
    if done.returncode != 0:
        raise OSError(done.stderr.strip() or "systemctl daemon-reload failed")


def read(properties: Mapping[str, str]) -> UnitRules:
    """Parse the properties of a unit that `systemctl show` prints."""
    return UnitRules(
        allowed=_networks(properties.get("IPAddressAllow", "")),
        denied=_networks(properties.get("IPAddressDeny", "")),
        families=tuple(sorted(properties.get("RestrictAddressFamilies", "").split())),
        sent_bytes=_count(properties.get("IPEgressBytes", "")),
        received_bytes=_count(properties.get("IPIngressBytes", "")),
    )


def are_enforced(root: Path = Path("/")) -> bool:
    """Whether the kernel can enforce the rules, which requires cgroup version 2."""
    return (root / "sys/fs/cgroup/cgroup.controllers").exists()


def _networks(shown: str) -> tuple[Network, ...]:
    return tuple(ipaddress.ip_network(word, strict=False) for word in shown.split())


def _count(shown: str) -> int | None:
    return int(shown) if shown.isdecimal() and int(shown) != UNKNOWN_COUNT else None
