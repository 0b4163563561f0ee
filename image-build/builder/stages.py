"""Stages: each is made once for the same inputs, in a folder of the cache."""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
import sys
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from builder.options import Options

DONE = "done.json"
KEPT = 2
"""Makings of a stage that stay in the cache: the newest, and the one before it."""


class BuildError(Exception):
    """What happened, and what the owner does next."""


@dataclass(frozen=True, slots=True)
class Stage:
    """One step of the build."""

    name: str
    title: str
    make: Callable[[Build], None]
    sources: tuple[Path, ...] = ()
    """Files and folders of the repository that shape the result."""
    after: tuple[str, ...] = ()
    """Stages whose results go into this one."""
    inputs: Callable[[Build], Any] = lambda _: None
    """Anything else that does, as JSON can hold it."""


@dataclass(slots=True)
class Build:
    """A build under way: what is wanted, and where each stage's result lies."""

    options: Options
    folders: dict[str, Path] = field(default_factory=dict)
    keys: dict[str, str] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)
    """Of the stages that were made now."""
    here: Path = Path()
    """The folder of the stage that is being made."""
    log: Path = Path()

    def run(self, *command: str | Path, **more: Any) -> None:
        """Run a command; its words go to the stage's log."""
        with self.log.open("ab") as log:
            log.write(f"+ {' '.join(map(str, command))}\n".encode())
            log.flush()
            more = {"stdin": subprocess.DEVNULL, "stdout": log, "stderr": log, **more}
            status = subprocess.run([str(word) for word in command], check=False, **more).returncode
        if status:
            raise BuildError(f"{command[0]} ended with status {status}.")

    def read(self, *command: str | Path, **more: Any) -> str:
        """What a command says."""
        with self.log.open("ab") as log:
            done = subprocess.run(
                [str(word) for word in command],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                check=False,
                **more,
            )
        if done.returncode:
            raise BuildError(f"{command[0]} ended with status {done.returncode}.")
        return done.stdout


def make(build: Build, stages: Sequence[Stage]) -> None:
    """Make what is not there yet, in order."""
    afresh = False
    for stage in stages:
        afresh = afresh or stage.name == build.options.again_from
        _make_one(build, stage, afresh=afresh)
        if stage.name == build.options.only:
            return


def _make_one(build: Build, stage: Stage, *, afresh: bool) -> None:
    build.log = build.options.cache / f"{stage.name}.log"
    build.log.write_bytes(b"")
    key = _key(build, stage)
    folder = build.options.cache / f"{stage.name}-{key[:12]}"
    build.keys[stage.name], build.folders[stage.name] = key, folder
    if (folder / DONE).exists() and not afresh:
        (folder / DONE).touch()
        print(f"{stage.name}: {stage.title}: as before", flush=True)
        return
    draft = build.options.cache / f"{stage.name}.part"
    shutil.rmtree(draft, ignore_errors=True)
    draft.mkdir()
    build.here = draft
    began = time.monotonic()
    with _Progress(f"{stage.name}: {stage.title}", build.log):
        stage.make(build)
    spent = round(time.monotonic() - began, 1)
    build.seconds[stage.name] = spent
    (draft / DONE).write_text(json.dumps({"stage": stage.name, "key": key, "seconds": spent}))
    shutil.rmtree(folder, ignore_errors=True)
    draft.rename(folder)
    build.here = folder
    _forget(build.options.cache, stage.name)


def _key(build: Build, stage: Stage) -> str:
    digest = hashlib.sha256(digest_of(stage.sources).encode())
    inputs = {"after": [build.keys[name] for name in stage.after], "inputs": stage.inputs(build)}
    digest.update(json.dumps(inputs, sort_keys=True).encode())
    return digest.hexdigest()


def digest_of(sources: Iterable[Path]) -> str:
    """Of files and folders: their names, modes and contents."""
    digest = hashlib.sha256()
    for source in sources:
        for file in _files(source):
            digest.update(f"{file.relative_to(source.parent)} {file.lstat().st_mode}\n".encode())
            content = (
                file.readlink().as_posix().encode() if file.is_symlink() else file.read_bytes()
            )
            digest.update(hashlib.sha256(content).digest())
    return digest.hexdigest()


def _files(source: Path) -> list[Path]:
    if source.is_file():
        return [source]
    return sorted(
        path
        for path in source.rglob("*")
        if (path.is_symlink() or path.is_file()) and "__pycache__" not in path.parts
    )


def _forget(cache: Path, name: str) -> None:
    """Only the newest makings of a stage stay: a cache that only grows fills the disk."""
    kept = sorted(
        (path for path in cache.glob(f"{name}-*") if (path / DONE).exists()),
        key=lambda path: (path / DONE).stat().st_mtime,
        reverse=True,
    )
    for path in kept[KEPT:]:
        shutil.rmtree(path, ignore_errors=True)


class _Progress:
    """A line while a stage is made: each second on a terminal, each half minute elsewhere."""

    def __init__(self, label: str, log: Path) -> None:
        self._label, self._log = label, log
        self._over = threading.Event()
        self._terminal = sys.stdout.isatty()
        self._thread = threading.Thread(target=self._tell, name="progress", daemon=True)
        self._began = time.monotonic()

    def __enter__(self) -> None:
        print(f"{self._label} ...", end="" if self._terminal else "\n", flush=True)
        self._thread.start()

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self._over.set()
        self._thread.join()
        end = "FAILED after" if kind else "done in"
        start = "\r\033[K" if self._terminal else ""
        print(f"{start}{self._label}: {end} {self._spent()} s", flush=True)

    def _spent(self) -> int:
        return round(time.monotonic() - self._began)

    def _tell(self) -> None:
        while not self._over.wait(1 if self._terminal else 30):
            if self._terminal:
                print(f"\r\033[K{self._label}: {self._spent()} s", end="", flush=True)
            else:
                print(f"{self._label}: {self._spent()} s", flush=True)
