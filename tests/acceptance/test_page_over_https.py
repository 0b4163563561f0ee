"""The page over HTTPS, with the certificate that the image makes: as a browser that checks it."""

from __future__ import annotations

import hashlib
import http.client
import socket
import ssl
import urllib.parse
from pathlib import Path

from appliance_image import device_certificates
from appliance_image.appliance_calls import Appliance
from appliance_image.system import System
from support.daemon_process import DaemonProcess
from support.free_port import free_port


def over_tls(
    context: ssl.SSLContext, port: int, method: str, path: str, fields: dict[str, str]
) -> tuple[int, http.client.HTTPMessage]:
    """Status and headers of the answer of https://kitchen.local."""
    client = http.client.HTTPConnection("kitchen.local", port, timeout=30)
    plain = socket.create_connection(("127.0.0.1", port), timeout=30)
    client.sock = context.wrap_socket(plain, server_hostname="kitchen.local")
    headers = {"origin": "https://127.0.0.1", "host": "127.0.0.1"}
    headers["content-type"] = "application/x-www-form-urlencoded"
    client.request(method, path, urllib.parse.urlencode(fields), headers)
    answer = client.getresponse()
    answer.read()
    client.close()
    return answer.status, answer.headers


def test_a_browser_that_trusts_the_devices_authority_logs_in_without_a_warning(
    tmp_path: Path, models_directory: Path
) -> None:
    system, port = System(Appliance(), tmp_path / "image"), free_port()
    device_certificates.make_page_certificate(system, "kitchen")
    page = {
        "listen": f"127.0.0.1:{port}",
        "certificate_file": str(system.etc / "page.pem"),
        "key_file": "page.key",
    }
    mqtt = {"embedded_port": free_port()}
    with DaemonProcess(tmp_path, models_directory, page=page, mqtt=mqtt) as daemon:
        daemon.environment["CREDENTIALS_DIRECTORY"] = str(system.etc)  # as systemd hands a key over
        daemon.start()
        context = ssl.create_default_context(cafile=system.persistent / "broker/ca.pem")
        status, headers = over_tls(context, port, "GET", "/login", {})
        assert status == 200
        # A browser that kept to HTTPS would bar the owner from a device with a new certificate.
        assert "strict-transport-security" not in headers
        password = (daemon.state / "page-password.txt").read_text().strip()
        status, headers = over_tls(context, port, "POST", "/login", {"password": password})
        assert status == 303
        cookie = {part.strip().lower() for part in headers["set-cookie"].split(";")}
        assert {"secure", "httponly", "samesite=strict"} <= cookie
        shown = ssl.get_server_certificate(("127.0.0.1", port))
        digest = hashlib.sha256(ssl.PEM_cert_to_DER_cert(shown)).hexdigest()
        told = device_certificates.fingerprint(system.etc / "page.pem")
        assert told.replace(":", "").lower() == digest
        with socket.create_connection(("127.0.0.1", port), timeout=30) as plain:
            plain.sendall(b"GET /login HTTP/1.1\r\nhost: 127.0.0.1\r\n\r\n")
            assert plain.recv(100) == b""  # without TLS nothing is said
