"""A server lets clients in within its limits, and waits if none can be accepted."""

from __future__ import annotations

import errno
import socket
import threading
from types import SimpleNamespace
from typing import Any, cast

import pytest

from appliance.config import WyomingSettings
from appliance.wyoming_server import connection_server
from appliance.wyoming_server.connection_server import ConnectionServer


class LastingConnection:
    """A connection that lasts until it is closed."""

    def __init__(self) -> None:
        self._over = threading.Event()

    def run(self) -> None:
        self._over.wait(10.0)

    def close(self) -> None:
        self._over.set()


class CountingServer(ConnectionServer[LastingConnection]):
    """Counts the clients that it refuses."""

    refused = 0

    def connection_of(self, _stream: socket.socket) -> LastingConnection:
        return LastingConnection()

    def refuse(self, _stream: socket.socket) -> None:
        self.refused += 1


@pytest.fixture
def server() -> CountingServer:
    return CountingServer("wyoming", WyomingSettings(listen="127.0.0.1:0"), 2)


def test_one_client_too_many_is_refused_and_a_stop_ends_the_others(server: CountingServer) -> None:
    server.start()
    listening = server._listening
    assert listening is not None
    clients = [socket.create_connection(listening.getsockname()) for _ in range(3)]
    for _ in clients:
        server.turn()
    assert server.refused == 1
    server.stop()
    for client in clients:
        client.settimeout(5.0)
        assert client.recv(1) == b""
        client.close()


def test_a_server_without_a_free_file_waits_and_does_not_spin(
    server: CountingServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    def accept() -> None:
        raise OSError(errno.EMFILE, "too many open files")

    waited: list[float] = []
    monkeypatch.setattr(connection_server, "time", SimpleNamespace(sleep=waited.append))
    cast("Any", server)._listening = SimpleNamespace(accept=accept)
    server.turn()
    assert waited == [connection_server.POLL_S]
