"""A real mosquitto on a free loopback port, and clients to look at it from outside."""

from __future__ import annotations

import os
import queue
import shutil
import socket
import subprocess
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import pytest
from paho.mqtt import client as paho
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

PLACES = ("/usr/sbin", "/usr/local/sbin", "/opt/homebrew/sbin")

PATIENCE = 10.0
"""Seconds after which something that should happen is taken not to happen."""


def program(name: str) -> str:
    """The path of a program; a skip where it is absent, a failure in CI."""
    path = os.pathsep.join((os.environ.get("PATH", ""), *PLACES))
    found = shutil.which(name, path=path)
    if found is None:
        words = f"{name} is not installed; install the package mosquitto (or openssl)"
        if os.environ.get("CI"):
            pytest.fail(words)
        pytest.skip(words)
    return found


def free_port() -> int:
    """A port that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def until(happened: Any, words: str = "it did not happen", seconds: float = PATIENCE) -> Any:
    """Ask `happened` again and again; its first true answer, or a failure with `words`."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if answer := happened():
            return answer
        time.sleep(0.01)
    pytest.fail(f"{words}, in {seconds:g} s")


@dataclass
class Mosquitto:
    """One mosquitto; `lines` are added to its configuration."""

    directory: Path
    users: dict[str, str] = field(default_factory=dict)
    acl: str = ""
    tls: Certificates | None = None
    require_certificate: bool = False
    persistent: bool = False
    lines: tuple[str, ...] = ()
    port: int = field(default_factory=free_port)
    process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self) -> None:
        """Run it until it answers on its port."""
        mosquitto = program("mosquitto")
        self.directory.mkdir(parents=True, exist_ok=True)
        settings = self.directory / "mosquitto.conf"
        settings.write_text("\n".join(self._settings()) + "\n")
        log = (self.directory / "log").open("ab")
        with log:
            self.process = subprocess.Popen(
                [mosquitto, "-v", "-c", str(settings)], stdout=log, stderr=log
            )
        until(self._answers, f"mosquitto did not start: {self.log()[-500:]}")

    def stop(self) -> None:
        """As systemd stops it."""
        self._end("terminate")

    def kill(self) -> None:
        """As a power cut stops it."""
        self._end("kill")

    def log(self) -> str:
        """All that it said."""
        return (self.directory / "log").read_text(errors="replace")

    def _end(self, how: str) -> None:
        if self.process is not None:
            getattr(self.process, how)()
            self.process.wait(PATIENCE)
            self.process = None

    def _answers(self) -> bool:
        assert self.process is not None
        assert self.process.poll() is None, self.log()
        try:
            socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
        except OSError:
            return False
        return True

    def _settings(self) -> list[str]:
        lines = [f"listener {self.port} 127.0.0.1", *self.lines]
        if os.geteuid() == 0:
            lines.append("user root")
        if self.users:
            lines += ["allow_anonymous false", f"password_file {self._password_file()}"]
        else:
            lines.append("allow_anonymous true")
        if self.acl:
            path = self.directory / "acl"
            path.write_text(self.acl)
            path.chmod(0o600)
            lines.append(f"acl_file {path}")
        if self.tls is not None:
            lines += [
                f"cafile {self.tls.authority}",
                f"certfile {self.tls.server[0]}",
                f"keyfile {self.tls.server[1]}",
            ]
        if self.require_certificate:
            lines += ["require_certificate true", "use_identity_as_username true"]
        if self.persistent:
            lines += [
                "persistence true",
                f"persistence_location {self.directory}/",
                "autosave_interval 1",
                "autosave_on_changes true",
            ]
        return lines

    def _password_file(self) -> Path:
        path = self.directory / "passwords"
        path.write_text("".join(f"{name}:{word}\n" for name, word in self.users.items()))
        path.chmod(0o600)
        subprocess.run([program("mosquitto_passwd"), "-U", str(path)], check=True)
        return path


