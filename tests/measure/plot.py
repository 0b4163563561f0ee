"""Accuracy against noise as a small SVG."""

from __future__ import annotations

from typing import TYPE_CHECKING

from appliance.bench.svg_plot import PlotPanel, svg

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

COMMERCIAL = {"24": 99.0, "21": 99.0, "18": 98.5, "15": 98.5, "12": 98.0, "9": 96.5, "6": 93.5}
"""Best engine of the benchmark's published table, on all of its 619 recordings."""


def accuracy_plot(levels: Sequence[str], right: Mapping[str, Sequence[float]]) -> str:
    """A line for each series: per cent right at each signal-to-noise ratio."""
    place = {level: float(at) for at, level in enumerate(levels)}
    lines: dict[str, list[tuple[float, float | None]]] = {
        name: [(place[level], value) for level, value in zip(levels, series, strict=True)]
        for name, series in right.items()
    }
    lines["best engine published (619 recordings)"] = [
        (place[level], COMMERCIAL[level]) for level in levels if level in COMMERCIAL
    ]
    return svg(
        [PlotPanel(lines=lines, low=70.0, high=100.0, step=5.0)],
        [(at, level) for level, at in place.items()],
        "signal-to-noise ratio, dB; per cent of orders right",
    )
