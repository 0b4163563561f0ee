"""The broker check against real brokers and against servers that are not brokers."""

from __future__ import annotations

import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec
import pytest
from support.requirements import skip_unless_ci

from appliance.config import Config, MqttSettings
from appliance.doctor import mqtt_handshake
from appliance.doctor.broker import broker
from appliance.doctor.check_result import CheckContext, CheckResult, CheckVerdict

MOSQUITTO = shutil.which("mosquitto") or "/usr/sbin/mosquitto"


@contextmanager
def mosquitto(folder: Path, port: int, *lines: str) -> Iterator[None]:
    if not Path(MOSQUITTO).exists():
        skip_unless_ci("mosquitto is not installed")
    settings = folder / "mosquitto.conf"
    settings.write_text("\n".join([f"listener {port} 127.0.0.1", "user root", *lines, ""]))
    with subprocess.Popen([MOSQUITTO, "-c", settings], stderr=subprocess.DEVNULL) as process:
        try:
            for _ in range(200):
                with socket.socket() as probe:
                    if probe.connect_ex(("127.0.0.1", port)) == 0:
                        break
                time.sleep(0.05)
            yield
        finally:
            process.terminate()


@contextmanager
def listener(port: int, says: bytes | None) -> Iterator[None]:
    """A server that answers everything with `says`, or for None never."""
    with socket.create_server(("127.0.0.1", port)) as server:
        server.settimeout(10)

        def serve() -> None:
            connection, _ = server.accept()
            with connection:
                connection.recv(1024)
                if says is None:
                    time.sleep(1.0)
                else:
                    connection.sendall(says)

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield
        finally:
            thread.join()


def answer(mqtt: MqttSettings, daemon: int | None = None) -> CheckResult:
    (only,) = broker(CheckContext(Config(mqtt=mqtt), daemon=daemon))
    return only


def at(port: int, **more: object) -> MqttSettings:
    return msgspec.structs.replace(MqttSettings(host="127.0.0.1", port=port), **more)


@pytest.fixture
def login(tmp_path: Path) -> list[str]:
    """mosquitto.conf for one user, ada; her password is in tmp_path / password."""
    (tmp_path / "password").write_text("correct horse\n")
    (tmp_path / "wrong").write_text("incorrect donkey\n")
    made = tmp_path / "users"
    words = ["mosquitto_passwd", "-b", "-c", str(made), "ada", "correct horse"]
    if shutil.which(words[0]) is None:
        skip_unless_ci("mosquitto_passwd is not installed")
    subprocess.run(words, check=True, capture_output=True)
    return ["allow_anonymous false", f"password_file {made}"]


@pytest.mark.parametrize("version", ["5", "3.1.1"])
def test_a_broker_that_accepts_the_connection_is_ok(
    tmp_path: Path, free_port: int, version: str
) -> None:
    with mosquitto(tmp_path, free_port, "allow_anonymous true"):
        found = answer(at(free_port, version=version))
    assert found.verdict is CheckVerdict.OK
    begin = (
        f"127.0.0.1:{free_port} accepts the connection without a login, MQTT {version}, no TLS, "
    )
    assert found.found.startswith(begin)


@pytest.mark.parametrize("version", ["5", "3.1.1"])
def test_the_configured_login_is_used(
    tmp_path: Path, free_port: int, login: list[str], version: str
) -> None:
    def tried(password: str) -> CheckResult:
        path = str(tmp_path / password)
        return answer(at(free_port, version=version, username="ada", password_file=path))

    with mosquitto(tmp_path, free_port, *login):
        good, bad = tried("password"), tried("wrong")
        none = answer(at(free_port, version=version))
    assert good.verdict is CheckVerdict.OK
    assert "accepts the connection as ada" in good.found
    for refused in (bad, none):
        assert refused.verdict is CheckVerdict.ERROR
        assert "refuses the connection" in refused.found
        assert "mqtt.username" in refused.found


def test_the_check_does_not_disconnect_the_running_appliance(
    tmp_path: Path, free_port: int
) -> None:
    config = Config(mqtt=at(free_port))
    with mosquitto(tmp_path, free_port, "allow_anonymous true"):
        words = [
            "mosquitto_sub",
            "-p",
            str(free_port),
            "-i",
            config.client_id,
            "-t",
            "x",
            "-C",
            "1",
        ]
        with subprocess.Popen(words, stdout=subprocess.PIPE) as appliance:
            time.sleep(0.5)
            assert answer(config.mqtt).verdict is CheckVerdict.OK
            publish = ["mosquitto_pub", "-p", str(free_port), "-t", "x", "-m", "still here"]
            subprocess.run(publish, check=True)
            assert appliance.communicate(timeout=10)[0] == b"still here\n"


