"""Finds the owner's files, and notices when they change."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

Signature = frozenset[tuple[str, int, int]]
"""Path, time of modification in nanoseconds, and size in bytes of each file."""


def files_below(
    folder: Path, *, on_error: Callable[[OSError], object] | None = None
) -> Iterator[Path]:
    """The YAML files in a folder and its subfolders; `on_error` gets folders that cannot be read.

    Hidden files are left out: an editor's lock (`.#a.yaml`) and what a Mac puts beside a file on
    a card (`._a.yaml`) have no sentences.
    """
    for place, folders, names in os.walk(folder, onerror=on_error):
        folders[:] = [name for name in folders if not name.startswith(".")]
        for name in names:
            if name.endswith((".yaml", ".yml")) and not name.startswith("."):
                yield Path(place, name)


class FileWatch:
    """Polls a folder of YAML files, or a single file, for changes; call it every few seconds.

    A poll is a listing and a stat per file. Kernel notifications are not used, because they are
    lost on network folders, and a change may take a few seconds.
    """

    def __init__(self, path: Path | None) -> None:
        """`path` None is what is in the package, which never changes."""
        self._path = path
        self._reported = self._previous = self._signature()

    def has_changed(self) -> bool:
        """Whether the files differ from those at the last True, and no program is still writing.

        An editor saves a file in several steps, so two polls in a row must be equal.
        """
        now = self._signature()
        settled, self._previous = now == self._previous, now
        if not settled or now == self._reported:
            return False
        self._reported = now
        return True

    def _signature(self) -> Signature:
        if self._path is None:
            return frozenset()
        seen = set()
        for path in (self._path, *files_below(self._path)):  # it may be gone for a moment
            if path.is_dir():
                continue
            with contextlib.suppress(OSError):
                status = path.stat()
                seen.add((str(path), status.st_mtime_ns, status.st_size))
        return frozenset(seen)
