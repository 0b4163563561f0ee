"""Draws a plot as SVG without a plotting library: panels one above the other with one x axis."""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

WIDTH, LEFT, RIGHT, TOP, BOTTOM, GAP = 640, 60, 20, 20, 60, 25
COLOURS = ("#1f6feb", "#d1442f", "#2a7f3f", "#8a5cd0")
GRID = (1, 2, 2.5, 5, 10)
"""Steps between grid lines, times a power of ten."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PlotPanel:
    """Lines with one y scale; a value below it is drawn at the bottom."""

    lines: Mapping[str, Sequence[tuple[float, float | None]]]
    """Lines by name: points of x and y; a y of None is a gap."""
    low: float
    high: float
    step: float
    """Step between two grid lines."""
    height: int = 280
    first_colour: int = 0


def panel(
    lines: Mapping[str, Sequence[tuple[float, float | None]]], height: int, first_colour: int = 0
) -> PlotPanel:
    """A panel with a scale that fits its lines."""
    known = [value for line in lines.values() for _, value in line if value is not None]
    low, high = min(known, default=0.0), max(known, default=1.0)
    rough = max((high - low) / 3, abs(high) * 0.01, 1e-9)
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(each * power for each in GRID if each * power >= rough * 0.999)
    low, high = math.floor(low / step) * step, math.ceil(high / step) * step
    return PlotPanel(
        lines=lines, low=low, high=high if high > low else low + step, step=step, height=height,
        first_colour=first_colour,
    )  # fmt: skip


def svg(
    panels: Sequence[PlotPanel], ticks: Sequence[tuple[float, str]], axis: str, title: str = ""
) -> str:
    """The SVG; `ticks` are x values with their labels, and `axis` is the title of the x axis.

    `title` is what a screen reader says in place of the plot; empty: the axis.
    """
    lines = (line for each in panels for line in each.lines.values())
    positions = [x for x, _ in (*ticks, *itertools.chain.from_iterable(lines))]
    first = min(positions)
    scale = (WIDTH - LEFT - RIGHT) / ((max(positions) - first) or 1.0)
    foot = TOP + sum(each.height for each in panels) + GAP * (len(panels) - 1)
    parts: list[str] = []
    top = TOP
    for each in panels:
        parts += _grid(each, top)
        top += each.height + GAP
    parts += [
        f'<text x="{LEFT + (at - first) * scale:.0f}" y="{foot + 20}" '
        f'text-anchor="middle">{escape(name)}</text>'
        for at, name in ticks
    ]
    middle, height = (LEFT + WIDTH - RIGHT) / 2, foot + BOTTOM
    at_foot = f'x="{middle:.0f}" y="{height - 15}" text-anchor="middle"'
    parts, top = [*parts, f"<text {at_foot}>{escape(axis)}</text>"], TOP
    for each in panels:
        parts += _lines(each, top, first, scale)
        top += each.height + GAP
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" '
        f'font-family="sans-serif" font-size="13" role="img" '
        f'aria-label="{escape(title or axis)}">\n'
        f'<rect width="{WIDTH}" height="{height}" fill="white"/>\n'
        + "\n".join(parts)
        + "\n</svg>\n"
    )


def _grid(panel: PlotPanel, top: int) -> Iterator[str]:
    for number in range(round((panel.high - panel.low) / panel.step) + 1):
        at = panel.low + number * panel.step
        y = _height(at, panel, top)
        yield (
            f'<line x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y:.1f}" y2="{y:.1f}" '
            f'stroke="#ddd"/><text x="{LEFT - 8}" y="{y + 4:.1f}" '
            f'text-anchor="end">{at:g}</text>'
        )


def _lines(panel: PlotPanel, top: int, first: float, scale: float) -> Iterator[str]:
    for number, (name, points) in enumerate(panel.lines.items()):
        colour = COLOURS[(panel.first_colour + number) % len(COLOURS)]
        label = top + panel.height - 15 - 18 * (len(panel.lines) - number - 1)
        strokes = [
            f'<polyline points="{run}" fill="none" stroke="{colour}" stroke-width="2" '
            'stroke-linecap="round"/>'
            for run in _runs(panel, points, top, first, scale)
        ]
        yield "".join(strokes) + (
            f'<text x="{LEFT + 10}" y="{label}" fill="{colour}">{escape(name)}</text>'
        )


def _runs(
    panel: PlotPanel,
    points: Sequence[tuple[float, float | None]],
    top: int,
    first: float,
    scale: float,
) -> Iterator[str]:
    """Runs of points without a gap; a point by itself is there twice, which draws a dot."""
    run: list[str] = []
    for at, value in points:
        if value is not None:
            run.append(f"{LEFT + (at - first) * scale:.0f},{_height(value, panel, top):.1f}")
        elif run:
            yield " ".join(run * 2 if len(run) == 1 else run)
            run = []
    if run:
        yield " ".join(run * 2 if len(run) == 1 else run)


def _height(value: float, panel: PlotPanel, top: int) -> float:
    share = (max(value, panel.low) - panel.low) / (panel.high - panel.low)
    return top + panel.height - share * panel.height
