"""Whether the broker is there, and lets us in."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from appliance.doctor.check_result import CheckContext, CheckResult, error, not_here, ok, warning
from appliance.doctor.mqtt_handshake import NotMqtt, greet
from appliance.mqtt import connect_errors

if TYPE_CHECKING:
    from collections.abc import Iterator


def broker(place: CheckContext) -> Iterator[CheckResult]:
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
        yield error("broker", f"{where}: {connect_errors.explain_failure(known)}")
    else:
        yield _greeted(place, where, code, time.monotonic() - began)


def _nobody(place: CheckContext, where: str, failure: OSError) -> CheckResult:
    if place.config.mqtt.host or place.daemon is not None:
        return error("broker", f"{where}: {connect_errors.explain_failure(failure)}")
    found = f"none is configured; `appliance run` brings its own, for a trial, on {where}"
    return not_here("broker", found, "name yours in mqtt.host")


def _greeted(place: CheckContext, where: str, code: int, seconds: float) -> CheckResult:
    if code:
        reason = connect_errors.explain_refusal(code, f"reason code 0x{code:02x}")
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
