"""A model of two small files, its package and a hub, for the tests of pulling."""

from __future__ import annotations

import contextlib
import hashlib
import threading
import zipfile
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from appliance.models.catalogue import File, Hub, Model, Package

if TYPE_CHECKING:
    from collections.abc import Iterator

CONFIG = b'{"layers": 4}'
WEIGHTS = bytes(range(256)) * 4000
HALF = len(WEIGHTS) // 2
"""Just over one megabyte, in two parts."""


class RecordedProgress:
    """Keeps what a pull tells."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.bytes: list[tuple[int, int]] = []

    def message(self, line: str) -> None:
        self.lines.append(line)

    def update(self, done: int, total: int) -> None:
        self.bytes.append((done, total))


class PackageIndex:
    """A folder of package files that pip is told to take instead of an index."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir()

    def publish(self, name: str, members: dict[str, bytes]) -> Package:
        module = name.replace("-", "_")
        path = self.folder / f"{module}-1.0-py3-none-any.whl"
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as wheel:
            for member, contents in members.items():
                wheel.writestr(f"{module}/{member}", contents)
            info = f"{module}-1.0.dist-info"
            about = f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n"
            wheel.writestr(f"{info}/METADATA", about)
            tags = "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
            wheel.writestr(f"{info}/WHEEL", tags)
            wheel.writestr(f"{info}/RECORD", "")
        return Package(
            name=name,
            version="1.0",
            bytes=path.stat().st_size,
            sha256=hashlib.sha256(path.read_bytes()).hexdigest(),
            members={member.removesuffix(".2"): f"{module}/{member}" for member in members},
        )


class HubServer:
    """A model hub on loopback that can break off in the middle and know ranges or not."""

    def __init__(self, files: dict[str, bytes]) -> None:
        self.files = files
        self.breaks_after: list[int] = []
        """For each answer to come: the bytes after which it breaks off."""
        self.knows_ranges = True
        self.status = 200
        self.requests: list[tuple[str, str | None]] = []
        """Path and Range of each."""
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())

    def address_of(self, hub: Hub, name: str) -> str:
        port = self.server.server_address[1]
        return f"http://127.0.0.1:{port}/{hub.repository}/{hub.revision}/{name}"

    @contextlib.contextmanager
    def open(self) -> Iterator[HubServer]:
        thread = threading.Thread(target=self.server.serve_forever, args=(0.05,))
        thread.start()
        try:
            yield self
        finally:
            self.server.shutdown()
            thread.join()
            self.server.server_close()

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        hub = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                asked = self.headers.get("Range")
                hub.requests.append((self.path, asked))
                contents = hub.files.get(Path(self.path).name)
                if contents is None or hub.status != 200:
                    self.send_error(404 if contents is None else hub.status)
                    return
                start = int(asked[6:-1]) if asked and hub.knows_ranges else 0
                self.send_response(206 if start else 200)
                self.send_header("Content-Length", str(len(contents) - start))
                self.end_headers()
                stop = hub.breaks_after.pop(0) if hub.breaks_after else len(contents)
                self.wfile.write(contents[start : start + stop])

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002
                pass

        return Handler


def small_model(*packages: Package, hub: Hub | None = None) -> Model:
    return Model(
        name="small",
        family="test",
        task="speech-to-text",
        form="ctranslate2",
        licence="MIT",
        languages=("en",),
        memory_mb=1,
        files={
            name: File(bytes=len(contents), sha256=hashlib.sha256(contents).hexdigest())
            for name, contents in {"config.json": CONFIG, "model.bin": WEIGHTS}.items()
        },
        packages=packages,
        hub=hub,
    )


def lay_down(model: Model, directory: Path) -> Path:
    """The model's files as published, in their place."""
    folder = directory / model.name
    folder.mkdir(parents=True)
    (folder / "config.json").write_bytes(CONFIG)
    (folder / "model.bin").write_bytes(WEIGHTS)
    return folder


HUB = Hub(repository="maker/small", revision="1" * 40)


@pytest.fixture
def progress_log() -> RecordedProgress:
    return RecordedProgress()


@pytest.fixture
def index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> PackageIndex:
    """Where pip finds packages; nothing else is asked."""
    found = PackageIndex(tmp_path / "index")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(found.folder))
    monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")
    return found


@pytest.fixture
def hub() -> Iterator[HubServer]:
    with HubServer({"config.json": CONFIG, "model.bin": WEIGHTS}).open() as server:
        yield server
