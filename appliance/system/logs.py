"""Sets up the log for a terminal or for systemd's journal."""

from __future__ import annotations

import logging
import os
import re
import sys
from typing import TYPE_CHECKING, TextIO

from appliance.system.journald import Journald

if TYPE_CHECKING:
    from collections.abc import Mapping

PACKAGE = "appliance"

CARELESS = ("python_multipart",)
"""Libraries that warn of each malformed request, which is answered and would fill the log."""

PRIORITIES = (
    (logging.CRITICAL, 2),
    (logging.ERROR, 3),
    (logging.WARNING, 4),
    (logging.INFO, 6),
    (logging.NOTSET, 7),
)
"""Python's levels and syslog's priorities, highest level first."""

CONTROL_CHARACTERS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")
"""Control characters, with which a text from outside could rewrite a terminal."""


class JournalFormatter(logging.Formatter):
    """`<6>message` on every line: journald removes the priority and adds the time."""

    def format(self, record: logging.LogRecord) -> str:
        prefix = f"<{_priority(record.levelno)}>"
        lines = printable(super().format(record)).splitlines() or [""]
        return "\n".join(prefix + line for line in lines)


class TerminalFormatter(logging.Formatter):
    """`14:03:07 message`; a level other than info is named."""

    def format(self, record: logging.LogRecord) -> str:
        moment = self.formatTime(record, self.datefmt)
        level = "" if record.levelno == logging.INFO else f"{record.levelname.lower()}: "
        return f"{moment} {level}{printable(super().format(record))}"


class StandardError(logging.StreamHandler[TextIO]):
    """Standard error through a file descriptor of its own.

    sounddevice points descriptor 2 at /dev/null while PortAudio looks for devices; what another
    thread logs at that moment would be lost.
    """

    def __init__(self) -> None:
        try:
            own = os.dup(sys.stderr.fileno())
        except (OSError, ValueError):  # there is none, or it is not a file
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
        level: debug, info, warning or error, for the appliance's own lines. Libraries: warning.
        stream: default: standard error.
        environment: to find out whether journald reads the stream.

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
    for name in CARELESS:
        logging.getLogger(name).setLevel(logging.ERROR)
    logging.captureWarnings(capture=True)
    set_level(level)


def level() -> str:
    """The level of the appliance's own lines: debug, info, warning or error."""
    return logging.getLevelName(logging.getLogger(PACKAGE).getEffectiveLevel()).lower()


def set_level(level: str) -> None:
    """Change the level of the appliance's own lines, at any time."""
    logging.getLogger(PACKAGE).setLevel(level.upper())


def read_by_journal(stream: TextIO, environment: Mapping[str, str] = os.environ) -> bool:
    """Whether journald reads this stream (and not only that of a parent process)."""
    try:
        device, inode = environment.get("JOURNAL_STREAM", "").split(":")
        status = os.fstat(stream.fileno())
        return (status.st_dev, status.st_ino) == (int(device), int(inode))
    except (OSError, ValueError):
        return False


def _priority(level: int) -> int:
    return next(priority for least, priority in PRIORITIES if level >= least)


def printable(text: str) -> str:
    """The text with control characters replaced."""
    return CONTROL_CHARACTERS.sub("\N{REPLACEMENT CHARACTER}", text)