def test_a_configured_broker_that_is_not_running_is_an_error(free_port: int) -> None:
    found = answer(at(free_port))
    assert found.verdict is CheckVerdict.ERROR
    assert found.found == f"127.0.0.1:{free_port}: nothing listens there; is the broker running?"


def test_a_host_name_that_cannot_be_resolved_is_reported() -> None:
    found = answer(MqttSettings(host="broker.invalid"))
    assert (found.verdict, found.found) == (
        CheckVerdict.ERROR,
        "broker.invalid:1883: its name cannot be resolved; see mqtt.host",
    )


def test_without_a_configured_broker_the_embedded_one_is_announced(free_port: int) -> None:
    found = answer(MqttSettings(embedded_port=free_port))
    assert found.verdict is CheckVerdict.NOT_HERE
    assert f"127.0.0.1:{free_port}" in found.found


def test_the_embedded_broker_must_answer_while_the_appliance_runs(free_port: int) -> None:
    assert answer(MqttSettings(embedded_port=free_port), daemon=4711).verdict is CheckVerdict.ERROR


def test_another_broker_at_the_embedded_broker_s_address_is_a_warning(
    tmp_path: Path, free_port: int
) -> None:
    with mosquitto(tmp_path, free_port, "allow_anonymous true"):
        found = answer(MqttSettings(embedded_port=free_port))
    assert found.verdict is CheckVerdict.WARNING
    assert found.advice == "set mqtt.host = '127.0.0.1' to use it, or change mqtt.embedded_port"


@pytest.mark.parametrize(
    ("says", "found"),
    [
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", "it is not an MQTT broker"),
        (b"", "it closed the connection without an answer"),
        (b"\x20\x02\x00", "it is not an MQTT broker"),
    ],
)
def test_a_server_that_is_not_a_broker_is_reported(free_port: int, says: bytes, found: str) -> None:
    with listener(free_port, says):
        answered = answer(at(free_port))
    assert (answered.verdict, answered.found) == (
        CheckVerdict.ERROR,
        f"127.0.0.1:{free_port}: {found}",
    )


def test_a_connack_with_many_properties_is_understood(free_port: int) -> None:
    with listener(free_port, b"\x20\x85\x01\x00\x00\x81\x01" + bytes(129)):
        assert answer(at(free_port)).verdict is CheckVerdict.OK


def test_a_broker_that_does_not_answer_is_reported_after_the_timeout(
    free_port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mqtt_handshake, "TIMEOUT_S", 0.3)
    with listener(free_port, None):
        found = answer(at(free_port))
    assert found.verdict is CheckVerdict.ERROR
    assert "it does not answer" in found.found


def test_tls_is_checked_with_the_configured_authority(tmp_path: Path, free_port: int) -> None:
    if shutil.which("openssl") is None:
        skip_unless_ci("openssl is not installed")
    for name in ("broker", "stranger"):
        words = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2"]
        words += ["-subj", f"/CN={name}", "-addext", "subjectAltName=IP:127.0.0.1"]
        words += ["-keyout", f"{tmp_path}/{name}.key", "-out", f"{tmp_path}/{name}.crt"]
        subprocess.run(words, check=True, capture_output=True)
    files = [f"certfile {tmp_path}/broker.crt", f"keyfile {tmp_path}/broker.key"]
    with mosquitto(tmp_path, free_port, "allow_anonymous true", *files):
        trusted = answer(at(free_port, tls=True, ca_file=f"{tmp_path}/broker.crt"))
        strange = answer(at(free_port, tls=True, ca_file=f"{tmp_path}/stranger.crt"))
        plain = answer(at(free_port))
    assert trusted.verdict is CheckVerdict.OK
    assert ", TLS, " in trusted.found
    assert strange.verdict is CheckVerdict.ERROR
    assert "its certificate is not trusted" in strange.found
    assert plain.verdict is CheckVerdict.ERROR
    assert "mqtt.tls" in str(plain.advice)
