"""Checks of network connections: open sockets, traffic, and the systemd IP rules."""

from __future__ import annotations

import contextlib
import socket
from typing import TYPE_CHECKING

from appliance.config import MULTICAST_DNS_PORT
from appliance.doctor.check_result import CheckContext, CheckResult, error, not_here, ok, warning
from appliance.system import (
    local_addresses,
    memory_and_sockets,
    systemd_ip_allowlist,
    systemd_queries,
)

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator

    from appliance.config import Config
    from appliance.system.memory_and_sockets import Socket

NOT_RUNNING = "no appliance is running with this state directory"


def connections(context: CheckContext) -> Iterator[CheckResult]:
    """Whether the running appliance has a connection outside the local network."""
    opened = yield from _open_sockets(context, "offline")
    if opened is None:
        return
    problems = list(_outside_connections(context.config, opened))
    yield from problems
    if not problems:
        own = {one.local for one in opened}  # the two ends of a pipe, as some libraries make it
        others = {one.remote for one in opened if one.remote and one.remote not in own}
        peers = [f"{address}:{port}" for address, port in sorted(others)]
        peer_list = f"is connected to {', '.join(peers)}" if peers else "has no connection now"
        served = [_endpoint(one.local) for one in opened if _serves_clients(context.config, one)]
        clients = f"; clients that are allowed reach it on {', '.join(served)}" if served else ""
        what = f"pid {context.daemon} {peer_list}{clients}; nothing outside the local network"
        yield ok("offline", what)


def sockets(context: CheckContext) -> Iterator[CheckResult]:
    """Every open Internet socket of the running appliance, with its purpose."""
    opened = yield from _open_sockets(context, "sockets")
    if opened is None:
        return
    if not opened:
        yield ok("sockets", f"pid {context.daemon} has none open")
    for one in sorted(opened, key=lambda one: (one.listening, one.local)):
        here = _endpoint(one.local)
        if one.listening:
            clients = _serves_clients(context.config, one)
            expected = clients or local_addresses.is_loopback(one.local[0])
            whom = f" for the clients in {clients}.allow" if clients else ""
            yield (ok if expected else error)("sockets", f"listens on {here}{whom}")
        elif one.remote is None and _announces(context.config, one):
            yield ok("sockets", f"{here} answers multicast DNS; see wyoming.announce")
        elif one.remote is None:
            yield warning("sockets", f"{here} is not connected", "check again; it should be gone")
        else:
            yield _connection(context.config, one, one.remote, {each.local for each in opened})


def _connection(
    config: Config, one: Socket, remote: tuple[str, int], own: set[tuple[str, int]]
) -> CheckResult:
    """The peer of a connection."""
    ends = f"{_endpoint(one.local)} to {_endpoint(remote)}"
    if remote in _broker_addresses(config):
        return ok("sockets", f"{ends}, the broker")
    if _is_client(config, one):
        return ok("sockets", f"{ends}, a client that is allowed")
    if remote in own:
        return ok("sockets", f"{ends}, internal")
    report = warning if local_addresses.is_local(remote[0]) else error
    return report("sockets", f"{ends}, which is not the broker")


def traffic(context: CheckContext) -> Iterator[CheckResult]:
    """Bytes that the service has sent and received, counted by the kernel."""
    found = _unit_rules(context)
    if found is None:
        yield not_here("traffic", "not counted: not running as a systemd service")
    elif found.sent_bytes is None or found.received_bytes is None:
        yield not_here("traffic", "traffic accounting is off", "see IPAccounting= in the unit")
    else:
        sent, received = found.sent_bytes, found.received_bytes
        yield ok("traffic", f"{sent} bytes sent and {received} received since the service started")


def rules(context: CheckContext) -> Iterator[CheckResult]:
    """The addresses that systemd allows, and whether the kernel enforces this."""
    found = _unit_rules(context)
    if found is None:
        advice = "install it as a service: script/install"
        yield not_here("rules", "not restricted: not running as a systemd service", advice)
        return
    allowed = " ".join(map(str, found.allowed)) or "no address"
    if not found.deny_the_rest:
        yield error("rules", "it may connect to any address", "see IPAddressDeny= in the unit")
        return
    outside = [
        one for one in found.allowed if not local_addresses.is_local(str(one.network_address))
    ]
    if outside:
        networks = " ".join(map(str, outside))
        yield warning("rules", f"it may connect to addresses outside the local network: {networks}")
    yield from _allow_list_problems(context.config, found)
    if not systemd_queries.are_enforced(context.root):
        advice = "boot with cgroup version 2: systemd.unified_cgroup_hierarchy=1"
        yield warning("rules", "this kernel does not enforce the rules", advice)
    families = f"; address families {' '.join(found.families)}" if found.families else ""
    yield ok("rules", f"everything is denied except {allowed}{families}")


