"""Lines with fields, against a socket that reads what journald reads."""

from __future__ import annotations

import io
import logging
import socket
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from appliance.system.journald import Journald, entry


def fields(datagram: bytes) -> dict[str, str]:
    """As journald takes a datagram apart."""
    found = {}
    while datagram:
        line, _, rest = datagram.partition(b"\n")
        name, equals, value = line.partition(b"=")
        if not equals:
            length = int.from_bytes(rest[:8], "little")
            value, rest = rest[8 : 8 + length], rest[8 + length + 1 :]
        found[name.decode()] = value.decode()
        datagram = rest
    return found


class FakeJournald:
    def __init__(self, path: Path) -> None:
        self.path = path
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(str(path))
        self.socket.settimeout(0.5)


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[FakeJournald]:
    reader = FakeJournald(tmp_path / "socket")
    yield reader
    reader.socket.close()


@pytest.fixture
def elsewhere() -> io.StringIO:
    return io.StringIO()


Make = Callable[[Path], logging.Logger]


@pytest.fixture
def logger(elsewhere: io.StringIO) -> Iterator[Make]:
    made: list[Journald] = []

    def make(path: Path) -> logging.Logger:
        handler = Journald(logging.StreamHandler(elsewhere), lambda _: 6, str(path))
        made.append(handler)
        own = logging.Logger("appliance.worker")  # noqa: LOG001 - nobody else shall have it
        own.addHandler(handler)
        return own

    yield make
    for handler in made:
        handler.close()


def test_a_line_with_fields_goes_to_the_journal_with_each_of_them(
    journal: FakeJournald, elsewhere: io.StringIO, logger: Make
) -> None:
    facts = {"job_id": "7f3a", "ms_transcribe": 52.1, "intent": None, "temperature-c": 61}
    logger(journal.path).info("answered %s", "it", extra={"fields": facts})
    assert fields(journal.socket.recv(4096)) == {
        "MESSAGE": "answered it",
        "PRIORITY": "6",
        "SYSLOG_IDENTIFIER": "appliance",
        "LOGGER": "appliance.worker",
        "JOB_ID": "7f3a",
        "MS_TRANSCRIBE": "52.1",
        "TEMPERATURE_C": "61",
    }
    assert elsewhere.getvalue() == ""


def test_a_line_without_fields_goes_where_it_always_went(
    journal: FakeJournald, elsewhere: io.StringIO, logger: Make
) -> None:
    logger(journal.path).info("ready")
    assert elsewhere.getvalue() == "ready\n"
    with pytest.raises(TimeoutError):
        journal.socket.recv(4096)


def test_without_a_journal_no_line_is_lost(
    tmp_path: Path, elsewhere: io.StringIO, logger: Make
) -> None:
    logger(tmp_path / "missing").info("ready", extra={"fields": {}})
    assert elsewhere.getvalue() == "ready\n"


def test_a_journal_that_does_not_read_holds_nobody_up_and_no_line_is_lost(
    journal: FakeJournald, elsewhere: io.StringIO, logger: Make
) -> None:
    own = logger(journal.path)
    for number in range(2000):
        own.info("line %d", number, extra={"fields": {}})
    assert elsewhere.getvalue().splitlines()[-1] == "line 1999"


def test_a_value_of_several_lines_cannot_pass_for_a_field() -> None:
    assert fields(entry({"MESSAGE": "one\nPRIORITY=0", "B": "two"})) == {
        "MESSAGE": "one\nPRIORITY=0",
        "B": "two",
    }
