"""Keeps the last faults on disk: the log of a small board is in memory only."""

from __future__ import annotations

import logging
import time
import traceback
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from appliance.errors import UNREADABLE_JSON
from appliance.ids import boot_id
from appliance.system import atomic_file

if TYPE_CHECKING:
    from collections.abc import Callable

FILE = "faults.jsonl"

MAXIMUM_FAULTS = 50

REWRITE_EVERY_S = 60.0
"""Seconds between two writes for a fault that repeats, because writing wears the card."""

TRACE_FRAMES = 4
"""Innermost frames of a traceback that are kept."""


LANGUAGE_MODEL = "appliance.engines.llama"
"""Parent of the language model's loggers. Their warnings are kept, too: the death of the model's
process is only a warning, because everything else continues."""


class Fault(msgspec.Struct, kw_only=True):
    """One fault; a line of the file. It never has text of users."""

    at: float
    """Unix seconds when it last happened; the clock may have been wrong."""
    boot_id: str | None
    where: str
    """Name of the logger."""
    message: str
    trace: list[str] = []
    """File, line and function, innermost last; no values."""
    times: int = 1


class FaultRing(logging.Handler):
    """Keeps the newest errors of the log, and the language model's warnings.

    If the disk is full, they stay in memory and are written with the next one.
    """

    def __init__(self, directory: Path, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__(logging.WARNING)
        self._path = directory / FILE
        self._clock = clock
        self._faults = read(directory)
        self._written_at = float("-inf")
        self._unwritten = False

    def emit(self, record: logging.LogRecord) -> None:
        if record.levelno < logging.ERROR and not record.name.startswith(LANGUAGE_MODEL):
            return
        trace = _trace(record)
        self.keep(record.name, record.getMessage(), trace)

    def keep(self, where: str, message: str, trace: list[str] | None = None) -> None:
        """Keep a fault; one that repeats the last only increases its count."""
        self.acquire()
        try:
            last = self._faults[-1] if self._faults else None
            repeated = last is not None and (last.where, last.message) == (where, message)
            if last is not None and repeated and last.boot_id == boot_id():
                last.times, last.at = last.times + 1, round(time.time(), 3)
                self._write(at_once=False)
                return
            fault = Fault(
                at=round(time.time(), 3),
                boot_id=boot_id(),
                where=where,
                message=message,
                trace=trace or [],
            )
            self._faults = [*self._faults, fault][-MAXIMUM_FAULTS:]
            self._write(at_once=True)
        finally:
            self.release()

    def close(self) -> None:
        if self._unwritten:
            self._write(at_once=True)
        super().close()

    def _write(self, *, at_once: bool) -> None:
        self._unwritten = True
        if not at_once and self._clock() - self._written_at < REWRITE_EVERY_S:
            return
        self._written_at = self._clock()
        try:
            atomic_file.replace(self._path, b"".join(map(_line, self._faults)))
            self._unwritten = False
        except OSError:
            return


def read(directory: Path) -> list[Fault]:
    """The kept faults, oldest first; lines that cannot be read are skipped."""
    try:
        lines = (directory / FILE).read_bytes().splitlines()
    except OSError:
        return []
    faults = []
    for line in lines[-MAXIMUM_FAULTS:]:
        try:
            faults.append(msgspec.json.decode(line, type=Fault))
        except UNREADABLE_JSON:
            continue
    return faults


def _line(fault: Fault) -> bytes:
    return msgspec.json.encode(fault) + b"\n"


def _trace(record: logging.LogRecord) -> list[str]:
    if not record.exc_info or record.exc_info[2] is None:
        return []
    frames = traceback.extract_tb(record.exc_info[2])[-TRACE_FRAMES:]
    kind = record.exc_info[0].__name__ if record.exc_info[0] else "error"
    return [f"{Path(one.filename).name}:{one.lineno} {one.name}" for one in frames] + [kind]
