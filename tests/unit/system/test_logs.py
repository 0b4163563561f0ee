"""The format of a log line on a terminal and in the journal."""

from __future__ import annotations

import io
import logging
import sys
from typing import TYPE_CHECKING

import pytest

from appliance.system import logs

if TYPE_CHECKING:
    from collections.abc import Iterator


class FakeTerminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture(autouse=True)
def _logging_as_it_was() -> Iterator[None]:
    root, ours = logging.getLogger(), logging.getLogger(logs.PACKAGE)
    before = root.handlers[:], root.level, ours.level
    yield
    root.handlers[:], level, our_level = before
    root.setLevel(level)
    ours.setLevel(our_level)
    logging.captureWarnings(capture=False)


def record(
    level: int, message: str, *arguments: object, error: ValueError | None = None
) -> logging.LogRecord:
    info = (type(error), error, error.__traceback__) if error else None
    return logging.LogRecord("appliance.x", level, "x.py", 1, message, arguments, info)


def an_error() -> ValueError:
    try:
        int("first line\nsecond")
    except ValueError as error:
        error.add_note("a note\nof two lines")
        return error
    raise AssertionError


@pytest.mark.parametrize(
    ("level", "line"),
    [
        (logging.DEBUG, "<7>heard 3"),
        (logging.INFO, "<6>heard 3"),
        (logging.WARNING, "<4>heard 3"),
        (logging.ERROR, "<3>heard 3"),
        (logging.CRITICAL, "<2>heard 3"),
        (logging.INFO + 1, "<6>heard 3"),
    ],
)
def test_the_journal_gets_the_priority_and_no_time(level: int, line: str) -> None:
    assert logs.JournalFormatter("%(message)s").format(record(level, "heard %d", 3)) == line


def test_every_line_of_a_traceback_has_its_priority() -> None:
    formatted = logs.JournalFormatter("%(message)s").format(
        record(logging.ERROR, "the worker stopped", error=an_error())
    )
    lines = formatted.splitlines()
    assert lines[0] == "<3>the worker stopped"
    assert lines[-1] == "<3>of two lines"
    assert all(line.startswith("<3>") for line in lines)


def test_an_empty_message_is_still_a_line() -> None:
    assert logs.JournalFormatter("%(message)s").format(record(logging.INFO, "")) == "<6>"


def test_text_from_outside_cannot_rewrite_the_terminal() -> None:
    for formatter in (logs.JournalFormatter("%(message)s"), logs.TerminalFormatter("%(message)s")):
        formatted = formatter.format(record(logging.INFO, "said %s", "\x1b[2J\rbad\x9b31m"))
        assert formatted.endswith("said �[2J�bad�31m")


def test_a_terminal_line_has_the_time_and_levels_other_than_info() -> None:
    terminal = FakeTerminal()
    logs.set_up("debug", terminal, {})
    ours = logging.getLogger("appliance.audio")
    ours.info("listening")
    ours.warning("the microphone is silent")
    usual, unusual = terminal.getvalue().splitlines()
    assert usual[2::3][:2] == "::"
    assert usual[8:] == " listening"
    assert unusual[8:] == " warning: the microphone is silent"


def test_a_file_gets_the_date_and_the_zone() -> None:
    file = io.StringIO()
    logs.set_up("info", file, {})
    logging.getLogger("appliance").info("listening")
    moment, text = file.getvalue().split(" ", 1)
    assert len(moment) == len("2026-01-01T00:00:00+0000")
    assert text == "listening\n"


def test_libraries_log_warnings_only_at_every_level() -> None:
    file = io.StringIO()
    logs.set_up("debug", file, {})
    for library in ("faster_whisper", "paho", "httpx", "urllib3.connectionpool"):
        logging.getLogger(library).info("chatter")
    logging.getLogger("faster_whisper").warning("a problem")
    logging.getLogger("appliance.engines").debug("ours")
    lines = [line.split(" ", 1)[1] for line in file.getvalue().splitlines()]
    assert lines == ["warning: a problem", "debug: ours"]


def test_the_level_can_be_changed_while_it_runs() -> None:
    file = io.StringIO()
    logs.set_up("warning", file, {})
    ours = logging.getLogger("appliance.messaging")
    ours.info("not wanted")
    logs.set_level("info")
    ours.info("wanted")
    assert file.getvalue().endswith(" wanted\n")
    assert "not wanted" not in file.getvalue()


def test_setting_up_twice_writes_each_line_once() -> None:
    file = io.StringIO()
    logs.set_up("info", file, {})
    logs.set_up("info", file, {})
    logging.getLogger("appliance").info("once")
    assert file.getvalue().count("once") == 1


@pytest.mark.parametrize("named", ["", "8", "8:x", "8:999999999"])
def test_journald_on_another_stream_does_not_count(named: str) -> None:
    assert not logs.read_by_journal(sys.stderr, {"JOURNAL_STREAM": named})
    assert not logs.read_by_journal(io.StringIO(), {"JOURNAL_STREAM": named})
