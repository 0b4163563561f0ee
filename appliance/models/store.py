"""The models on disk: finds, verifies, installs and removes them."""

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

import msgspec

from appliance.errors import UNREADABLE_JSON, ModelDamaged, ModelMissing
from appliance.models import catalogue

if TYPE_CHECKING:
    from collections.abc import Iterable

    from appliance.models.catalogue import File, Model

logger = logging.getLogger(__name__)

VERIFIED_FILE = ".verified.json"
"""File in a model's folder with size and times of each file when its sha256 was last verified. It
saves a Pi from reading every byte at each start; it does not protect against people who can write
there."""


ENTRY_FILE = "catalogue-entry.json"
"""File with the `Model`, in the folder of a model that was pulled from the hub."""


class ModelState(enum.StrEnum):
    """Whether a model on disk can be used."""

    READY = "ready"
    MISSING = "missing"
    DAMAGED = "damaged"


@dataclass(frozen=True, slots=True)
class Condition:
    """The state of a model on disk, and the reason for each file that must be pulled again."""

    state: ModelState
    problems: dict[str, str]
    """File → what is wrong with it; empty if the model is ready."""

    def __str__(self) -> str:
        return "; ".join(f"{name} {problem}" for name, problem in self.problems.items())


class Store:
    """The models in one directory, each in a folder of its name."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory

    def path_of(self, name: str) -> Path:
        """The path that an engine opens for `name`: a folder, or a GGUF file.

        `name` is one of the catalogue, or the path of the owner's model, which is not verified.

        Raises:
            ModelMissing: it is not there, or the name is unknown.
            ModelDamaged: a file is not the published one.

        """
        if is_path(name):
            return _own_path(name)
        model = self.find(name)
        condition = self.inspect(model)
        if condition.state is ModelState.MISSING:
            raise ModelMissing(f"model {name} is not in {self.directory}; {_advice(name)}")
        if condition.state is ModelState.DAMAGED:
            where = self.folder(model)
            raise ModelDamaged(f"model {name} in {where} is damaged: {condition}; {_advice(name)}")
        return self.folder(model) / model.engine_path

    def find(self, name: str) -> Model:
        """The model of that name, in the catalogue or as the hub described it when it was pulled.

        Raises:
            ModelMissing: there is none, or it must be pulled first.

        """
        if name in catalogue.models():
            return catalogue.models()[name]
        entry = self._pulled_entry(name)
        if entry is not None:
            return entry
        if name in catalogue.names_to_pull():
            raise ModelMissing(f"model {name} is not in {self.directory}; {_advice(name)}")
        raise ModelMissing(catalogue.unknown_name(name))

    def known(self) -> dict[str, Model]:
        """Models by name: those of the catalogue, and those that were pulled from the hub."""
        pulled = {name: self._pulled_entry(name) for name in catalogue.hub_models()}
        return catalogue.models() | {n: model for n, model in pulled.items() if model is not None}

    def _pulled_entry(self, name: str) -> Model | None:
        if name not in catalogue.hub_models():
            return None
        try:
            text = (self.directory / name / ENTRY_FILE).read_bytes()
            entry = msgspec.json.decode(text, type=catalogue.Model)
        except (OSError, *UNREADABLE_JSON):
            return None
        return entry if entry.name == name else None

    def folder(self, model: Model) -> Path:
        """The folder of `model`, which may not exist."""
        return self.directory / model.name

    def inspect(self, model: Model, *, full: bool = False) -> Condition:
        """The condition of `model`; `full` reads every byte, even of files verified before."""
        folder = self.folder(model)
        known = {} if full else _load_signatures(folder)
        problems: dict[str, str] = {}
        good: dict[str, str] = {}
        for name, file in model.files.items():
            try:
                good[name] = _examine(folder / name, file, known.get(name))
            except FileNotFoundError:
                problems[name] = "is missing"
            except OSError as error:
                problems[name] = f"cannot be read ({error.strerror})"
            except ModelDamaged as damage:
                problems[name] = str(damage)
        if good and good != _load_signatures(folder):
            _save_signatures(folder, good)
        if not problems:
            return Condition(ModelState.READY, problems)
        absent = all(problem == "is missing" for problem in problems.values())
        return Condition(
            ModelState.MISSING if absent and not good else ModelState.DAMAGED, problems
        )

    def quick_path_of(self, name: str) -> Path:
        """As `path_of`, but checks only names and sizes: it reads no file of the catalogue."""
        if is_path(name):
            return _own_path(name)
        model = self.find(name)
        folder = self.folder(model)
        for file, published in model.files.items():
            if not (folder / file).is_file():
                raise ModelMissing(f"model {name} is not in {self.directory}; {_advice(name)}")
            if (folder / file).stat().st_size != published.bytes:
                found = f"{file} does not have the published size"
                raise ModelDamaged(f"model {name} in {folder} is damaged: {found}; {_advice(name)}")
        return folder / model.engine_path

    def install(self, model: Model, folder: Path, names: Iterable[str]) -> None:
        """Move the verified files `names` from `folder` to the model's, safe from power cuts."""
        target = self.folder(model)
        target.mkdir(parents=True, exist_ok=True)
        if model.name in catalogue.hub_models():
            (folder / ENTRY_FILE).write_bytes(msgspec.json.encode(model))
            names = [ENTRY_FILE, *names]
        for name in names:
            _flush(folder / name)
            (folder / name).replace(target / name)
        _flush(target)
        _flush(self.directory)
        self.inspect(model)  # saves the signatures, so that the first start is fast

    def remove(self, model: Model) -> int:
        """Delete the model; returns the bytes that this freed, 0 if it was not there."""
        folder = self.folder(model)
        if not folder.is_dir():
            return 0
        freed = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
        shutil.rmtree(folder)
        return freed


