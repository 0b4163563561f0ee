"""Questions about who is talked to: by the sockets, by the bytes, and by the rules."""

from __future__ import annotations

import contextlib
import socket
from typing import TYPE_CHECKING

from appliance.doctor.check_result import CheckContext, CheckResult, error, not_here, ok, warning
from appliance.system import ip_allowlist, local_addresses, processes, systemd_unit

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator

    from appliance.config import Config
    from appliance.system.processes import Socket

NOT_RUNNING = "the appliance does not run with this state directory"


def nobody_outside(place: CheckContext) -> Iterator[CheckResult]:
    """Whether the running appliance has to do with anybody but the broker."""
    opened = yield from _opened(place, "offline")
    if opened is None:
        return
    complaints = list(_complaints(place.config, opened))
    yield from complaints
    if not complaints:
        own = {one.local for one in opened}  # the two ends of a pipe, as some libraries make it
        others = {one.remote for one in opened if one.remote and one.remote not in own}
        peers = [f"{address}:{port}" for address, port in sorted(others)]
        talks = f"talks to {', '.join(peers)}" if peers else "talks to nobody just now"
        yield ok("offline", f"pid {place.daemon} {talks}; nobody beyond the local network")


def sockets(place: CheckContext) -> Iterator[CheckResult]:
    """Every Internet socket that the running appliance has open, and what it is for."""
    opened = yield from _opened(place, "sockets")
    if opened is None:
        return
    if not opened:
        yield ok("sockets", f"pid {place.daemon} has none open just now")
    brokers = _addresses(place.config)
    own = {one.local for one in opened}
    for one in sorted(opened, key=lambda one: (one.listening, one.local)):
        here = _shown(one.local)
        if one.listening:
            report = ok if local_addresses.is_loopback(one.local[0]) else error
            yield report("sockets", f"listens on {here}")
        elif one.remote is None:
            yield warning("sockets", f"{here} is not connected", "ask again; it should not stay")
        elif one.remote in brokers:
            yield ok("sockets", f"{here} to {_shown(one.remote)}, the broker")
        elif one.remote in own:
            yield ok("sockets", f"{here} to {_shown(one.remote)}, a pipe within the appliance")
        else:
            report = warning if local_addresses.is_local(one.remote[0]) else error
            yield report("sockets", f"{here} to {_shown(one.remote)}, which is not the broker")


def traffic(place: CheckContext) -> Iterator[CheckResult]:
    """How many bytes the service has sent and received, as the kernel counted them."""
    found = _rules(place)
    if found is None:
        yield not_here("traffic", "systemd counts it of a service, and this is none")
    elif found.sent_bytes is None or found.received_bytes is None:
        yield not_here("traffic", "nobody counted it", "see IPAccounting= in the unit")
    else:
        sent, received = found.sent_bytes, found.received_bytes
        yield ok("traffic", f"{sent} bytes sent and {received} received since the service started")


def rules(place: CheckContext) -> Iterator[CheckResult]:
    """Whom systemd lets the service talk to, and whether the kernel can hold it to that."""
    found = _rules(place)
    if found is None:
        advice = "install it as a service: script/install"
        yield not_here("rules", "no rules hold it, because it is no service of systemd", advice)
        return
    allowed = " ".join(map(str, found.allowed)) or "nobody"
    if not found.deny_the_rest:
        yield error("rules", "it may talk to anybody", "see IPAddressDeny= in the unit")
        return
    outside = [
        one for one in found.allowed if not local_addresses.is_local(str(one.network_address))
    ]
    if outside:
        networks = " ".join(map(str, outside))
        yield warning("rules", f"it may talk beyond the local network: {networks}")
    yield from _narrowed(place.config, found)
    if not systemd_unit.are_enforced(place.root):
        advice = "start the board with cgroup version 2: systemd.unified_cgroup_hierarchy=1"
        yield warning("rules", "this kernel does not hold it to them", advice)
    families = f"; families {' '.join(found.families)}" if found.families else ""
    yield ok("rules", f"denied but for {allowed}{families}")


def _narrowed(config: Config, found: systemd_unit.UnitRules) -> Iterator[CheckResult]:
    """Whether the rules are those of the broker: the service derives them at each start."""
    is_an_address = ip_allowlist.drop_in(config.mqtt.host) is not None
    for address, port in sorted(_addresses(config)):
        if not found.allow(address):
            what = f"the broker {_shown((address, port))} is not allowed"
            if is_an_address:
                advice = "have the rules follow mqtt.host: systemctl restart appliance"
            else:
                advice = f"allow it: systemctl edit appliance, IPAddressAllow={address}"
            yield error("rules", what, advice)
    if is_an_address and set(local_addresses.LOCAL) <= set(found.allowed):
        what = "it may talk to all local networks, though the broker is one address"
        advice = "systemctl restart appliance; else see: sudo appliance network --apply"
        yield warning("rules", what, advice)


def _rules(place: CheckContext) -> systemd_unit.UnitRules | None:
    """Of the service that runs, else of the one that is installed."""
    if place.daemon:
        name = systemd_unit.of_process(place.daemon)
        return None if name is None else systemd_unit.rules(name)
    return systemd_unit.rules()


def _opened(
    place: CheckContext, question: str
) -> Generator[CheckResult, None, list[Socket] | None]:
    """The sockets of the running appliance; an answer instead where nobody can say."""
    opened = processes.sockets(place.daemon) if place.daemon else None
    if place.daemon is None:
        yield not_here(question, NOT_RUNNING, "ask again while it runs")
    elif opened is None:
        found = f"the sockets of the running appliance (pid {place.daemon}) are hidden from us"
        yield not_here(question, found, "ask again as root")
    return opened


def _complaints(config: Config, opened: list[Socket]) -> Iterator[CheckResult]:
    brokers = _addresses(config)
    for one in opened:
        if one.remote is not None and not local_addresses.is_local(one.remote[0]):
            peer = _shown(one.remote)
            if one.remote in brokers:
                found = f"the broker, {peer}, is beyond the local network"
                yield warning("offline", found, "use a broker of your own; see mqtt.host")
            else:
                found = f"the appliance is connected to {peer}, beyond the local network"
                yield error("offline", found, "stop it, and report this as a fault")
        elif one.listening and not local_addresses.is_loopback(one.local[0]):
            found = f"the appliance listens on {_shown(one.local)}, beyond this machine"
            yield error("offline", found, "stop it, and report this as a fault")


def _shown(end: tuple[str, int]) -> str:
    address, port = end
    return f"[{address}]:{port}" if ":" in address else f"{address}:{port}"


def _addresses(config: Config) -> set[tuple[str, int]]:
    with contextlib.suppress(OSError, UnicodeError):
        found = socket.getaddrinfo(config.broker_host, config.broker_port, type=socket.SOCK_STREAM)
        return {(str(address[0]), config.broker_port) for *_, address in found}
    return set()
