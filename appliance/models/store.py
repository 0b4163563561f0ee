"""The models on disk: where each lies, whether it is whole, putting it there, taking it away."""

from __future__ import annotations

import contextlib
import enum
import hashlib
import json
import logging
import os
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from appliance.errors import ModelDamaged, ModelMissing
from appliance.models import catalogue

if TYPE_CHECKING:
    from collections.abc import Iterable

    from appliance.models.catalogue import File, Model

logger = logging.getLogger(__name__)

REMEMBERED = ".verified.json"
"""Beside the files of a model: how each looked when its sha256 was last found right. It spares
a Pi the reading of every byte at each start; it is no defence against who may write there."""


class ModelState(enum.StrEnum):
    """How a model on disk is."""

    READY = "ready"
    MISSING = "missing"
    DAMAGED = "damaged"


@dataclass(frozen=True, slots=True)
class Condition:
    """How a model on disk is, and for each file that must be pulled again, why."""

    state: ModelState
    problems: dict[str, str]
    """File → what is wrong with it; empty when the model is ready."""

    def __str__(self) -> str:
        return "; ".join(f"{name} {problem}" for name, problem in self.problems.items())


class Store:
    """The models below one directory, each in a folder of its name."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory

    def path_of(self, name: str) -> Path:
        """What an engine opens for `name`: a folder, or a GGUF file.

        `name` is one of the catalogue, or the path of a model of the owner's own, which is
        only looked for.

        Raises:
            ModelMissing: it is not there, or nothing is called so.
            ModelDamaged: a file is not the published one.

        """
        if is_path(name):
            return _own(name)
        model = catalogue.find(name)
        condition = self.look(model)
        if condition.state is ModelState.MISSING:
            raise ModelMissing(f"model {name} is not in {self.directory}; {_remedy(name)}")
        if condition.state is ModelState.DAMAGED:
            where = self.folder(model)
            raise ModelDamaged(f"model {name} in {where} is damaged: {condition}; {_remedy(name)}")
        return self.folder(model) / model.opened_as

    def folder(self, model: Model) -> Path:
        """Where the files of `model` lie, or would."""
        return self.directory / model.name

    def look(self, model: Model, *, thoroughly: bool = False) -> Condition:
        """How `model` is; `thoroughly` reads every byte, whatever is remembered."""
        folder = self.folder(model)
        remembered = {} if thoroughly else _remembered(folder)
        problems: dict[str, str] = {}
        good: dict[str, str] = {}
        for name, file in model.files.items():
            try:
                good[name] = _examine(folder / name, file, remembered.get(name))
            except FileNotFoundError:
                problems[name] = "is not there"
            except OSError as error:
                problems[name] = f"cannot be read ({error.strerror})"
            except ModelDamaged as damage:
                problems[name] = str(damage)
        if good and good != _remembered(folder):
            _remember(folder, good)
        if not problems:
            return Condition(ModelState.READY, problems)
        absent = all(problem == "is not there" for problem in problems.values())
        return Condition(
            ModelState.MISSING if absent and not good else ModelState.DAMAGED, problems
        )

    def at_hand(self, name: str) -> Path:
        """As `path_of`, by names and sizes alone: no file of a catalogue's model is read."""
        if is_path(name):
            return _own(name)
        model = catalogue.find(name)
        folder = self.folder(model)
        for file, published in model.files.items():
            if not (folder / file).is_file():
                raise ModelMissing(f"model {name} is not in {self.directory}; {_remedy(name)}")
            if (folder / file).stat().st_size != published.bytes:
                found = f"{file} has not the published size"
                raise ModelDamaged(f"model {name} in {folder} is damaged: {found}; {_remedy(name)}")
        return folder / model.opened_as

    def install(self, model: Model, folder: Path, names: Iterable[str]) -> None:
        """Move the verified files `names` out of `folder` to their place, safe from power cuts."""
        target = self.folder(model)
        target.mkdir(parents=True, exist_ok=True)
        for name in names:
            _flush(folder / name)
            (folder / name).replace(target / name)
        _flush(target)
        _flush(self.directory)
        self.look(model)  # remembers what has just been verified, so that the first start is fast

    def remove(self, model: Model) -> int:
        """Take the model away; the bytes that this freed, 0 when it was not there."""
        folder = self.folder(model)
        if not folder.is_dir():
            return 0
        freed = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
        shutil.rmtree(folder)
        return freed


def is_path(name: str) -> bool:
    """Whether `name` is a path to the owner's own model and not a name of the catalogue."""
    return "/" in name or name.startswith(("~", ".")) or name.endswith(".gguf")


def verify(path: Path, file: File) -> None:
    """ModelDamaged, with what is wrong, unless the file at `path` is the published one."""
    _examine(path, file, None)


def _examine(path: Path, file: File, remembered: str | None) -> str:
    """The file's signature, once it is known to be the published one."""
    status = path.stat()
    if status.st_size != file.bytes:
        raise ModelDamaged(f"is {status.st_size} bytes long in place of {file.bytes}")
    signature = (
        f"{file.sha256} {status.st_size} {status.st_mtime_ns} {status.st_ctime_ns} {status.st_ino}"
    )
    if signature != remembered:
        with path.open("rb") as stream:
            found = hashlib.file_digest(stream, "sha256").hexdigest()
        if found != file.sha256:
            raise ModelDamaged(f"has the sha256 {found} in place of {file.sha256}")
    return signature


def _remembered(folder: Path) -> dict[str, str]:
    try:
        signatures = json.loads((folder / REMEMBERED).read_bytes())
    except (OSError, ValueError):
        return {}
    return signatures if isinstance(signatures, dict) else {}


def _remember(folder: Path, signatures: dict[str, str]) -> None:
    draft = folder / f"{REMEMBERED}.{os.getpid()}"
    try:
        draft.write_text(json.dumps(signatures, indent=1))
        draft.replace(folder / REMEMBERED)
    except OSError as error:
        # The daemon may not write where root has put the models: it reads them fully each time.
        logger.debug("what was verified in %s is not remembered: %s", folder, error)
        with contextlib.suppress(OSError):
            draft.unlink(missing_ok=True)


def _own(name: str) -> Path:
    path = Path(name).expanduser()
    if not path.exists():
        raise ModelMissing(f"there is no model at {path}; correct its path in config.toml")
    return path


def _flush(path: Path) -> None:
    """Down to the disk: a file's contents, or a folder's entries."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _remedy(name: str) -> str:
    return f"run: appliance models pull {name}"
