"""The HTTP server: what it lets in, what it refuses, and that nothing of a client is left."""

from __future__ import annotations

import http.client
import json
import socket
import ssl
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.free_port import free_port
from support.waiting import until

from appliance.config import HttpSettings
from appliance.errors import NeededError
from appliance.http_server import connection, limits
from appliance.http_server.server import HttpServer
from appliance.http_server.site import Receive, Scope, Send, Site
from appliance.system import local_addresses
from appliance.threads import Loop

MAXIMUM_BYTES = 1000


async def application(scope: Scope, receive: Receive, send: Send) -> None:
    """Answers with the number of bytes that it got."""
    if scope["path"] == "/broken":
        raise KeyError(scope["query_string"])
    count, more = 0, True
    while more:
        event = await receive()
        if event["type"] == "http.disconnect":
            raise EOFError
        count += len(event.get("body", b""))
        more = event.get("more_body", False)
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"%d" % count})


@pytest.fixture
def port() -> Iterator[int]:
    number = free_port()
    settings = HttpSettings(listen=f"127.0.0.1:{number}")
    site = Site(name="http", settings=settings, app=application, maximum_body_bytes=MAXIMUM_BYTES)
    with Loop("HTTP server", HttpServer([site])) as loop:
        assert loop.ready.wait(10)
        yield number
    assert loop.error is None


def ask(port: int, path: str = "/", body: bytes = b"") -> tuple[int, bytes]:
    client = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    client.request("POST", path, body)
    answer = client.getresponse()
    status, text = answer.status, answer.read()
    client.close()
    return status, text


def raw(port: int, block: bytes) -> bytes:
    """What comes back until the server ends the connection."""
    with socket.create_connection(("127.0.0.1", port), timeout=10) as client:
        client.sendall(block)
        received = b""
        while piece := client.recv(65536):
            received += piece
        return received


def test_a_request_within_the_limits_reaches_the_application(port: int) -> None:
    assert ask(port, body=b"x" * MAXIMUM_BYTES) == (200, b"%d" % MAXIMUM_BYTES)


def test_a_body_that_says_it_is_too_large_is_refused_before_it_is_sent(port: int) -> None:
    head = b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 2000000000\r\nconnection: close\r\n\r\n"
    assert raw(port, head).startswith(b"HTTP/1.1 413 ")


def test_a_body_in_pieces_is_refused_once_it_is_too_large(port: int) -> None:
    piece = b"200\r\n" + b"x" * 0x200 + b"\r\n"
    head = b"POST / HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\nconnection: close\r\n\r\n"
    assert raw(port, head + 4 * piece).startswith(b"HTTP/1.1 413 ")


def test_headers_that_are_too_large_are_refused(port: int) -> None:
    head = b"GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\nlong: " + b"x" * 20_000
    assert raw(port, head + b"\r\n\r\n").startswith(b"HTTP/1.1 431 ")


