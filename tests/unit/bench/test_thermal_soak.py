"""Samples, plot and verdict of a soak test, with a scripted board and clock."""

from __future__ import annotations

import itertools
import xml.etree.ElementTree as ET
from collections.abc import Iterator

import pytest

from appliance.bench.svg_plot import RIGHT, WIDTH
from appliance.bench.thermal_soak import (
    SoakSample,
    as_line,
    as_svg,
    as_text,
    bars,
    intervals,
    judge,
)
from appliance.values import BoardReading


class HeatingBoard:
    """A board that gets a degree hotter at each read, and is throttled from 80 °C on."""

    def __init__(self, begin: float) -> None:
        self._heat = itertools.count(begin)

    def read(self) -> BoardReading:
        celsius = next(self._heat)
        return BoardReading(temperature_c=celsius, throttlings=int(celsius >= 80))

    def joules(self) -> None:
        return None


def rows(*speeds: float, **known: float | None) -> list[SoakSample]:
    return [
        SoakSample(minutes=float(n), jobs_per_minute=speed, **known)  # type: ignore[arg-type]
        for n, speed in enumerate(speeds)
    ]


def test_each_interval_has_its_speed_and_the_board_s_state_at_its_end() -> None:
    now = [0.0]
    pace: Iterator[float] = itertools.chain([1.0] * 10, itertools.repeat(2.0))

    def job() -> None:
        now[0] += next(pace)

    found = list(intervals(job, HeatingBoard(60), 30.0, 10.0, clock=lambda: now[0]))
    assert [row.jobs_per_minute for row in found] == [60.0, 30.0, 30.0]
    assert [row.temperature_c for row in found] == [61, 62, 63]
    assert [row.minutes for row in found] == [0.17, 0.33, 0.5]


def test_a_job_that_takes_longer_than_an_interval_is_counted() -> None:
    now = [0.0]

    def job() -> None:
        now[0] += 25.0

    found = list(intervals(job, HeatingBoard(60), 40.0, 10.0, clock=lambda: now[0]))
    assert [row.jobs_per_minute for row in found] == [2.4, 2.4]


@pytest.mark.parametrize(
    ("measured", "good"),
    [
        (rows(60, 60, 59, 58, temperature_c=70.0), True),
        (rows(60, 60, 59, 58, temperature_c=81.0), False),
        (rows(60, 60, 50, 40, temperature_c=70.0), False),
        (rows(60, 60, 60, 60, temperature_c=70.0, throttlings=1), False),
        (rows(60, 60, 60, 60, temperature_c=70.0, under_voltages=2), False),
        (rows(60, 60, 60, 60), None),
        (rows(60, 40, 30, 30), False),
        (rows(60, temperature_c=50.0), True),
    ],
)
def test_a_board_is_good_enough_if_it_keeps_its_speed_and_is_not_throttled(
    measured: list[SoakSample],
    good: bool | None,  # noqa: FBT001
) -> None:
    assert judge("a board", measured).good_enough is good


def test_the_verdict_says_what_to_buy() -> None:
    hot = as_text(judge(None, rows(60, 30, temperature_c=84.0, throttlings=3)))
    assert "the board kept 50 % of its first speed: it was throttled; add a fan" in hot
    weak = as_text(judge(None, rows(60, 60, under_voltages=1)))
    assert "use the board's official power supply and a short cable" in weak
    assert "good enough" in as_text(judge(None, rows(60, 60, temperature_c=55.0)))
    assert "no sensors" in as_text(judge(None, rows(60, 60)))


def test_the_bars_have_a_gap_for_an_unknown_value() -> None:
    assert bars([0.0, None, 3.5, 7.0]) == "▁ ▅█"
    assert bars([5.0, 5.0]) == "▁▁"
    assert bars([None]) == " "


def test_an_unknown_value_is_a_dash() -> None:
    assert as_line(rows(60.0)[0]).split() == ["0.0", "60.0", *"------"]


def test_the_plot_has_a_panel_and_a_line_for_each_known_value() -> None:
    course = [
        SoakSample(
            minutes=float(n), jobs_per_minute=60.0 - n, temperature_c=celsius, clock_mhz=2400.0
        )
        for n, celsius in enumerate((60.0, 65.0, None, 75.0, 84.0))
    ]
    picture = ET.fromstring(as_svg(judge("a board", course)))  # noqa: S314 - our own
    kind = "{http://www.w3.org/2000/svg}"
    words = [each.text for each in picture.iter(f"{kind}text")]
    strokes = [each.attrib["points"].split() for each in picture.iter(f"{kind}polyline")]
    assert [len(points) for points in strokes] == [2, 2, 5, 5]  # a gap in the first
    assert "temperature, °C" in words
    assert "its limit, MHz" not in words
    assert any("add a fan" in (word or "") for word in words)
    heights = [float(point.partition(",")[2]) for point in strokes[0] + strokes[1]]
    assert heights == sorted(heights, reverse=True)  # hotter is higher


def test_a_single_sample_without_sensors_can_be_plotted() -> None:
    picture = ET.fromstring(as_svg(judge(None, rows(60.0))))  # noqa: S314 - our own
    assert len(list(picture.iter("{http://www.w3.org/2000/svg}polyline"))) == 1


def test_the_plot_shows_all_samples_even_if_the_last_has_no_tick() -> None:
    picture = ET.fromstring(as_svg(judge(None, rows(*(60.0,) * 20))))  # noqa: S314 - our own
    (stroke,) = picture.iter("{http://www.w3.org/2000/svg}polyline")
    last = stroke.attrib["points"].split()[-1].partition(",")[0]
    assert float(last) == WIDTH - RIGHT
