"""Whether the owner's sentence files have changed on disk."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

Signature = frozenset[tuple[str, int, int]]
"""Path, time of change in nanoseconds, and size of each file."""


class Watch:
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
        for pattern in ("*.yaml", "*.yml"):
            with contextlib.suppress(OSError):  # a folder that is gone for a moment
                for path in self._folder.rglob(pattern):
                    with contextlib.suppress(OSError):
                        status = path.stat()
                        seen.add((str(path), status.st_mtime_ns, status.st_size))
        return frozenset(seen)
