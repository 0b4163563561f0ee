"""Deadlines on disk, by clocks that are told what to say."""

from __future__ import annotations

from appliance.journal.deadlines import Deadlines, StoredDeadline

YEAR = 365 * 86_400.0


def clocks(boot: str | None, seconds: float, calendar: float) -> Deadlines:
    return Deadlines(boot, lambda: seconds, lambda: calendar)


def test_none_stays_none() -> None:
    one = clocks("a", 10.0, 1000.0)
    assert one.restored(one.stored(None)) is None


def test_within_a_boot_no_change_of_the_calendar_moves_a_deadline() -> None:
    stored = clocks("a", 10.0, 1000.0).stored(70.0)
    assert clocks("a", 30.0, 1000.0 + YEAR).restored(stored) == 70.0
    assert clocks("a", 30.0, 1000.0 - YEAR).restored(stored) == 70.0


def test_after_a_reboot_the_calendar_tells_how_long_the_power_was_off() -> None:
    stored = clocks("a", 5000.0, 1000.0).stored(5060.0)
    assert clocks("b", 20.0, 1025.0).restored(stored) == 20.0 + 35.0
    assert clocks("b", 20.0, 1000.0 + YEAR).restored(stored) == 20.0 + 60.0 - YEAR


def test_where_the_board_does_not_name_its_boots_the_calendar_serves() -> None:
    stored = clocks(None, 5000.0, 1000.0).stored(5060.0)
    assert clocks(None, 20.0, 1025.0).restored(stored) == 55.0


def test_a_row_of_an_older_journal_has_only_the_calendars_time() -> None:
    assert clocks("b", 20.0, 1025.0).restored(StoredDeadline(None, 1060.0, 1060.0)) == 55.0
