"""Board: what it measures, as charts of the last hour and day; health, queue and faults."""

from __future__ import annotations

import asyncio
from datetime import datetime
from typing import TYPE_CHECKING, Any, Protocol

from appliance.bench.svg_plot import panel, svg
from appliance.page.board_history import Measured, Span
from appliance.page.page_request import PageError
from appliance.page.page_view import PageRoute
from appliance.system import kept_faults

if TYPE_CHECKING:
    from collections.abc import Sequence

    from starlette.responses import Response

    from appliance.messages.status_payloads import Health
    from appliance.page.page_request import PageRequest
    from appliance.page.page_services import PageServices
    from appliance.system.kept_faults import Fault

CHARTS = (
    (Measured.TEMPERATURE,),
    (Measured.CLOCK,),
    (Measured.POWER,),
    (Measured.MEMORY,),
    (Measured.LATENCY, Measured.SLOWEST),
    (Measured.ENERGY,),
)
"""The lines of each chart."""

HEIGHT = 130
"""Height of a chart, in the units of its drawing, which is 640 wide."""

TICKS = {Span.HOUR: (60.0, (60, 45, 30, 15, 0)), Span.DAY: (3600.0, (24, 18, 12, 6, 0))}
"""Seconds of the unit of the x axis, and where it has a label."""

FAULTS = 20
"""The newest that are shown."""


class HealthSource(Protocol):
    """Who knows how the appliance is."""

    def health(self) -> Health:
        """The present content of the topic `health`."""


class BoardView:
    """Its methods belong to the event loop of the HTTP server."""

    name = "board"

    def __init__(self, services: PageServices) -> None:
        self._services = services

    def routes(self) -> Sequence[PageRoute]:
        """Its addresses."""
        return [
            PageRoute("/board", self._show),
            PageRoute("/board/now", self._show_now),
            PageRoute("/board/charts", self._show_charts),
        ]

    async def _show(self, request: PageRequest) -> Response:
        return request.page("board", **await self._now(), **await self._charts(request))

    async def _show_now(self, request: PageRequest) -> Response:
        return request.part("board_now", **await self._now())

    async def _show_charts(self, request: PageRequest) -> Response:
        return request.part("board_charts", **await self._charts(request))

    async def _now(self) -> dict[str, Any]:
        parts = self._services
        health = await asyncio.to_thread(parts.status.health)
        faults = await asyncio.to_thread(kept_faults.read, parts.config.state_directory)
        return {
            "reading": parts.board.reading,
            "pace": parts.board.pace,
            "health": health,
            "depth": parts.queue.depth(),
            "in_progress": len(parts.queue.in_progress()),
            "faults": [_shown(fault) for fault in reversed(faults[-FAULTS:])],
        }

    async def _charts(self, request: PageRequest) -> dict[str, Any]:
        try:
            span = Span(request.http.query_params.get("span", Span.HOUR))
        except ValueError:
            raise PageError(422, "the span of a chart is hour or day") from None
        charts = await asyncio.to_thread(self._drawn, span, request.texts)
        return {"span": span, "charts": charts}

    def _drawn(self, span: Span, texts: dict[str, str]) -> list[dict[str, Any]]:
        """Title and SVG of each chart; None if nothing was measured."""
        return [
            {"title": texts[f"board.{lines[0]}"], "svg": self._chart(lines, span, texts)}
            for lines in CHARTS
        ]

    def _chart(self, measured: Sequence[Measured], span: Span, texts: dict[str, str]) -> str | None:
        unit, marks = TICKS[span]
        lines = {
            texts[f"board.line.{one}"]: [
                (at / unit, value) for at, value in self._services.history.points(one, span)
            ]
            for one in measured
        }
        values = [value for line in lines.values() for _, value in line if value is not None]
        if not values:
            return None
        title = texts["board.chart"].format(
            title=texts[f"board.{measured[0]}"],
            last=f"{values[-1]:.4g}",
            lowest=f"{min(values):.4g}",
            highest=f"{max(values):.4g}",
        )
        ticks = [(-float(mark), str(mark)) for mark in marks]
        return svg([panel(lines, HEIGHT)], ticks, texts[f"board.axis.{span}"], title)


def _shown(fault: Fault) -> dict[str, Any]:
    """A fault with its moment in the board's own time zone."""
    at = datetime.fromtimestamp(fault.at).astimezone()
    return {"at": f"{at:%Y-%m-%d %H:%M}", "fault": fault}
