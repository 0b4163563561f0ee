"""A model hub on loopback: its API, a redirect to a store of files, ranges, tokens, and faults."""

from __future__ import annotations

import contextlib
import hashlib
import json
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

REVISION = "2" * 40


@dataclass
class ModelHub:
    """One repository with one large file."""

    repository: str
    file: str
    content: bytes
    token: str | None = None
    """Only who sends it sees the repository and its file."""
    delivered: bytes | None = None
    """What the store sends in place of `content`."""
    breaks_after: list[int] = field(default_factory=list)
    """For each answer of the store to come: the bytes after which it breaks off."""
    store_requests: list[dict[str, str]] = field(default_factory=list)
    """The headers of each request to the store of files."""
    small_files: dict[str, bytes] = field(default_factory=dict)
    """Files that the hub sends itself; its API has only git's checksum of them."""
    delivered_small: dict[str, bytes] = field(default_factory=dict)
    """What it sends in place of some of them."""
    address: str = ""

    @contextlib.contextmanager
    def open(self) -> Iterator[ModelHub]:
        """Serve until the end; `address` is for HF_ENDPOINT."""
        server = ThreadingHTTPServer(
            ("127.0.0.1", 0), type("Handler", (_HubHandler,), {"hub": self})
        )
        self.address = f"http://127.0.0.1:{server.server_address[1]}"
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        try:
            yield self
        finally:
            server.shutdown()
            thread.join()
            server.server_close()

    def description(self) -> bytes:
        """As the hub's API gives it with `blobs=true`."""
        size = len(self.content)
        lfs = {
            "sha256": hashlib.sha256(self.content).hexdigest(),
            "size": size,
            "pointerSize": 134,
        }
        siblings = [
            {"rfilename": "README.md", "size": 3, "blobId": "a" * 40},
            {"rfilename": self.file, "size": size, "blobId": "b" * 40, "lfs": lfs},
            *(
                {"rfilename": name, "size": len(content), "blobId": git_checksum(content)}
                for name, content in self.small_files.items()
            ),
        ]
        return json.dumps(
            {"id": self.repository, "modelId": self.repository, "sha": REVISION,
             "private": False, "gated": self.token is not None, "siblings": siblings}
        ).encode()  # fmt: skip


def git_checksum(content: bytes) -> str:
    """As `git hash-object` prints it."""
    header = f"blob {len(content)}\0".encode()
    return hashlib.sha1(header + content, usedforsecurity=False).hexdigest()


class _HubHandler(BaseHTTPRequestHandler):
    hub: ModelHub

    def _known_paths(self) -> tuple[str, str]:
        repository = self.hub.repository
        return f"api/models/{repository}", f"{repository}/resolve/"

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_GET(self) -> None:
        path = self.path.partition("?")[0]
        if path == f"/store/{self.hub.file}":
            self._send_file()
        elif path.startswith(tuple(f"/{one}" for one in self._known_paths())):
            self._send_behind_token(path)
        else:
            self._refuse(404, "RepoNotFound" if path.startswith("/api/") else "EntryNotFound")

    def _send_behind_token(self, path: str) -> None:
        if (
            self.hub.token is not None
            and self.headers.get("Authorization") != f"Bearer {self.hub.token}"
        ):
            self._refuse(401, "GatedRepo")
        elif path.startswith("/api/"):
            self._send(200, self.hub.description())
        elif path == f"/{self.hub.repository}/resolve/{REVISION}/{self.hub.file}":
            self.send_response(302)
            self.send_header("Location", f"{self.hub.address}/store/{self.hub.file}?signature=1")
            self.send_header("Content-Length", "0")
            self.end_headers()
        elif name := self._small_file(path):
            content = self.hub.delivered_small.get(name, self.hub.small_files[name])
            self._send(200, content)
        else:
            self._refuse(404, "EntryNotFound")

    def _small_file(self, path: str) -> str | None:
        name = path.removeprefix(f"/{self.hub.repository}/resolve/{REVISION}/")
        return name if name in self.hub.small_files else None

    def _send_file(self) -> None:
        self.hub.store_requests.append(dict(self.headers.items()))
        content = self.hub.content if self.hub.delivered is None else self.hub.delivered
        asked = self.headers.get("Range")
        start = int(asked[6:-1]) if asked else 0
        self.send_response(206 if start else 200)
        self.send_header("Content-Length", str(len(content) - start))
        self.end_headers()
        stop = self.hub.breaks_after.pop(0) if self.hub.breaks_after else len(content)
        self.wfile.write(content[start : start + stop])

    def _send(self, status: int, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def _refuse(self, status: int, code: str) -> None:
        self.send_response(status)
        self.send_header("X-Error-Code", code)
        self.send_header("X-Error-Message", "refused")
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        pass
