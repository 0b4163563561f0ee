"""Checks whether the broker is running and accepts the connection."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from appliance.doctor.check_result import CheckContext, CheckResult, error, not_here, ok, warning
from appliance.doctor.mqtt_handshake import NotMqtt, handshake
from appliance.mqtt import connect_errors

if TYPE_CHECKING:
    from collections.abc import Iterator


def broker(context: CheckContext) -> Iterator[CheckResult]:
    """Whether the broker accepts a connection with the configured login."""
    config = context.config
    address = f"{config.broker_host}:{config.broker_port}"
    began = time.monotonic()
    try:
        code = handshake(config)
    except (ConnectionRefusedError, TimeoutError) as failure:
        yield _unreachable(context, address, failure)
    except (NotMqtt, ConnectionResetError, BrokenPipeError) as failure:
        advice = "check mqtt.port, mqtt.version and whether this port requires TLS (mqtt.tls)"
        yield error("broker", f"{address}: {failure.strerror}", advice)
    except (OSError, UnicodeError) as failure:
        known = failure if isinstance(failure, OSError) else None
        yield error("broker", f"{address}: {connect_errors.explain_failure(known)}")
    else:
        yield _answered(context, address, code, time.monotonic() - began)


def _unreachable(context: CheckContext, address: str, failure: OSError) -> CheckResult:
    if context.config.mqtt.host or context.daemon is not None:
        return error("broker", f"{address}: {connect_errors.explain_failure(failure)}")
    found = f"not configured; `appliance run` starts an embedded broker for a demo on {address}"
    return not_here("broker", found, "set mqtt.host to your broker")


def _answered(context: CheckContext, address: str, code: int, seconds: float) -> CheckResult:
    if code:
        reason = connect_errors.explain_refusal(code, f"reason code 0x{code:02x}")
        return error("broker", f"{address} refuses the connection: {reason}")
    config = context.config
    if not config.mqtt.host and context.daemon is None:
        found = f"not configured, but a broker answers on {address}, the embedded broker's address"
        advice = f"set mqtt.host = {config.broker_host!r} to use it, or change mqtt.embedded_port"
        return warning("broker", found, advice)
    how = "TLS" if config.mqtt.tls else "no TLS"
    who = f"as {config.mqtt.username}" if config.mqtt.username else "without a login"
    version = config.mqtt.version
    took_ms = 1000 * seconds
    return ok(
        "broker", f"{address} accepts the connection {who}, MQTT {version}, {how}, {took_ms:.0f} ms"
    )
