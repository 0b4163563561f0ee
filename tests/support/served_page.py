"""The page of an appliance, as a browser and a program use it."""

from __future__ import annotations

import contextlib
import http.client
import urllib.parse
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from support.browser import WebBrowser
from support.daemon_process import DaemonProcess
from support.free_port import free_port


class ServedPage:
    """An appliance with its page."""

    def __init__(self, daemon: DaemonProcess, port: int) -> None:
        self.daemon = daemon
        self.port = port
        self.address = f"http://127.0.0.1:{port}"
        self.password = (daemon.state / "page-password.txt").read_text().strip()

    def ask(
        self, method: str, path: str, fields: dict[str, str] | None = None, **headers: str
    ) -> tuple[int, str, dict[str, str]]:
        """One HTTP request as a program sends it: status, text and headers of the answer."""
        client = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        given = {name.replace("_", "-"): value for name, value in headers.items()}
        body = None
        if fields is not None:
            body = urllib.parse.urlencode(fields)
            given.setdefault("content-type", "application/x-www-form-urlencoded")
        client.request(method, path, body, given)
        answer = client.getresponse()
        text = answer.read().decode(errors="replace")
        client.close()
        return answer.status, text, {name.lower(): value for name, value in answer.getheaders()}

    def cookie(self, password: str | None = None) -> str:
        """Of a new session."""
        fields = {"password": password or self.password}
        status, text, headers = self.ask("POST", "/login", fields, origin=self.address)
        assert status == 303, text
        assert {"httponly", "samesite=strict"} <= {
            part.strip().lower() for part in headers["set-cookie"].split(";")
        }
        return headers["set-cookie"].partition(";")[0]

    def log_in(self, browser: WebBrowser) -> None:
        """With keyboard alone."""
        browser.open(self.address)
        browser.until("document.activeElement.id === 'password'")
        browser.type(self.password)
        browser.press("Enter")
        browser.until("location.pathname === '/live'")


@contextlib.contextmanager
def served_page(folder: Path, models: Path, **sections: dict[str, Any]) -> Iterator[ServedPage]:
    """An appliance that runs, with its page and an embedded broker."""
    port = free_port()
    sections.setdefault("page", {})["listen"] = f"127.0.0.1:{port}"
    sections.setdefault("mqtt", {}).setdefault("embedded_port", free_port())
    with DaemonProcess(folder, models, **sections) as daemon:
        daemon.start()
        yield ServedPage(daemon, port)
