"""Connecting: passwords, certificates, and brokers that misbehave."""

from __future__ import annotations

import contextlib
import gc
import socket
import threading
from typing import TYPE_CHECKING

import pytest
from support.free_port import free_port
from support.mosquitto import Certificates, Mosquitto
from support.mqtt_client import MqttClient
from support.mqtt_stack import ROOT, MqttStack, answer, settings
from support.waiting import until

from appliance.backoff import Backoff
from appliance.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path


HOME = "h0me"
CREDENTIAL = "mqtt.password"


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return Certificates.made(tmp_path_factory.mktemp("certificates"))


# paho leaves the socket of a failed handshake to the garbage collector.
pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")


@pytest.fixture(autouse=True)
def _collected() -> Iterator[None]:
    yield
    gc.collect()


def _written(path: Path, text: str) -> str:
    path.write_text(text)
    return str(path)


def _warned(caplog: pytest.LogCaptureFixture, words: str) -> None:
    until(lambda: words in caplog.text, f"not said: {words}; said: {caplog.text}")


def test_the_password_is_read_from_its_file_without_the_last_newline(tmp_path: Path) -> None:
    with Mosquitto(tmp_path / "broker", users={"voice": "s3cret", "home": HOME}) as broker:
        password = _written(tmp_path / "password", "s3cret\n")
        mqtt = settings(tmp_path, broker.port, username="voice", password_file=password)
        with (
            MqttClient(broker.port, f"{ROOT}/result", username="home", password=HOME) as reader,
            MqttStack(mqtt) as stack,
        ):
            stack.say("let in")
            assert answer(reader.next().payload)["text"] == "let in"


def test_a_wrong_password_is_logged_once_and_results_wait(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("appliance.mqtt.retry_policy.RECONNECT_SLOWLY", Backoff(0.1, 60.0, 0.5))
    with Mosquitto(tmp_path / "broker", users={"voice": "s3cret"}) as broker:
        password = _written(tmp_path / "password", "guess")
        mqtt = settings(tmp_path, broker.port, username="voice", password_file=password)
        with MqttStack(mqtt) as stack:
            stack.say("kept")
            until(lambda: broker.log().count("not authorised") >= 3, "it did not try again")
            assert caplog.text.count("mqtt.password_file") == 1
            assert "s3cret" not in caplog.text
            assert "guess" not in caplog.text
            assert stack.journal.counts.outbox.rows == 1
            assert not stack.link.connected


@pytest.mark.parametrize("version", ["5", "3.1.1"])
def test_a_refusal_of_either_protocol_version_is_explained_to_the_owner(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, version: str
) -> None:
    with (
        Mosquitto(tmp_path / "broker", users={"voice": "s3cret"}) as broker,
        MqttStack(settings(tmp_path, broker.port, version=version)),
    ):
        _warned(caplog, "see mqtt.username")


def test_a_missing_password_file_is_a_config_error(tmp_path: Path) -> None:
    mqtt = settings(tmp_path, 1883, username="voice", password_file=str(tmp_path / "absent"))
    with pytest.raises(ConfigError, match=r"mqtt\.password_file: .*absent: No such file"):
        MqttStack(mqtt)


def test_a_relative_password_file_may_be_a_systemd_credential(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _written(tmp_path / CREDENTIAL, "s3cret")
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))
    with Mosquitto(tmp_path / "broker", users={"voice": "s3cret"}) as broker:
        mqtt = settings(tmp_path, broker.port, username="voice", password_file=CREDENTIAL)
        with MqttStack(mqtt) as stack:
            until(lambda: stack.link.connected, "not let in")


def test_an_invalid_host_name_is_a_config_error(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"mqtt\.host"):
        MqttStack(settings(tmp_path, 1883, host="broker..lan"))


def test_results_are_sent_over_tls_with_an_authority_and_a_client_certificate(
    tmp_path: Path, certificates: Certificates
) -> None:
    with Mosquitto(tmp_path / "broker", tls=certificates, require_certificate=True) as broker:
        mqtt = settings(
            tmp_path,
            broker.port,
            tls=True,
            ca_file=str(certificates.authority),
            certificate_file=str(certificates.client[0]),
            key_file=str(certificates.client[1]),
        )
        with (
            MqttClient(broker.port, f"{ROOT}/result", tls=certificates) as reader,
            MqttStack(mqtt) as stack,
        ):
            stack.say("in secret")
            assert answer(reader.next().payload)["text"] == "in secret"


