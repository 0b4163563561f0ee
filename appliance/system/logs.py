"""The log: what an owner reads on a terminal, and what the journal keeps."""

from __future__ import annotations

import logging
import os
import re
import sys
from typing import TYPE_CHECKING, TextIO

from appliance.system.journald import Journald

if TYPE_CHECKING:
    from collections.abc import Mapping

OURS = "appliance"

PRIORITIES = (
    (logging.CRITICAL, 2),
    (logging.ERROR, 3),
    (logging.WARNING, 4),
    (logging.INFO, 6),
    (logging.NOTSET, 7),
)
"""Python's levels as syslog's, highest first."""

UNPRINTABLE = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")
"""What a sentence from outside could use to rewrite the reader's terminal."""


class JournalFormatter(logging.Formatter):
    """`<6>message`, every line of it: journald takes the priority off and adds the time."""

    def format(self, record: logging.LogRecord) -> str:
        prefix = f"<{_priority(record.levelno)}>"
        lines = printable(super().format(record)).splitlines() or [""]
        return "\n".join(prefix + line for line in lines)


class TerminalFormatter(logging.Formatter):
    """`14:03:07 message`, with the level named where it is not the usual one."""

    def format(self, record: logging.LogRecord) -> str:
        moment = self.formatTime(record, self.datefmt)
        level = "" if record.levelno == logging.INFO else f"{record.levelname.lower()}: "
        return f"{moment} {level}{printable(super().format(record))}"


class StandardError(logging.StreamHandler[TextIO]):
    """Standard error by a descriptor of its own.

    sounddevice points descriptor 2 at /dev/null while PortAudio looks for devices, and with it
    whatever another thread logs at that moment.
    """

    def __init__(self) -> None:
        try:
            own = os.dup(sys.stderr.fileno())
        except (OSError, ValueError):  # there is none, or it is no file
            self._owned = False
            super().__init__(sys.stderr)
        else:
            self._owned = True
            super().__init__(os.fdopen(own, "w", 1, "utf-8", "backslashreplace"))

    def close(self) -> None:
        if self._owned:
            self._owned = False
            self.stream.close()
        super().close()


def set_up(
    level: str, stream: TextIO | None = None, environment: Mapping[str, str] = os.environ
) -> None:
    """Send the log to `stream` (standard error: results go to standard output).

    Args:
        level: of our own lines: debug, info, warning or error. Libraries only warn.
        stream: where to, if not to standard error.
        environment: says whether journald reads the stream.

    """
    written = StandardError() if stream is None else logging.StreamHandler(stream)
    handler: logging.Handler = written
    if read_by_journal(written.stream, environment):
        written.setFormatter(JournalFormatter("%(message)s"))
        handler = Journald(written, _priority)
    else:
        date = "%H:%M:%S" if written.stream.isatty() else "%Y-%m-%dT%H:%M:%S%z"
        written.setFormatter(TerminalFormatter("%(message)s", date))
    root = logging.getLogger()
    for other in root.handlers[:]:
        root.removeHandler(other)
        if isinstance(other, (StandardError, Journald)):
            other.close()
    root.addHandler(handler)
    root.setLevel(logging.WARNING)
    logging.captureWarnings(capture=True)
    set_level(level)


def level() -> str:
    """What our own lines are shown from: debug, info, warning or error."""
    return logging.getLevelName(logging.getLogger(OURS).getEffectiveLevel()).lower()


def set_level(level: str) -> None:
    """Change how much our own lines say, at any time; libraries keep to warnings."""
    logging.getLogger(OURS).setLevel(level.upper())


def read_by_journal(stream: TextIO, environment: Mapping[str, str] = os.environ) -> bool:
    """Whether journald is at the other end, and not only of some parent's stream."""
    try:
        device, inode = environment.get("JOURNAL_STREAM", "").split(":")
        status = os.fstat(stream.fileno())
        return (status.st_dev, status.st_ino) == (int(device), int(inode))
    except (OSError, ValueError):
        return False


def _priority(level: int) -> int:
    return next(priority for least, priority in PRIORITIES if level >= least)


def printable(text: str) -> str:
    """The text without what could rewrite the reader's terminal."""
    return UNPRINTABLE.sub("\N{REPLACEMENT CHARACTER}", text)