@dataclass(frozen=True)
class Certificates:
    """An authority, a server's certificate and a client's, made by openssl."""

    authority: Path
    server: tuple[Path, Path]
    client: tuple[Path, Path]

    @classmethod
    def made(cls, directory: Path, server_name: str = "IP:127.0.0.1,DNS:localhost") -> Certificates:
        """New ones, good for a day; `server_name` is the server's subjectAltName."""
        directory.mkdir(parents=True, exist_ok=True)
        authority, key = directory / "ca.pem", directory / "ca.key"
        subject = ("-subj", "/CN=test authority")
        new = ("req", "-newkey", "rsa:2048", "-nodes")
        _openssl(*new, "-x509", "-days", "1", "-keyout", key, "-out", authority, *subject)
        made = cls(
            authority,
            (directory / "server.pem", directory / "server.key"),
            (directory / "client.pem", directory / "client.key"),
        )
        for (certificate, private), common in ((made.server, "broker"), (made.client, "voice")):
            request = directory / "request.csr"
            _openssl(*new, "-keyout", private, "-out", request, "-subj", f"/CN={common}")
            extensions = directory / "extensions"
            extensions.write_text(f"subjectAltName={server_name}\n")
            _openssl(
                *("x509", "-req", "-days", "1", "-in", request, "-out", certificate),
                *("-CA", authority, "-CAkey", key, "-CAcreateserial", "-extfile", extensions),
            )
        return made


def _openssl(*words: str | Path) -> None:
    subprocess.run([program("openssl"), *map(str, words)], check=True, capture_output=True)


@dataclass(frozen=True)
class Heard:
    """A message that a client got."""

    topic: str
    payload: bytes
    retain: bool
    correlation: bytes | None
    content_type: str | None
    at: float
    """time.monotonic()."""


class Client:
    """An owner's own MQTT client: subscribes at once, keeps all it hears."""

    def __init__(
        self,
        port: int,
        *filters: str,
        version: MQTTProtocolVersion = MQTTProtocolVersion.MQTTv5,
        username: str | None = None,
        password: str | None = None,
        tls: Certificates | None = None,
    ) -> None:
        self.heard: queue.SimpleQueue[Heard] = queue.SimpleQueue()
        self._filters = filters
        self._port = port
        self._paho = paho.Client(CallbackAPIVersion.VERSION2, protocol=version)
        self._paho.username_pw_set(username, password)
        if tls is not None:
            self._paho.tls_set(str(tls.authority), str(tls.client[0]), str(tls.client[1]))
        self._paho.reconnect_delay_set(1, 1)
        self._paho.on_connect = self._subscribe
        self._paho.on_subscribe = lambda *_: self._subscribed.put(None)
        self._paho.on_message = self._keep
        self._subscribed: queue.SimpleQueue[None] = queue.SimpleQueue()

    def __enter__(self) -> Self:
        self._paho.connect("127.0.0.1", self._port)
        self._paho.loop_start()
        if self._filters:
            self._subscribed.get(timeout=PATIENCE)
        else:
            until(self._paho.is_connected, "the client did not connect")
        return self

    def __exit__(self, *_: object) -> None:
        self._paho.disconnect()
        self._paho.loop_stop()

    def publish(
        self,
        topic: str,
        payload: bytes | str,
        *,
        retain: bool = False,
        qos: int = 1,
        **properties: Any,
    ) -> None:
        """Send and wait for the broker; `properties` by their names in paho."""
        sent = self.send(topic, payload, retain=retain, qos=qos, **properties)
        sent.wait_for_publish(PATIENCE)

    def send(
        self,
        topic: str,
        payload: bytes | str,
        *,
        retain: bool = False,
        qos: int = 1,
        **properties: Any,
    ) -> paho.MQTTMessageInfo:
        """Send without waiting."""
        sent = None
        if properties:
            sent = Properties(PacketTypes.PUBLISH)  # type: ignore[no-untyped-call]
            for name, value in properties.items():
                setattr(sent, name, value)
        return self._paho.publish(topic, payload, qos, retain, sent)

    def next(self, topic: str | None = None, seconds: float = PATIENCE) -> Heard:
        """The next message, or the next on `topic` with others passed over."""
        end = time.monotonic() + seconds
        while True:
            try:
                heard = self.heard.get(timeout=max(0.0, end - time.monotonic()))
            except queue.Empty:
                pytest.fail(f"nothing came on {topic or 'any topic'} in {seconds:g} s")
            if topic in (None, heard.topic):
                return heard

    def silent(self, seconds: float = 0.3) -> bool:
        """Whether nothing comes for so long."""
        time.sleep(seconds)
        return self.heard.empty()

    def _subscribe(self, client: paho.Client, *_: Any) -> None:
        if self._filters:
            client.subscribe([(topic, 1) for topic in self._filters])

    def _keep(self, _client: paho.Client, _userdata: Any, message: paho.MQTTMessage) -> None:
        sent = message.properties
        self.heard.put(
            Heard(
                message.topic,
                bytes(message.payload),
                message.retain,
                getattr(sent, "CorrelationData", None),
                getattr(sent, "ContentType", None),
                time.monotonic(),
            )
        )
