"""The lines of the log in memory: bounded, printable, and asked for by number and level."""

from __future__ import annotations

import logging

import pytest

from appliance.system.log_ring import LINES, LONGEST_TEXT, LogRing


@pytest.fixture
def logger() -> logging.Logger:
    made = logging.Logger("a.test", logging.DEBUG)  # noqa: LOG001  (of nobody else)
    made.addHandler(LogRing())
    return made


def ring_of(logger: logging.Logger) -> LogRing:
    (ring,) = logger.handlers
    assert isinstance(ring, LogRing)
    return ring


def test_only_the_newest_lines_are_kept_and_none_is_long(logger: logging.Logger) -> None:
    for number in range(LINES + 10):
        logger.info("%d %s", number, "x" * 10_000)
    lines = ring_of(logger).lines()
    assert len(lines) == LINES
    assert lines[0].text.startswith("10 x")
    assert all(len(line.text) == LONGEST_TEXT for line in lines)


def test_lines_are_asked_for_after_a_number_and_from_a_level_on(logger: logging.Logger) -> None:
    for level in (logging.DEBUG, logging.INFO, logging.WARNING, logging.ERROR):
        logger.log(level, "one")
    ring = ring_of(logger)
    names = [line.level_name for line in ring.lines(least=logging.WARNING)]
    assert names == ["warning", "error"]
    assert [line.number for line in ring.lines(after=2)] == [3, 4]
    assert ring.lines(after=4) == []


def test_control_characters_are_replaced_and_a_traceback_is_part_of_its_line(
    logger: logging.Logger,
) -> None:
    try:
        int("broken\x1b[2J")
    except ValueError:
        logger.exception("it failed \x07")
    (line,) = ring_of(logger).lines()
    assert "\x1b" not in line.text
    assert "\x07" not in line.text
    assert "ValueError: invalid literal" in line.text
