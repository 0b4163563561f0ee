"""A soak's rows, its plot and its verdict, on a board and a clock that do as they are told."""

from __future__ import annotations

import itertools
import xml.etree.ElementTree as ET
from collections.abc import Iterator

import pytest

from appliance.bench.soak import SoakSample, as_line, as_svg, as_text, bars, judge, stretches
from appliance.bench.svg_plot import RIGHT, WIDTH
from appliance.values import BoardReading


class Oven:
    """A board that gets a degree hotter at each look, and is held back from 80 °C on."""

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


def test_each_stretch_has_its_speed_and_the_board_s_state_at_its_end() -> None:
    now = [0.0]
    pace: Iterator[float] = itertools.chain([1.0] * 10, itertools.repeat(2.0))

    def job() -> None:
        now[0] += next(pace)

    found = list(stretches(job, Oven(60), 30.0, 10.0, clock=lambda: now[0]))
    assert [row.jobs_per_minute for row in found] == [60.0, 30.0, 30.0]
    assert [row.temperature_c for row in found] == [61, 62, 63]
    assert [row.minutes for row in found] == [0.17, 0.33, 0.5]


def test_a_job_that_takes_longer_than_a_stretch_is_counted_all_the_same() -> None:
    now = [0.0]

    def job() -> None:
        now[0] += 25.0

    found = list(stretches(job, Oven(60), 40.0, 10.0, clock=lambda: now[0]))
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
def test_a_board_is_good_enough_when_it_keeps_its_speed_and_nothing_holds_it_back(
    measured: list[SoakSample],
    good: bool | None,  # noqa: FBT001
) -> None:
    assert judge("a board", measured).good_enough is good


def test_the_owner_is_told_what_to_buy() -> None:
    hot = as_text(judge(None, rows(60, 30, temperature_c=84.0, throttlings=3)))
    assert "50 % of its first speed was kept: the board is held back; give it a fan" in hot
    weak = as_text(judge(None, rows(60, 60, under_voltages=1)))
    assert "use the board's own supply and a short cable" in weak
    assert "good enough" in as_text(judge(None, rows(60, 60, temperature_c=55.0)))
    assert "no sensors" in as_text(judge(None, rows(60, 60)))


def test_the_plot_has_a_bar_for_each_row_and_a_gap_where_nothing_is_known() -> None:
    assert bars([0.0, None, 3.5, 7.0]) == "▁ ▅█"
    assert bars([5.0, 5.0]) == "▁▁"
    assert bars([None]) == " "


def test_what_the_board_cannot_tell_is_a_dash() -> None:
    assert as_line(rows(60.0)[0]).split() == ["0.0", "60.0", *"------"]


def test_the_picture_has_a_panel_for_what_the_board_tells_and_a_line_for_each_course() -> None:
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
    assert any("give it a fan" in (word or "") for word in words)
    heights = [float(point.partition(",")[2]) for point in strokes[0] + strokes[1]]
    assert heights == sorted(heights, reverse=True)  # hotter is higher


def test_a_soak_of_one_row_without_sensors_can_be_drawn() -> None:
    picture = ET.fromstring(as_svg(judge(None, rows(60.0))))  # noqa: S314 - our own
    assert len(list(picture.iter("{http://www.w3.org/2000/svg}polyline"))) == 1


def test_the_picture_holds_the_whole_course_also_where_its_last_row_has_no_name() -> None:
    picture = ET.fromstring(as_svg(judge(None, rows(*(60.0,) * 20))))  # noqa: S314 - our own
    (stroke,) = picture.iter("{http://www.w3.org/2000/svg}polyline")
    last = stroke.attrib["points"].split()[-1].partition(",")[0]
    assert float(last) == WIDTH - RIGHT
