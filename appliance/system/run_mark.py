"""A file that exists while the appliance runs: it shows whether the last run ended cleanly."""

from __future__ import annotations

import contextlib
import logging
import os
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

import msgspec

from appliance.errors import UNREADABLE_JSON
from appliance.ids import boot_id
from appliance.system import atomic_file

if TYPE_CHECKING:
    from pathlib import Path

logger = logging.getLogger(__name__)

FILE = "running"


class RunMarkData(msgspec.Struct, frozen=True):
    """The content of the file."""

    boot_id: str | None
    pid: int
    started_at: float
    """Unix seconds, by a clock that may have been wrong."""


@dataclass(frozen=True, slots=True)
class UncleanEnd:
    """The end of the last run, if it did not stop cleanly."""

    same_boot: bool | None
    """True: it was killed or crashed. False: the board lost power or was reset. None: unknown."""
    mark: RunMarkData | None
    """The content of the file; None if it could not be read."""

    def __str__(self) -> str:
        if self.mark is None or self.same_boot is None:
            return "the previous run did not stop cleanly"
        if self.same_boot:
            how = f"it was killed or crashed (pid {self.mark.pid})"
        else:
            how = "the board lost power or was reset"
        return f"the previous run did not stop cleanly: {how}"


class RunMark:
    """The file in a state directory; only for the process that holds its lock."""

    def __init__(self, directory: Path) -> None:
        self._path = directory / FILE

    def create(self) -> UncleanEnd | None:
        """Create it; returns how the last run ended, if it did not stop cleanly.

        A disk that cannot be written is reported elsewhere; then there is no file.
        """
        found = self._found()
        mark = RunMarkData(boot_id(), os.getpid(), round(time.time(), 3))
        with contextlib.suppress(OSError):
            atomic_file.replace(self._path, msgspec.json.encode(mark))
        return found

    def remove(self) -> None:
        """Remove it: the run stops cleanly."""
        with contextlib.suppress(OSError):
            atomic_file.remove(self._path)

    def _found(self) -> UncleanEnd | None:
        try:
            mark = msgspec.json.decode(self._path.read_bytes(), type=RunMarkData)
        except FileNotFoundError:
            return None
        except (OSError, *UNREADABLE_JSON):
            return UncleanEnd(None, None)
        known = mark.boot_id is not None and boot_id() is not None
        return UncleanEnd(mark.boot_id == boot_id() if known else None, mark)
