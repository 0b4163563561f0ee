"""The history of the board: means of equal steps, bounded, with gaps where nothing was measured."""

from __future__ import annotations

import sys

import pytest
from support.fake_clock import FakeClock

from appliance.events import BoardRead, JobFinished, WordsHeard
from appliance.page.board_history import BoardHistory, Measured, Span
from appliance.values import BoardReading, Outcome, Result, Source, TextInput, Trigger

JOB = TextInput("1", "", Source.COMMAND_LINE, Trigger.COMMAND_LINE)


def result(ms: float) -> JobFinished:
    timings = {"total": ms, "resolve": 1.0}
    ended = Result(
        id="1",
        source=Source.MQTT,
        trigger=Trigger.REQUEST,
        language="en",
        outcome=Outcome.ANSWER,
        timings_ms=timings,
        at="",
    )
    return JobFinished(JOB, ended)


def test_each_point_is_the_mean_of_its_step_and_the_slowest_result() -> None:
    clock = FakeClock(1000.0)
    history = BoardHistory(clock)
    for celsius in (40.0, 50.0):
        history.on_event(BoardRead(BoardReading(temperature_c=celsius)))
        history.on_event(result(celsius * 10))
        clock.sleep(5.0)
    history.on_event(BoardRead(BoardReading(temperature_c=99.0)))
    history.on_event(WordsHeard("nothing to do with it"))
    assert history.points(Measured.TEMPERATURE, Span.HOUR) == [(0.0, 45.0)]
    assert history.points(Measured.LATENCY, Span.HOUR) == [(0.0, 450.0)]
    assert history.points(Measured.SLOWEST, Span.HOUR) == [(0.0, 500.0)]
    assert history.points(Measured.POWER, Span.HOUR) == [(0.0, None)]
    assert history.points(Measured.TEMPERATURE, Span.DAY) == []


def test_while_the_board_was_asleep_there_is_a_gap() -> None:
    clock = FakeClock(1000.0)
    history = BoardHistory(clock)
    for pause in (10.0, 60.0, 10.0):
        history.on_event(BoardRead(BoardReading(temperature_c=40.0)))
        clock.sleep(pause)
    history.on_event(BoardRead(BoardReading(temperature_c=40.0)))
    values = [value for _, value in history.points(Measured.TEMPERATURE, Span.HOUR)]
    assert values == [40.0, 40.0, None, 40.0]


@pytest.mark.parametrize(("span", "steps", "seconds"), [(Span.HOUR, 360, 10), (Span.DAY, 288, 300)])
def test_no_more_than_the_span_is_kept_however_long_it_runs(
    span: Span, steps: int, seconds: int
) -> None:
    clock = FakeClock(0.0)
    history = BoardHistory(clock)
    for _ in range(2 * steps):
        history.on_event(BoardRead(BoardReading(memory_used_mb=1.0, temperature_c=2.0)))
        clock.sleep(seconds)
    points = history.points(Measured.MEMORY, span)
    assert len(points) <= steps
    assert points[0][0] >= -steps * seconds
    assert all(value == 1.0 for _, value in points)


def test_a_flood_of_results_in_one_step_takes_no_memory() -> None:
    history = BoardHistory(FakeClock())
    history.on_event(result(1.0))
    before = sys.getallocatedblocks()
    for _ in range(5000):
        history.on_event(result(2.0))
    assert sys.getallocatedblocks() - before < 500
