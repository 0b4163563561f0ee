"""Accuracy against noise as a small SVG, without a plotting library."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

WIDTH, HEIGHT = 640, 360
LEFT, RIGHT, TOP, BOTTOM = 60, 20, 20, 60
LOWEST = 70.0
COLOURS = ("#1f6feb", "#d1442f", "#2a7f3f", "#8a5cd0")

COMMERCIAL = {"24": 99.0, "21": 99.0, "18": 98.5, "15": 98.5, "12": 98.0, "9": 96.5, "6": 93.5}
"""Best engine of the benchmark's published table, on all of its 619 recordings."""


def accuracy_plot(levels: Sequence[str], right: Mapping[str, Sequence[float]]) -> str:
    """A line for each series: per cent right at each signal-to-noise ratio."""
    lines: dict[str, list[tuple[str, float]]] = {
        name: list(zip(levels, series, strict=True)) for name, series in right.items()
    }
    lines["best engine published (619 recordings)"] = [
        (level, COMMERCIAL[level]) for level in levels if level in COMMERCIAL
    ]
    step = (WIDTH - LEFT - RIGHT) / max(1, len(levels) - 1)
    place = {level: LEFT + step * at for at, level in enumerate(levels)}
    parts = [_frame(place)]
    for number, (name, points) in enumerate(lines.items()):
        colour = COLOURS[number % len(COLOURS)]
        path = " ".join(f"{place[level]:.0f},{_height(value):.1f}" for level, value in points)
        label = HEIGHT - BOTTOM - 15 - 18 * (len(lines) - number - 1)
        parts.append(
            f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2"/>'
            f'<text x="{LEFT + 10}" y="{label}" fill="{colour}">{escape(name)}</text>'
        )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" '
        'font-family="sans-serif" font-size="13">\n'
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="white"/>\n'
        + "\n".join(parts)
        + "\n</svg>\n"
    )


def _height(percent: float) -> float:
    share = (max(percent, LOWEST) - LOWEST) / (100 - LOWEST)
    return HEIGHT - BOTTOM - share * (HEIGHT - TOP - BOTTOM)


def _frame(place: Mapping[str, float]) -> str:
    grid = [
        f'<line x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{_height(at):.1f}" y2="{_height(at):.1f}" '
        f'stroke="#ddd"/><text x="{LEFT - 8}" y="{_height(at) + 4:.1f}" '
        f'text-anchor="end">{at}</text>'
        for at in range(int(LOWEST), 101, 5)
    ]
    ticks = [
        f'<text x="{x:.0f}" y="{HEIGHT - BOTTOM + 20}" text-anchor="middle">{escape(level)}</text>'
        for level, x in place.items()
    ]
    middle = (LEFT + WIDTH - RIGHT) / 2
    title = "signal-to-noise ratio, dB; per cent of orders right"
    ticks.append(f'<text x="{middle:.0f}" y="{HEIGHT - 15}" text-anchor="middle">{title}</text>')
    return "\n".join([*grid, *ticks])