def is_path(name: str) -> bool:
    """Whether `name` is the path of the owner's model, and not a name of the catalogue."""
    return "/" in name or name.startswith(("~", ".")) or name.endswith(".gguf")


def verify(path: Path, file: File) -> None:
    """ModelDamaged, with the reason, unless the file at `path` is the published one."""
    _examine(path, file, None)


def _examine(path: Path, file: File, known: str | None) -> str:
    """The signature of a file that is the published one; read only if `known` differs."""
    status = path.stat()
    if status.st_size != file.bytes:
        raise ModelDamaged(f"has {status.st_size} bytes instead of {file.bytes}")
    signature = (
        f"{file.sha256} {status.st_size} {status.st_mtime_ns} {status.st_ctime_ns} {status.st_ino}"
    )
    if signature != known:
        with path.open("rb") as stream:
            found = hashlib.file_digest(stream, "sha256").hexdigest()
        if found != file.sha256:
            raise ModelDamaged(f"has the sha256 {found} instead of {file.sha256}")
    return signature


def _load_signatures(folder: Path) -> dict[str, str]:
    try:
        signatures = json.loads((folder / VERIFIED_FILE).read_bytes())
    except (OSError, ValueError):
        return {}
    return signatures if isinstance(signatures, dict) else {}


def _save_signatures(folder: Path, signatures: dict[str, str]) -> None:
    temporary = folder / f"{VERIFIED_FILE}.{os.getpid()}"
    try:
        temporary.write_text(json.dumps(signatures, indent=1))
        temporary.replace(folder / VERIFIED_FILE)
    except OSError as error:
        # If root installed the models, the daemon cannot write there, and reads them each time.
        logger.debug("cannot save the signatures in %s: %s", folder, error)
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)


def _own_path(name: str) -> Path:
    path = Path(name).expanduser()
    if not path.exists():
        raise ModelMissing(f"there is no model at {path}; correct its path in config.toml")
    return path


def _flush(path: Path) -> None:
    """Flush a file, or the entries of a folder, to the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _advice(name: str) -> str:
    return f"run: appliance models pull {name}"
