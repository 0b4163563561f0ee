"""A mark that stands while the appliance runs: it tells the next run how the last one ended."""

from __future__ import annotations

import contextlib
import logging
import os
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

import msgspec

from appliance.ids import boot_id
from appliance.system import atomic_file

if TYPE_CHECKING:
    from pathlib import Path

logger = logging.getLogger(__name__)

FILE = "running"


class RunMarkData(msgspec.Struct, frozen=True):
    """What stands in the file."""

    boot_id: str | None
    pid: int
    started_at: float
    """Unix seconds, by a clock that may have been wrong."""


@dataclass(frozen=True, slots=True)
class Ending:
    """How the last run ended, when it did not stop in order."""

    same_boot: bool | None
    """True: it was killed or crashed. False: the board lost power or was reset. None: unknown."""
    mark: RunMarkData | None
    """None where the file held nothing that could be read."""

    def __str__(self) -> str:
        if self.mark is None or self.same_boot is None:
            return "the appliance did not stop in order last time"
        if self.same_boot:
            how = f"it was killed or crashed (pid {self.mark.pid})"
        else:
            how = "the board lost power or was reset"
        return f"the appliance did not stop in order last time: {how}"


class RunMark:
    """The mark in a state directory; belongs to who holds its lock."""

    def __init__(self, directory: Path) -> None:
        self._path = directory / FILE

    def put(self) -> Ending | None:
        """Put it there; how the last run ended, if that was not in order.

        A disk that cannot be written is said elsewhere; then there is no mark.
        """
        found = self._found()
        mark = RunMarkData(boot_id(), os.getpid(), round(time.time(), 3))
        with contextlib.suppress(OSError):
            atomic_file.replace(self._path, msgspec.json.encode(mark))
        return found

    def take_away(self) -> None:
        """The run ends in order."""
        with contextlib.suppress(OSError):
            atomic_file.remove(self._path)

    def _found(self) -> Ending | None:
        try:
            mark = msgspec.json.decode(self._path.read_bytes(), type=RunMarkData)
        except FileNotFoundError:
            return None
        except (OSError, msgspec.MsgspecError):
            return Ending(None, None)
        known = mark.boot_id is not None and boot_id() is not None
        return Ending(mark.boot_id == boot_id() if known else None, mark)
