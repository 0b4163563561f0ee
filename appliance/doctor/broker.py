"""Questions about the broker, and about who else is talked to."""

from __future__ import annotations

import contextlib
import socket
import time
from typing import TYPE_CHECKING

from appliance.doctor.answers import Answer, Place, error, not_here, ok, warning
from appliance.doctor.handshake import NotMqtt, greet
from appliance.messaging import reasons
from appliance.system import offline, processes

if TYPE_CHECKING:
    from collections.abc import Iterator

    from appliance.config import Config
    from appliance.system.processes import Socket


def broker(place: Place) -> Iterator[Answer]:
    """Whether the broker lets us in, with the configured login."""
    config = place.config
    where = f"{config.broker_host}:{config.broker_port}"
    began = time.monotonic()
    try:
        code = greet(config)
    except (ConnectionRefusedError, TimeoutError) as failure:
        yield _nobody(place, where, failure)
    except (NotMqtt, ConnectionResetError, BrokenPipeError) as failure:
        advice = "see mqtt.port, mqtt.version, and whether this port wants TLS (mqtt.tls)"
        yield error("broker", f"{where}: {failure.strerror}", advice)
    except (OSError, UnicodeError) as failure:
        known = failure if isinstance(failure, OSError) else None
        yield error("broker", f"{where}: {reasons.of_failure(known)}")
    else:
        yield _greeted(place, where, code, time.monotonic() - began)


def _nobody(place: Place, where: str, failure: OSError) -> Answer:
    if place.config.mqtt.host or place.daemon is not None:
        return error("broker", f"{where}: {reasons.of_failure(failure)}")
    found = f"none is configured; `appliance run` brings its own, for a trial, on {where}"
    return not_here("broker", found, "name yours in mqtt.host")


def _greeted(place: Place, where: str, code: int, seconds: float) -> Answer:
    if code:
        reason = reasons.of_refusal(code, f"reason code 0x{code:02x}")
        return error("broker", f"{where}: refuses us: {reason}")
    config = place.config
    if not config.mqtt.host and place.daemon is None:
        found = f"none is configured, but something answers on {where}, where ours would be"
        advice = f"set mqtt.host = {config.broker_host!r} to use it, or another mqtt.embedded_port"
        return warning("broker", found, advice)
    how = "TLS" if config.mqtt.tls else "no TLS"
    who = f"as {config.mqtt.username}" if config.mqtt.username else "without a login"
    version = config.mqtt.version
    return ok("broker", f"{where} lets us in {who}, MQTT {version}, {how}, {1000 * seconds:.0f} ms")


def nobody_outside(place: Place) -> Iterator[Answer]:
    """Whether the running appliance has to do with anybody but the broker."""
    if place.daemon is None:
        found = "the appliance does not run with this state directory"
        yield not_here("offline", found, "ask again while it runs")
        return
    opened = processes.sockets(place.daemon) if place.daemon else None
    if opened is None:
        found = f"the sockets of the running appliance (pid {place.daemon}) are hidden from us"
        yield not_here("offline", found, "ask again as root")
        return
    complaints = list(_complaints(place.config, opened))
    yield from complaints
    if not complaints:
        own = {one.local for one in opened}  # the two ends of a pipe, as some libraries make it
        others = {one.remote for one in opened if one.remote and one.remote not in own}
        peers = [f"{address}:{port}" for address, port in sorted(others)]
        talks = f"talks to {', '.join(peers)}" if peers else "talks to nobody just now"
        yield ok("offline", f"pid {place.daemon} {talks}; nobody beyond the local network")


def _complaints(config: Config, opened: list[Socket]) -> Iterator[Answer]:
    brokers = _addresses(config)
    for one in opened:
        if one.remote is not None and not offline.is_local(one.remote[0]):
            peer = f"{one.remote[0]}:{one.remote[1]}"
            if one.remote in brokers:
                found = f"the broker, {peer}, is beyond the local network"
                yield warning("offline", found, "use a broker of your own; see mqtt.host")
            else:
                found = f"the appliance is connected to {peer}, beyond the local network"
                yield error("offline", found, "stop it, and report this as a fault")
        elif one.listening and not offline.is_loopback(one.local[0]):
            found = f"the appliance listens on {one.local[0]}:{one.local[1]}, beyond this machine"
            yield error("offline", found, "stop it, and report this as a fault")


def _addresses(config: Config) -> set[tuple[str, int]]:
    with contextlib.suppress(OSError, UnicodeError):
        found = socket.getaddrinfo(config.broker_host, config.broker_port, type=socket.SOCK_STREAM)
        return {(str(address[0]), config.broker_port) for *_, address in found}
    return set()