def _allow_list_problems(config: Config, found: systemd_queries.UnitRules) -> Iterator[CheckResult]:
    """Rules that do not fit the broker; the service derives them at each start."""
    is_an_address = systemd_ip_allowlist.drop_in(config.mqtt.host) is not None
    for client in config.clients:
        if not found.allow(client.partition("/")[0]):
            what = f"the clients at {client} are not let in"
            yield error("rules", what, "apply it to the rules: systemctl restart appliance")
    for address, port in sorted(_broker_addresses(config)):
        if not found.allow(address):
            what = f"connections to the broker {_endpoint((address, port))} are not allowed"
            if is_an_address:
                advice = "apply mqtt.host to the rules: systemctl restart appliance"
            else:
                advice = f"allow it: systemctl edit appliance, IPAddressAllow={address}"
            yield error("rules", what, advice)
    if is_an_address and set(local_addresses.LOCAL) <= set(found.allowed):
        what = "it may connect to all local networks, although mqtt.host is one address"
        advice = "run: systemctl restart appliance, or: sudo appliance network --apply"
        yield warning("rules", what, advice)


def _unit_rules(context: CheckContext) -> systemd_queries.UnitRules | None:
    """The rules of the running service, otherwise of the installed one."""
    if context.daemon:
        name = systemd_queries.service_of(context.daemon)
        return None if name is None else systemd_queries.rules(name)
    return systemd_queries.rules()


def _open_sockets(
    context: CheckContext, question: str
) -> Generator[CheckResult, None, list[Socket] | None]:
    """The sockets of the running appliance; None after an answer that says why not."""
    opened = memory_and_sockets.sockets(context.daemon) if context.daemon else None
    if context.daemon is None:
        yield not_here(question, NOT_RUNNING, "check again while it is running")
    elif opened is None:
        found = f"no permission to see the sockets of the running appliance (pid {context.daemon})"
        yield not_here(question, found, "run the check as root")
    return opened


def _outside_connections(config: Config, opened: list[Socket]) -> Iterator[CheckResult]:
    brokers = _broker_addresses(config)
    for one in opened:
        if one.remote is not None and not local_addresses.is_local(one.remote[0]):
            peer = _endpoint(one.remote)
            if _is_client(config, one):
                found = f"a client that is allowed, {peer}, is outside the local network"
                advice = "let in your own network only; see wyoming.allow and metrics.allow"
                yield warning("offline", found, advice)
            elif one.remote in brokers:
                found = f"the broker, {peer}, is outside the local network"
                yield warning("offline", found, "use a broker in your own network; see mqtt.host")
            else:
                found = f"the appliance is connected to {peer}, outside the local network"
                yield error("offline", found, "stop it, and report this as a bug")
        elif (
            one.listening
            and not local_addresses.is_loopback(one.local[0])
            and not _serves_clients(config, one)
        ):
            found = (
                f"the appliance listens on {_endpoint(one.local)}, which other machines can reach"
            )
            yield error("offline", found, "stop it, and report this as a bug")


def _serves_clients(config: Config, one: Socket) -> str | None:
    """The configuration table of the server that listens on this port; None if none does."""
    names = [name for name, server in config.servers.items() if server.is_port(one.local[1])]
    return names[0] if one.listening and names else None


def _announces(config: Config, one: Socket) -> bool:
    """Whether it is a socket of the Wyoming server's announcement."""
    wyoming = config.wyoming
    return bool(wyoming.listen and wyoming.announce) and one.local[1] == MULTICAST_DNS_PORT


def _is_client(config: Config, one: Socket) -> bool:
    """Whether its peer is an allowed client."""
    return one.remote is not None and any(
        server.is_port(one.local[1]) and local_addresses.is_allowed(one.remote[0], server.allow)
        for server in config.servers.values()
    )


def _endpoint(end: tuple[str, int]) -> str:
    address, port = end
    return f"[{address}]:{port}" if ":" in address else f"{address}:{port}"


def _broker_addresses(config: Config) -> set[tuple[str, int]]:
    with contextlib.suppress(OSError, UnicodeError):
        found = socket.getaddrinfo(config.broker_host, config.broker_port, type=socket.SOCK_STREAM)
        return {(str(address[0]), config.broker_port) for *_, address in found}
    return set()