def test_a_broker_of_another_authority_is_not_trusted(
    tmp_path: Path, certificates: Certificates, caplog: pytest.LogCaptureFixture
) -> None:
    other = Certificates.made(tmp_path / "other")
    with Mosquitto(tmp_path / "broker", tls=certificates) as broker:
        mqtt = settings(tmp_path, broker.port, tls=True, ca_file=str(other.authority))
        with MqttStack(mqtt) as stack:
            _warned(caplog, "its certificate is not trusted")
            assert not stack.link.connected


def test_a_certificate_for_another_name_is_not_trusted(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    other = Certificates.made(tmp_path / "other", server_name="DNS:broker.example")
    with Mosquitto(tmp_path / "broker", tls=other) as broker:
        mqtt = settings(tmp_path, broker.port, tls=True, ca_file=str(other.authority))
        with MqttStack(mqtt) as stack:
            _warned(caplog, "whether mqtt.host is the name in the certificate")
            assert not stack.link.connected


def test_without_the_required_client_certificate_the_appliance_is_refused_and_does_not_crash(
    tmp_path: Path, certificates: Certificates, caplog: pytest.LogCaptureFixture
) -> None:
    with Mosquitto(tmp_path / "broker", tls=certificates, require_certificate=True) as broker:
        mqtt = settings(tmp_path, broker.port, tls=True, ca_file=str(certificates.authority))
        with MqttStack(mqtt) as stack:
            _warned(caplog, "no connection to the broker")
            assert not stack.link.connected


def test_all_invalid_tls_files_are_reported_in_one_config_error(
    tmp_path: Path, certificates: Certificates
) -> None:
    mqtt = settings(
        tmp_path,
        8883,
        tls=True,
        ca_file=_written(tmp_path / "ca.pem", "no certificate"),
        certificate_file=str(tmp_path / "absent.pem"),
        key_file=str(certificates.client[1]),
    )
    with pytest.raises(ConfigError) as caught:
        MqttStack(mqtt)
    assert len(caught.value.problems) == 2
    assert "mqtt.ca_file" in caught.value.problems[0]
    assert "mqtt.certificate_file" in caught.value.problems[1]


def test_a_refused_subscription_is_logged_and_results_are_still_sent(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    acl = f"topic readwrite {ROOT}/#\ntopic deny {ROOT}/request/#\n"
    with (
        Mosquitto(tmp_path / "broker", acl=acl) as broker,
        MqttClient(broker.port, f"{ROOT}/result") as reader,
        MqttStack(settings(tmp_path, broker.port)) as stack,
    ):
        stack.say("hello")
        assert answer(reader.next().payload)["text"] == "hello"
        assert stack.mqtt.health().connected


def test_two_appliances_with_the_same_client_id_log_that(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("appliance.mqtt.retry_policy.RECONNECT", Backoff(0.2, 30.0, 0.5))
    with (
        Mosquitto(tmp_path / "broker") as broker,
        MqttStack(settings(tmp_path / "one", broker.port)) as one,
    ):
        until(lambda: one.link.connected, "no connection")
        with MqttStack(settings(tmp_path / "two", broker.port)):
            _warned(caplog, "another client uses the client id appliance-kitchen")


@contextlib.contextmanager
def _impostor(serve: Callable[[socket.socket], None]) -> Iterator[int]:
    """Something that listens where a broker should; gives its port."""
    with socket.create_server(("127.0.0.1", free_port())) as server:

        def run() -> None:
            with contextlib.suppress(OSError):
                while True:
                    peer, _ = server.accept()
                    with peer, contextlib.suppress(OSError):
                        peer.settimeout(5)
                        peer.recv(1024)
                        serve(peer)

        thread = threading.Thread(target=run, daemon=True)
        thread.start()
        yield int(server.getsockname()[1])
        server.shutdown(socket.SHUT_RDWR)
        thread.join(6)


@pytest.mark.parametrize(
    "speech",
    [
        b"HTTP/1.1 400 Bad Request\r\n\r\n",
        b"\x20\x03\x00\x00\x05",  # a CONNACK whose properties are cut off
        b"\x20\x03\x00\x00\x00\x32\x04\x00\x05ab",  # a CONNACK, then a broken PUBLISH
        b"\x20\x02\x00\x63",  # refused for a reason that no standard knows
        b"",
    ],
)
def test_a_broker_that_sends_nonsense_does_not_end_the_mqtt_thread(
    tmp_path: Path, speech: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("appliance.requests.mqtt_thread.RECONNECT_EVERY_S", 0.1)
    monkeypatch.setattr("appliance.mqtt.retry_policy.RECONNECT", Backoff(0.1, 30.0, 0.5))
    served: list[None] = []

    def serve(peer: socket.socket) -> None:
        served.append(None)
        peer.sendall(speech)

    with _impostor(serve) as port, MqttStack(settings(tmp_path, port)) as stack:
        stack.say("kept")
        until(lambda: len(served) >= 3, "it was not asked again")
        assert stack.journal.counts.outbox.rows == 1


def test_a_broker_that_accepts_and_never_answers_is_logged_as_that(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    def be_silent(peer: socket.socket) -> None:
        while peer.recv(4096):
            pass

    with _impostor(be_silent) as port, MqttStack(settings(tmp_path, port, keepalive_s=1)) as stack:
        stack.say("kept")
        _warned(caplog, "it accepts the connection and does not answer; see mqtt.host")
        assert stack.journal.counts.outbox.rows == 1


@pytest.mark.parametrize("says_it", [True, False])
def test_a_broker_without_shared_subscriptions_is_said_and_serves_the_rest(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, *, says_it: bool
) -> None:
    """In CONNACK (property 0x2A), or only in SUBACK, by code 0x9E."""
    filters: list[bytes] = []

    def serve(peer: socket.socket) -> None:
        peer.sendall(b"\x20\x05\x00\x00\x02\x2a\x00" if says_it else b"\x20\x03\x00\x00\x00")
        while packet := peer.recv(65_536):
            if packet[0] == 0x82:
                filters.append(packet)
                codes = bytes(0x9E if b"$share" in part else 1 for part in _filters_in(packet))
                head = 2 + (packet[1] >> 7)
                reply = packet[head : head + 2] + b"\x00" + codes
                peer.sendall(bytes([0x90, len(reply)]) + reply)

    group = {"group": "house", "group_root": "house"}
    with _impostor(serve) as port, MqttStack(settings(tmp_path, port, **group)) as stack:
        _warned(caplog, "no shared subscriptions")
        until(lambda: stack.mqtt.health().subscribed, "not subscribed to its own requests")
        assert (b"$share" in filters[0]) is not says_it


def _filters_in(subscribe: bytes) -> list[bytes]:
    """The topic filters of a SUBSCRIBE packet of less than 2 MB without properties."""
    start = 2
    while subscribe[start - 1] & 0x80:
        start += 1
    rest, found = subscribe[start + 3 :], []
    while rest:
        size = int.from_bytes(rest[:2], "big")
        found.append(rest[2 : 2 + size])
        rest = rest[3 + size :]
    return found


def test_if_the_broker_acknowledges_nothing_the_appliance_connects_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("appliance.mqtt.publisher.ACKNOWLEDGE_TIMEOUT_S", 0.3)
    monkeypatch.setattr("appliance.requests.mqtt_thread.RECONNECT_EVERY_S", 0.1)
    connections: list[None] = []

    def welcome_and_be_silent(peer: socket.socket) -> None:
        connections.append(None)
        peer.sendall(b"\x20\x03\x00\x00\x00")
        while peer.recv(4096):
            pass

    with _impostor(welcome_and_be_silent) as port, MqttStack(settings(tmp_path, port)) as stack:
        stack.say("kept")
        until(lambda: len(connections) >= 3, "it was not asked again")
        assert stack.journal.counts.outbox.rows == 1
