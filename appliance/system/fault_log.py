"""The last faults, kept on disk: the log of a small board is in memory and dies with its power."""

from __future__ import annotations

import logging
import time
import traceback
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from appliance.ids import boot_id
from appliance.system import atomic_file

if TYPE_CHECKING:
    from collections.abc import Callable

FILE = "faults.jsonl"

KEPT = 50

REWRITE_EVERY = 60.0
"""Seconds between two writings of a fault that comes again and again: the card wears."""

FRAMES = 4
"""Of a trace, the innermost."""


LANGUAGE_MODEL = "appliance.engines.llama"
"""Above the loggers of the language model. What they only warn of is a death of its process: all
else goes on, but a board on which that happens again and again has a fault."""


class Fault(msgspec.Struct, kw_only=True):
    """One fault; a line of the file. Nothing of it was said by anybody: no text, no transcript."""

    at: float
    """Unix seconds when it last came; see `boot_id` where the clock was wrong."""
    boot_id: str | None
    where: str
    """The part of the appliance."""
    message: str
    trace: list[str] = []
    """Where in the code, innermost last: file, line and function, no values."""
    times: int = 1


class FaultRing(logging.Handler):
    """Keeps what is logged as an error, the newest KEPT; a full disk costs the ring, no more.

    And the deaths of the language model's process.
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
        """Keep a fault that is not logged as an error."""
        self.acquire()
        try:
            last = self._faults[-1] if self._faults else None
            again = last is not None and (last.where, last.message) == (where, message)
            if last is not None and again and last.boot_id == boot_id():
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
            self._faults = [*self._faults, fault][-KEPT:]
            self._write(at_once=True)
        finally:
            self.release()

    def close(self) -> None:
        if self._unwritten:
            self._write(at_once=True)
        super().close()

    def _write(self, *, at_once: bool) -> None:
        self._unwritten = True
        if not at_once and self._clock() - self._written_at < REWRITE_EVERY:
            return
        self._written_at = self._clock()
        try:
            atomic_file.replace(self._path, b"".join(map(_line, self._faults)))
            self._unwritten = False
        except OSError:
            return  # it stays in memory, and is written with the next one


def read(directory: Path) -> list[Fault]:
    """What is kept, oldest first; lines that cannot be read are passed over."""
    try:
        lines = (directory / FILE).read_bytes().splitlines()
    except OSError:
        return []
    faults = []
    for line in lines[-KEPT:]:
        try:
            faults.append(msgspec.json.decode(line, type=Fault))
        except msgspec.MsgspecError:
            continue
    return faults


def _line(fault: Fault) -> bytes:
    return msgspec.json.encode(fault) + b"\n"


def _trace(record: logging.LogRecord) -> list[str]:
    if not record.exc_info or record.exc_info[2] is None:
        return []
    frames = traceback.extract_tb(record.exc_info[2])[-FRAMES:]
    kind = record.exc_info[0].__name__ if record.exc_info[0] else "error"
    return [f"{Path(one.filename).name}:{one.lineno} {one.name}" for one in frames] + [kind]
