"""An embedded broker on loopback, for an owner who has none yet: it keeps nothing."""

from __future__ import annotations

import contextlib
import logging
import socket
import tempfile
from pathlib import Path
from typing import Self

from iotcore import Broker

from appliance.errors import BrokerError

logger = logging.getLogger(__name__)

LOOPBACK = "127.0.0.1"

MARGIN_BYTES = 65_536
"""Maximum size of a packet besides its payload, in bytes."""

# Its own default is MQTT 3.1.1 alone, on every address, with payloads of 20 KB. Only a file
# can say otherwise.
SETTINGS = """
id = 0
[router]
id = 0
max_connections = 100
max_outgoing_packet_count = 200
max_segment_size = {segment}
max_segment_count = 10
[v5.1]
name = "appliance"
listen = "{address}:{port}"
next_connection_delay_ms = 1
[v5.1.connections]
connection_timeout_ms = 10000
max_payload_size = {payload}
max_inflight_count = 100
dynamic_filters = true
"""


class EmbeddedBroker:
    """MQTT 5 on loopback, in a child process that dies with us; it keeps nothing on disk.

    Good for a trial. It forgets sessions and retained messages when it stops, so a house
    that relies on its appliance has a broker of its own.
    """

    def __init__(self, port: int, maximum_payload: int) -> None:
        self._port = port
        self._maximum_payload = maximum_payload
        self._broker: Broker | None = None

    def start(self) -> None:
        """Listen; BrokerError when the port is taken or the broker does not come up."""
        logger.warning(
            "mqtt.host names no broker: an embedded one listens on %s:%d, for a first try; it "
            "forgets everything when it stops",
            LOOPBACK,
            self._port,
        )
        payload = 2 * self._maximum_payload + MARGIN_BYTES
        settings = SETTINGS.format(
            address=LOOPBACK,
            port=self._port,
            payload=payload,
            segment=max(10_485_760, 4 * payload),
        )
        _check_port(self._port)
        with tempfile.TemporaryDirectory(prefix="appliance-broker-") as directory:
            path = Path(directory) / "broker.toml"
            path.write_text(settings, encoding="utf-8")
            try:
                broker = Broker(config_path=str(path))
                broker.start()
            except OSError as error:
                raise _in_use(self._port) from error
            except (RuntimeError, ValueError) as error:
                message = f"the embedded broker does not start: {error}; name yours in mqtt.host"
                raise BrokerError(message) from error
        self._broker = broker

    def running(self) -> bool:
        """Whether it still serves."""
        return self._broker is not None and bool(self._broker.is_running)

    def exit_status(self) -> int | None:
        """1 if it has died: the daemon ends with it."""
        if self.running():
            return None
        logger.critical("the embedded broker died")
        return 1

    def stop(self) -> None:
        """Free the port; may be called twice."""
        if self._broker is not None:
            # The child has inherited our blocked SIGTERM and would not hear it: after a
            # short wait it is killed. It has nothing to save.
            self._broker.stop(timeout=0.1)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()


def _check_port(port: int) -> None:
    """Refuse a port that somebody listens on, also one who listens on every address."""
    with contextlib.suppress(OSError), socket.create_connection((LOOPBACK, port), timeout=0.5):
        raise _in_use(port)


def _in_use(port: int) -> BrokerError:
    return BrokerError(
        f"port {port} is in use: if a broker listens there, name it in mqtt.host; "
        "otherwise choose another port in mqtt.embedded_port"
    )
