"""A process of its own that takes one fuzzed input after another, within a time limit."""

from __future__ import annotations

import multiprocessing
import traceback
from typing import TYPE_CHECKING, Any

import psutil

if TYPE_CHECKING:
    from collections.abc import Callable
    from multiprocessing.connection import Connection

FIRST_S = 60.0
"""How long the first input may take, with all the imports."""


class FuzzWorker:
    """Calls `take` with each input; a hang or a crash ends only the process, and is told.

    `take` returns a short word for what became of the input. What it raises is a fault.
    """

    def __init__(self, take: Callable[[Any], str], limit_s: float) -> None:
        self._take, self._limit_s = take, limit_s
        self._process: Any = None
        self._pipe: Connection | None = None
        self.starts = 0
        self.memory_mb: list[float] = []
        """Resident memory after each input, since the last start."""

    def turn(self, given: Any) -> tuple[str, str]:
        """Return (word, "") or ("fault", what happened)."""
        limit_s = self._limit_s
        if self._process is None:
            self._start()
            limit_s = FIRST_S
        assert self._pipe is not None
        try:
            self._pipe.send(given)
            if not self._pipe.poll(limit_s):
                self.end()
                return "fault", f"takes more than {limit_s:g} s"
            word, fault = self._pipe.recv()
            memory = psutil.Process(self._process.pid).memory_info().rss / 1e6
        except (EOFError, OSError, psutil.Error):
            self._process.join(5)
            status = self._process.exitcode
            self.end()
            return "fault", f"the process ended with status {status}"
        self.memory_mb.append(memory)
        return word, fault

    def end(self) -> None:
        """End the process; the next input starts another one."""
        if self._process is not None:
            self._process.kill()
            self._process.join()
            self._process = None

    def grown_mb(self) -> float:
        """Growth of the last process: the mean of its last tenth against that of its second."""
        tenth = len(self.memory_mb) // 10
        if tenth == 0:
            return 0.0
        early, late = self.memory_mb[tenth : 2 * tenth], self.memory_mb[-tenth:]
        return round(sum(late) / tenth - sum(early) / tenth, 1)

    def _start(self) -> None:
        context = multiprocessing.get_context("spawn")
        self._pipe, theirs = context.Pipe()
        self._process = context.Process(target=_serve, args=(self._take, theirs), daemon=True)
        self._process.start()
        theirs.close()
        self.starts += 1
        self.memory_mb.clear()


def _serve(take: Callable[[Any], str], pipe: Connection) -> None:
    while True:
        given = pipe.recv()
        try:
            pipe.send((take(given), ""))
        except MemoryError:
            raise
        except BaseException:  # noqa: BLE001  (each is a fault to be told)
            pipe.send(("fault", traceback.format_exc(limit=-6)))