def test_a_header_that_does_not_end_is_refused(port: int) -> None:
    with socket.create_connection(("127.0.0.1", port), timeout=10) as client:
        client.sendall(b"GET / HTTP/1.1\r\n")
        for _ in range(limits.MAXIMUM_HEADER_BYTES // 1000 + 1):
            client.sendall(b"x" * 1000)
        assert client.recv(100).startswith(b"HTTP/1.1 400 ")


@pytest.mark.parametrize(
    "block",
    [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"GET / HTTP/1.1\r\nhost: x\r\ncontent-length: -1\r\n\r\n",
        b"GET / HTTP/1.1\r\nhost: x\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\n",
        b"NOT HTTP\r\n\r\n",
    ],
)
def test_what_is_not_http_is_refused(port: int, block: bytes) -> None:
    assert raw(port, block).startswith(b"HTTP/1.1 400 ")
    assert ask(port)[0] == 200


def test_an_error_of_the_application_is_answered_without_its_words(
    port: int, caplog: pytest.LogCaptureFixture
) -> None:
    status, text = ask(port, "/broken?a-word")
    assert status == 500
    assert "KeyError" in json.loads(text)["error"]["message"]
    assert "a-word" not in caplog.text + text.decode()


def test_a_body_that_comes_too_slowly_is_refused(
    port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "BODY_LIMIT_S", 0.1)
    head = b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 10\r\nconnection: close\r\n\r\nx"
    assert raw(port, head).startswith(b"HTTP/1.1 408 ")


@pytest.mark.parametrize("begun", [b"", b"GET / HT", b"GET / HTTP/1.1\r\nhost: x\r\n"])
def test_a_connection_without_a_whole_header_is_ended(
    begun: bytes, monkeypatch: pytest.MonkeyPatch, port: int
) -> None:
    monkeypatch.setattr(connection, "WATCH_S", 0.1)
    assert raw(port, begun) == b""


def test_more_connections_than_allowed_are_told_busy(port: int) -> None:
    address = ("127.0.0.1", port)
    held = [socket.create_connection(address) for _ in range(connection.MOST_CONNECTIONS)]
    assert raw(port, b"").startswith(b"HTTP/1.1 503 ")
    for one in held:
        one.close()
    until(lambda: ask(port)[0] == 200)


def test_the_body_of_an_answer_does_not_wait_for_the_acknowledgement_of_its_header(
    port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked, seen = connection.SiteConnections._may_enter, []

    def may_enter(self: connection.SiteConnections, client: socket.socket, address: str) -> bool:
        seen.append(client.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY))
        return asked(self, client, address)

    monkeypatch.setattr(connection.SiteConnections, "_may_enter", may_enter)
    assert ask(port)[0] == 200
    assert seen
    assert all(seen)


def test_an_address_in_use_is_said_at_the_start() -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        settings = HttpSettings(listen=f"127.0.0.1:{other.getsockname()[1]}")
        server = HttpServer([Site(name="http", settings=settings, app=application)])
        with pytest.raises(NeededError, match=r"http\.listen"):
            server.start()
        server.stop()


def test_a_certificate_that_is_not_there_is_said_at_the_start() -> None:
    settings = HttpSettings(listen=f"127.0.0.1:{free_port()}")
    site = Site(
        name="http",
        settings=settings,
        app=application,
        certificate_file="/nowhere/cert.pem",
        key_file="/nowhere/key.pem",
    )
    server = HttpServer([site])
    with pytest.raises(NeededError, match="certificate"):
        server.start()
    server.stop()


def test_a_client_that_leaves_in_the_middle_is_no_bug(
    port: int, caplog: pytest.LogCaptureFixture
) -> None:
    head = b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 10\r\n\r\nx"
    with socket.create_connection(("127.0.0.1", port)) as client:
        client.sendall(head)
    assert ask(port) == (200, b"0")
    assert caplog.text == ""


def test_all_bodies_together_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "BODIES_AT_ONCE", 2)
    number = free_port()
    site = Site(
        name="http",
        settings=HttpSettings(listen=f"127.0.0.1:{number}"),
        app=application,
        maximum_body_bytes=MAXIMUM_BYTES,
    )
    head = b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 1000\r\nconnection: close\r\n\r\n"
    address = ("127.0.0.1", number)
    with Loop("HTTP server", HttpServer([site])) as loop:
        assert loop.ready.wait(10)
        held = [socket.create_connection(address) for _ in range(2)]
        for one in held:
            one.sendall(head + b"x" * 999)
        until(lambda: raw(number, head + b"x" * 1000).startswith(b"HTTP/1.1 503 "))
        for one in held:
            one.sendall(b"x")
            assert one.recv(100).startswith(b"HTTP/1.1 200 ")
            one.close()
        until(lambda: ask(number, body=b"x" * 1000)[0] == 200)


@pytest.fixture
def tls_port(tmp_path: Path) -> Iterator[int]:
    number, certificate, key = free_port(), tmp_path / "cert.pem", tmp_path / "key.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
         "-nodes", "-keyout", key, "-out", certificate, "-days", "2", "-subj", "/CN=localhost"],
        check=True, capture_output=True,
    )  # fmt: skip
    site = Site(
        name="http",
        settings=HttpSettings(listen=f"127.0.0.1:{number}"),
        app=application,
        certificate_file=str(certificate),
        key_file=str(key),
    )
    with Loop("HTTP server", HttpServer([site])) as loop:
        assert loop.ready.wait(10)
        yield number


def over_tls(port: int) -> bytes:
    """The beginning of the answer; b"" if the connection is refused."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    try:
        with (
            socket.create_connection(("127.0.0.1", port), timeout=10) as plain,
            context.wrap_socket(plain) as client,
        ):
            client.sendall(b"GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n")
            return client.recv(100)
    except OSError:
        return b""


def test_clients_without_a_tls_handshake_are_counted_and_ended(
    tls_port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection, "HANDSHAKE_S", 0.5)
    address = ("127.0.0.1", tls_port)
    assert over_tls(tls_port).startswith(b"HTTP/1.1 200 ")
    most = connection.MOST_CONNECTIONS
    held = [socket.create_connection(address, timeout=10) for _ in range(most + 8)]
    # Those that are over the limit are refused at once, all others after the handshake's time.
    assert all(one.recv(1) == b"" for one in held)
    until(lambda: over_tls(tls_port).startswith(b"HTTP/1.1 200 "))
    for one in held:
        one.close()


def test_one_address_beyond_this_machine_leaves_room_for_others(
    port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(local_addresses, "is_loopback", lambda _: False)
    address = ("127.0.0.1", port)
    held = [socket.create_connection(address) for _ in range(connection.MOST_OF_ONE_ADDRESS)]
    assert raw(port, b"").startswith(b"HTTP/1.1 503 ")
    with socket.create_connection(address, source_address=("127.0.0.2", 0), timeout=10) as other:
        other.sendall(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n")
        assert other.recv(100).startswith(b"HTTP/1.1 200 ")
    for one in held:
        one.close()


def test_a_client_that_is_not_allowed_is_turned_away_before_anything_is_read(
    port: int, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(local_addresses, "is_allowed", lambda *_: False)
    assert raw(port, b"") == b""
    assert raw(port, b"") == b""
    assert caplog.text.count("was turned away") == 1
