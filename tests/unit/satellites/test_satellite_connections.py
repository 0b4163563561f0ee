"""Connections to satellites that are none, or are not there."""

from __future__ import annotations

import socket
import threading
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
from support.waiting import until

from appliance.config import Config, WyomingSettings
from appliance.satellites import satellite_connections
from appliance.satellites.satellite_connections import SatelliteConnections

if TYPE_CHECKING:
    from collections.abc import Iterator

ANYTHING: Any = SimpleNamespace()


@pytest.fixture
def closing_server() -> Iterator[tuple[int, list[None]]]:
    """Accepts and ends every connection: its port, and an item for each."""
    accepted: list[None] = []
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            while True:
                try:
                    stream, _ = server.accept()
                except OSError:
                    return
                accepted.append(None)
                stream.close()

        thread = threading.Thread(target=serve)
        thread.start()
        yield server.getsockname()[1], accepted
        server.shutdown(socket.SHUT_RDWR)
        thread.join(5)


def test_a_satellite_that_ends_every_connection_is_logged_once_and_tried_ever_more_rarely(
    closing_server: tuple[int, list[None]],
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    port, accepted = closing_server
    waited: list[int] = []

    def delay_s(failures: int) -> float:
        waited.append(failures)
        return 0.01

    monkeypatch.setattr(satellite_connections, "RETRY", SimpleNamespace(delay_s=delay_s))
    settings = Config(wyoming=WyomingSettings(satellites=[f"127.0.0.1:{port}"]))
    services: Any = SimpleNamespace(config=settings)
    connections = SatelliteConnections(services, ANYTHING, ANYTHING)
    connections.start()
    until(lambda: len(accepted) >= 4, "four connections", 10)
    connections.stop()
    assert waited[:3] == [1, 2, 3]
    said = [record.message for record in caplog.records if "127.0.0.1" in record.message]
    assert len(said) == 1
    assert "satellite.allow" in said[0]
