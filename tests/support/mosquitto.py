"""A real mosquitto on a free loopback port, and certificates for its TLS."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from support.free_port import free_port
from support.requirements import skip_unless_ci
from support.waiting import TIMEOUT_S, until

PLACES = ("/usr/sbin", "/usr/local/sbin", "/opt/homebrew/sbin")


def program(name: str) -> str:
    """The path of a program; a skip if it is absent, a failure in CI."""
    path = os.pathsep.join((os.environ.get("PATH", ""), *PLACES))
    found = shutil.which(name, path=path)
    if found is None:
        skip_unless_ci(f"{name} is not installed; install the package mosquitto (or openssl)")
    return found


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
            self.process.wait(TIMEOUT_S)
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
