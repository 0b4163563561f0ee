"""The owner's sentence files on disk: which they are, and whether they have changed."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

Signature = frozenset[tuple[str, int, int]]
"""Path, time of change in nanoseconds, and size of each file."""


def files_below(
    folder: Path, *, on_error: Callable[[OSError], object] | None = None
) -> Iterator[Path]:
    """The YAML files in a folder and in those in it; `on_error` gets what cannot be listed.

    None that is hidden: an editor's lock (`.#a.yaml`) and what a Mac puts beside a file on a
    card (`._a.yaml`) are no sentences.
    """
    for place, folders, names in os.walk(folder, onerror=on_error):
        folders[:] = [name for name in folders if not name.startswith(".")]
        for name in names:
            if name.endswith((".yaml", ".yml")) and not name.startswith("."):
                yield Path(place, name)


class SentenceFileWatch:
    """Looks at a folder of sentence files; ask it every few seconds.

    A look is a listing and a stat per file. There is no need for the kernel's notifications:
    they are lost on network folders, and nobody waits for a sentence file within seconds.
    """

    def __init__(self, folder: Path | None) -> None:
        """None is a folder that never changes: the one in the package."""
        self._folder = folder
        self._known = self._before = self._look()

    def has_changed(self) -> bool:
        """Whether the files are others than at the last yes, and have come to rest.

        Who saves a file writes it in several steps; so two looks in a row must be equal.
        """
        now = self._look()
        at_rest, self._before = now == self._before, now
        if not at_rest or now == self._known:
            return False
        self._known = now
        return True

    def _look(self) -> Signature:
        if self._folder is None:
            return frozenset()
        seen = set()
        for path in files_below(self._folder):  # a folder may be gone for a moment
            with contextlib.suppress(OSError):
                status = path.stat()
                seen.add((str(path), status.st_mtime_ns, status.st_size))
        return frozenset(seen)
