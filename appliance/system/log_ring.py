"""Keeps the newest lines of the log in memory for the page: bounded, and never on disk."""

from __future__ import annotations

import logging
import threading
from collections import deque
from dataclasses import dataclass

from appliance.system.logs import printable

LINES = 500
"""Maximum number of lines; the oldest is dropped first."""

LONGEST_TEXT = 2000
"""Characters of one line, with its traceback; the rest is cut off."""


@dataclass(frozen=True, slots=True)
class LogLine:
    """One record of the log."""

    number: int
    """Counted since the start."""
    at: float
    """Unix seconds."""
    level: int
    """Level of Python's logging: 10 debug, 20 info, 30 warning, 40 error, 50 critical."""
    where: str
    """Name of the logger."""
    text: str

    @property
    def level_name(self) -> str:
        """Its level in words."""
        return logging.getLevelName(self.level).lower()


class LogRing(logging.Handler):
    """The newest lines. Any thread may write and read."""

    def __init__(self) -> None:
        super().__init__()
        self._lines: deque[LogLine] = deque(maxlen=LINES)
        self._count = 0
        self._ring_lock = threading.Lock()

    def emit(self, record: logging.LogRecord) -> None:
        """Keep a line."""
        text = printable(self.format(record))[:LONGEST_TEXT]
        with self._ring_lock:
            self._count += 1
            self._lines.append(
                LogLine(self._count, record.created, record.levelno, record.name, text)
            )

    def lines(self, after: int = 0, least: int = logging.NOTSET) -> list[LogLine]:
        """The lines after this number, from a level on, the oldest first."""
        with self._ring_lock:
            return [one for one in self._lines if one.number > after and one.level >= least]
