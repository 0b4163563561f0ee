"""How long a client may take for an event, and what is not its fault."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING

import pytest

from appliance.errors import WyomingError
from appliance.wyoming_server import client_socket
from appliance.wyoming_server.client_socket import FRAME_LIMIT_S, ClientSocket
from appliance.wyoming_server.incoming_events import SelectProgram

if TYPE_CHECKING:
    from collections.abc import Iterator

EVENT = b'{"type": "select-program", "data": {"name": "x"}}\n'


class SteppedClock:
    """Stands still unless it is moved."""

    def __init__(self) -> None:
        self.now = 0.0

    def monotonic(self) -> float:
        return self.now


class Connection:
    """Both ends of a connection over the loopback, and the clock of the limits."""

    def __init__(self, peer: socket.socket, client: ClientSocket, clock: SteppedClock) -> None:
        self.peer, self.client, self.clock = peer, client, clock


@pytest.fixture
def connection(monkeypatch: pytest.MonkeyPatch) -> Iterator[Connection]:
    clock = SteppedClock()
    monkeypatch.setattr(client_socket, "time", clock)
    with socket.create_server(("127.0.0.1", 0)) as server:
        peer = socket.create_connection(server.getsockname())
        stream, _ = server.accept()
    with peer, stream:
        yield Connection(peer, ClientSocket(stream, 1000, b""), clock)


def test_time_that_we_take_for_an_event_is_not_the_clients(connection: Connection) -> None:
    connection.peer.sendall(EVENT + EVENT[:20])
    assert connection.client.next_event() == SelectProgram(name="x")
    connection.clock.now += 3 * FRAME_LIMIT_S  # as speech that takes long to be made
    connection.client.check()
    connection.peer.sendall(EVENT[20:])
    assert connection.client.next_event() == SelectProgram(name="x")


def test_a_client_that_does_not_finish_its_event_is_disconnected(
    connection: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    connection.peer.sendall(EVENT[:20])
    poll = ClientSocket._poll

    def poll_and_wait(client: ClientSocket, seconds: float) -> bool:
        found = poll(client, 0.01 if seconds else 0.0)
        connection.clock.now += FRAME_LIMIT_S / 3
        return found

    monkeypatch.setattr(ClientSocket, "_poll", poll_and_wait)
    with pytest.raises(WyomingError, match="took longer"):
        connection.client.next_event()
