"""Which tests may run at the same time: whole files, but only one of those with real sound."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from xdist.scheduler.loadscope import LoadScopeScheduling

REPOSITORY = Path(__file__).parents[2]


class FilesInParallel(LoadScopeScheduling):  # type: ignore[misc]
    """Gives each worker whole files, so that a daemon of a module is started once.

    Files with a virtual microphone follow each other: they hear sound in real time, which two of
    them at once would starve.
    """

    def _split_scope(self, nodeid: str) -> str:
        file = nodeid.partition("::")[0]
        return "real sound" if has_real_sound(file) else file


@cache
def has_real_sound(file: str) -> bool:
    """Whether a test file (path from the repository's root) uses the virtual microphone."""
    source = (REPOSITORY / file).read_text("utf-8")
    return "support.virtual_microphone" in source or "support.daemon_with_microphone" in source
