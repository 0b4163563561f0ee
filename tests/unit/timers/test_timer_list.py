"""Timers by a clock that the test moves: both clocks of a board, its reboots and its time zone."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from support.board_clock import NOON, BoardClock

from appliance.messages.timer_payloads import TimerChange, TimerKind, TimerPhase
from appliance.timers.clocks import Moment
from appliance.timers.timer import Timer
from appliance.timers.timer_list import LATE_S, STALE_S, Query, TimerList


@pytest.fixture(autouse=True)
def zone() -> Iterator[None]:
    """Central Europe, where the hour changes on the last Sundays of March and October."""
    before = os.environ.get("TZ")
    os.environ["TZ"] = "Europe/Berlin"
    time.tzset()
    yield
    os.environ.pop("TZ")
    if before is not None:
        os.environ["TZ"] = before
    time.tzset()


def timers(board: BoardClock) -> TimerList:
    return TimerList(board.clocks())


def start(made: TimerList, seconds: float, name: str = "", **fields: Any) -> Timer:
    timer = Timer(
        id=name or f"t{len(made.timers)}",
        due=made.clocks.after(seconds),
        duration_s=seconds,
        name=name or None,
        **fields,
    )
    made.start(timer)
    return timer


def alarm(made: TimerList, hour: int, minute: int, *days: int) -> Timer:
    due = made.clocks.next_time_of_day(hour, minute, days)
    timer = Timer(id="alarm", kind=TimerKind.ALARM, due=due, hour=hour, minute=minute, days=days)
    made.start(timer)
    return timer


def restarted(before: TimerList, board: BoardClock, latest: float) -> TimerList:
    return TimerList(board.clocks(latest), dict(before.timers))


def local(moment: Moment) -> str:
    return time.strftime("%Y-%m-%d %H:%M", time.localtime(moment.unix_s))


def changes(made: TimerList) -> list[str]:
    return [str(change) for change, _ in made.happened]


def test_a_timer_rings_once_when_its_time_has_come() -> None:
    board = BoardClock()
    made = timers(board)
    start(made, 10.0)
    board.go(9.9)
    made.tick()
    assert made.ringing() == []
    board.go(0.2)
    made.tick()
    made.tick()
    assert changes(made) == ["started", "finished"]
    assert [timer.phase for timer in made.ringing()] == [TimerPhase.RINGING]


def test_what_rang_is_gone_after_it_was_silenced() -> None:
    board = BoardClock()
    made = timers(board)
    start(made, 1.0)
    board.go(2.0)
    made.tick()
    made.silence(made.ringing()[0])
    assert made.timers == {}
    assert changes(made) == ["started", "finished", "silenced"]


def test_the_same_id_is_started_once() -> None:
    made = timers(BoardClock())
    start(made, 10.0, "tea")
    start(made, 99.0, "tea")
    assert [timer.duration_s for timer in made.timers.values()] == [10.0]


def test_a_calendar_that_is_set_does_not_move_a_timer() -> None:
    board = BoardClock(calendar=0.0)
    made = timers(board)
    start(made, 600.0)
    board.calendar = NOON
    made.tick()
    assert made.ringing() == []
    board.go(599.0)
    made.tick()
    assert made.ringing() == []
    board.go(1.1)
    made.tick()
    assert len(made.ringing()) == 1


def test_a_timer_that_was_started_before_the_calendar_was_set_is_right_after_a_power_cut() -> None:
    board = BoardClock(calendar=0.0)
    made = timers(board)
    start(made, 600.0)
    board.calendar = NOON
    made.tick()
    after = BoardClock(NOON + 60.0, "second")
    made = restarted(made, after, NOON)
    assert made.left_s(made.sorted()[0]) == pytest.approx(540.0)


def test_what_is_left_is_kept_if_the_board_forgets_the_time_in_a_power_cut() -> None:
    board = BoardClock()
    made = timers(board)
    start(made, 600.0)
    after = BoardClock(0.0, "second")
    made = restarted(made, after, NOON)
    assert made.left_s(made.sorted()[0]) == pytest.approx(600.0)
    after.go(100.0)
    assert made.left_s(made.sorted()[0]) == pytest.approx(500.0)


def test_a_timer_that_ended_long_ago_while_the_power_was_off_is_missed_and_does_not_ring() -> None:
    made = timers(BoardClock())
    start(made, 60.0)
    after = BoardClock(NOON + 60.0 + LATE_S + 1.0, "second")
    made = restarted(made, after, NOON)
    _, missed = made.tick()
    assert len(missed) == 1
    assert made.timers == {}
    assert changes(made) == ["missed"]


def test_a_timer_that_ended_just_now_while_the_power_was_off_rings() -> None:
    made = timers(BoardClock())
    start(made, 60.0)
    made = restarted(made, BoardClock(NOON + 62.0, "second"), NOON)
    made.tick()
    assert len(made.ringing()) == 1


def test_what_rings_goes_on_after_a_restart_without_ringing_a_second_time() -> None:
    board = BoardClock()
    made = timers(board)
    start(made, 1.0)
    board.go(2.0)
    made.tick()
    board.go(10.0)
    made = restarted(made, board, NOON)
    made.tick()
    assert changes(made) == []
    assert made.rang_for_s(made.ringing()[0]) == pytest.approx(10.0)


@pytest.mark.parametrize(
    ("late_s", "expected"), [(STALE_S - 1, "finished"), (STALE_S + 1, "missed")]
)
def test_a_delayed_command_is_done_in_time_or_never(late_s: float, expected: str) -> None:
    made = timers(BoardClock())
    start(made, 60.0, kind=TimerKind.COMMAND, text="turn off the fan")
    made = restarted(made, BoardClock(NOON + 60.0 + late_s, "second"), NOON)
    commands, missed = made.tick()
    assert len(commands) + len(missed) == 1
    assert changes(made) == [expected]
    assert made.timers == {}


def test_paused_time_does_not_pass() -> None:
    board = BoardClock()
    made = timers(board)
    timer = start(made, 60.0, "tea")
    board.go(10.0)
    made.pause(timer)
    board.go(1000.0)
    made.tick()
    paused = made.timers["tea"]
    assert made.left_s(paused) == pytest.approx(50.0)
    made.resume(paused)
    board.go(49.0)
    made.tick()
    assert made.ringing() == []
    board.go(1.1)
    made.tick()
    assert len(made.ringing()) == 1


def test_time_is_added_and_taken_away_while_it_runs_and_while_it_is_paused() -> None:
    made = timers(BoardClock())
    made.lengthen(start(made, 60.0, "tea"), 30.0)
    assert made.left_s(made.timers["tea"]) == pytest.approx(90.0)
    made.pause(made.timers["tea"])
    made.lengthen(made.timers["tea"], -80.0)
    assert made.left_s(made.timers["tea"]) == pytest.approx(10.0)
    made.resume(made.timers["tea"])
    made.lengthen(made.timers["tea"], -999.0)
    made.tick()
    assert len(made.ringing()) == 1


def test_the_timer_meant_is_found_by_name_room_or_duration() -> None:
    made = timers(BoardClock())
    tea, pasta = start(made, 60.0, "tea"), start(made, 600.0, "pasta", area="kitchen")
    assert made.find(Query(name="Tea")) == [tea]
    assert made.find(Query(area="kitchen")) == [pasta]
    assert made.find(Query(duration_s=600.0)) == [pasta]
    assert made.find(Query(name="rice")) == []


def test_without_a_name_several_timers_are_ambiguous_unless_phase_or_room_decide() -> None:
    made = timers(BoardClock())
    tea, pasta = start(made, 60.0, "tea"), start(made, 600.0, "pasta", area="kitchen")
    assert made.find(Query()) == [tea, pasta]
    assert made.find(Query(), near="kitchen") == [pasta]
    made.pause(tea)
    assert [timer.id for timer in made.find(Query(), TimerPhase.PAUSED)] == ["tea"]
    assert [timer.id for timer in made.find(Query(), TimerPhase.RUNNING)] == ["pasta"]


def test_an_alarm_rings_at_its_time_of_day_and_on_its_days_only() -> None:
    board = BoardClock()  # Monday, 13:00 in Berlin
    made = timers(board)
    assert local(alarm(made, 7, 30, 0, 2).due) == "2026-03-04 07:30"
    board.go(2 * 86_400.0)  # Wednesday, 13:00: more than LATE_S late
    _, missed = made.tick()
    assert len(missed) == 1
    assert local(made.timers["alarm"].due) == "2026-03-09 07:30"


def test_a_repeated_alarm_waits_for_its_next_day_after_it_was_stopped() -> None:
    board = BoardClock()
    made = timers(board)
    alarm(made, 13, 1, *range(7))
    board.go(61.0)
    made.tick()
    made.cancel(made.ringing()[0])
    assert local(made.timers["alarm"].due) == "2026-03-03 13:01"


def test_a_snoozed_alarm_rings_again_after_the_pause_and_then_on_its_next_day() -> None:
    board = BoardClock()
    made = timers(board)
    alarm(made, 13, 1, *range(7))
    board.go(61.0)
    made.tick()
    made.snooze(made.ringing()[0], 540.0)
    made.tick()
    assert made.ringing() == []
    board.go(541.0)
    made.tick()
    made.silence(made.ringing()[0])
    assert local(made.timers["alarm"].due) == "2026-03-03 13:01"


def test_an_alarm_keeps_its_time_of_day_over_the_change_to_summer_time() -> None:
    board = BoardClock(datetime(2026, 3, 28, 20, 0, tzinfo=UTC).timestamp())
    made = timers(board)
    assert local(alarm(made, 7, 0).due) == "2026-03-29 07:00"
    assert made.left_s(made.timers["alarm"]) == 9 * 3600.0


def test_a_time_that_summer_time_leaves_out_is_taken_an_hour_later() -> None:
    board = BoardClock(datetime(2026, 3, 28, 20, 0, tzinfo=UTC).timestamp())
    assert local(alarm(timers(board), 2, 30).due) == "2026-03-29 03:30"


def test_an_alarm_in_the_hour_that_comes_twice_rings_once() -> None:
    board = BoardClock(datetime(2026, 10, 24, 20, 0, tzinfo=UTC).timestamp())
    made = timers(board)
    alarm(made, 2, 30, *range(7))
    for _ in range(12 * 60):
        board.go(60.0)
        made.tick()
        for timer in made.ringing():
            made.silence(timer)
    assert changes(made).count("finished") == 1


def test_an_alarm_rings_once_a_day_even_if_the_clock_is_set_back() -> None:
    board = BoardClock()
    made = timers(board)
    alarm(made, 13, 1, *range(7))
    board.go(61.0)
    made.tick()
    made.silence(made.ringing()[0])
    board.calendar -= 600.0
    for _ in range(20):
        board.go(60.0)
        made.tick()
    assert changes(made).count("finished") == 1
    assert local(made.timers["alarm"].due) == "2026-03-03 13:01"


def test_an_alarm_follows_a_clock_that_is_set() -> None:
    board = BoardClock(calendar=0.0)  # 1 January 1970, 1:00 in Berlin
    made = timers(board)
    alarm(made, 7, 0)
    board.calendar = NOON
    made.tick()
    assert made.ringing() == []
    assert local(made.timers["alarm"].due) == "2026-03-03 07:00"


def test_an_alarm_whose_time_a_small_correction_of_the_clock_skipped_still_rings() -> None:
    board = BoardClock()
    made = timers(board)
    alarm(made, 13, 1)
    board.go(50.0)
    board.calendar += 30.0
    made.tick()
    assert len(made.ringing()) == 1


def test_a_clock_that_was_set_far_ahead_by_mistake_is_put_right_when_it_is_synchronised() -> None:
    board = BoardClock()
    board.synced = True
    made = TimerList(board.clocks(latest=NOON + 1e9))
    assert local(alarm(made, 14, 0).due) == "2026-03-02 14:00"


def test_every_change_is_marked_to_be_saved() -> None:
    made = timers(BoardClock())
    timer = start(made, 60.0, "tea")
    assert made.unsaved == {"tea"}
    made.unsaved.clear()
    made.cancel(timer)
    assert made.unsaved == {"tea"}
    assert [change for change, _ in made.happened] == [TimerChange.STARTED, TimerChange.CANCELLED]
