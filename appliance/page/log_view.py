"""Log: its newest lines as they come, and the archive that an owner attaches to a bug report."""

from __future__ import annotations

import asyncio
import logging
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from starlette.responses import Response

from appliance.page.access import Role
from appliance.page.command_process import run_command
from appliance.page.event_streams import event
from appliance.page.page_request import PageError
from appliance.page.page_view import PageRoute

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Sequence

    from appliance.page.event_streams import EventStreams
    from appliance.page.page_request import PageRequest
    from appliance.system.log_ring import LogLine, LogRing

LEVELS = ("debug", "info", "warning", "error")

POLL_S = 0.5
"""Seconds between two checks for new lines."""

SILENT_POLLS = 20
"""Number of checks without a line after which a browser gets a sign of life."""

BUNDLE_LIMIT_S = 180.0
"""The checks in it take their time on a small board."""


class LogView:
    """Its methods belong to the event loop of the HTTP server."""

    name = "log"

    def __init__(self, log: LogRing, config_path: Path, streams: EventStreams) -> None:
        self._log = log
        self._config_path = config_path
        self._streams = streams
        self._making = asyncio.Lock()

    def routes(self) -> Sequence[PageRoute]:
        """Its addresses."""
        return [
            PageRoute("/log", self._show),
            PageRoute("/log/events", self._stream),
            PageRoute("/log/bundle", self._make_bundle, "POST", Role.OWNER),
        ]

    async def _show(self, request: PageRequest) -> Response:
        return request.page("log", level=_level(request), levels=LEVELS)

    async def _stream(self, request: PageRequest) -> Response:
        return self._streams.response(request, self._events(request, _level(request)))

    async def _events(self, request: PageRequest, level: str) -> AsyncGenerator[bytes, None]:
        seen, silent, least = 0, 0, logging.getLevelName(level.upper())
        yield event("start", None)
        while True:
            if lines := self._log.lines(seen, least):
                seen, silent = lines[-1].number, 0
                shown = [(_moment(line), line) for line in lines]
                yield event("lines", request.render("log_lines", lines=shown))
            silent += 1
            if silent >= SILENT_POLLS:
                silent = 0
                yield event("quiet", None)
            await asyncio.sleep(POLL_S)

    async def _make_bundle(self, request: PageRequest) -> Response:
        if self._making.locked():
            raise PageError(409, request.texts["log.bundle.busy"])
        async with self._making:
            name = f"appliance-support-{datetime.now(UTC):%Y%m%d-%H%M%S}.tar.gz"
            with tempfile.TemporaryDirectory(prefix="appliance-") as folder:
                archive = await self._bundle(Path(folder), request)
        disposition = f'attachment; filename="{name}"'
        headers = {"content-disposition": disposition}
        return Response(archive, headers=headers, media_type="application/gzip")

    async def _bundle(self, folder: Path, request: PageRequest) -> bytes:
        """The archive of `appliance support-bundle`, with the lines that are shown here."""
        recent, archive = folder / "recent.txt", folder / "bundle.tar.gz"
        # From `info` on, as in the rest of the bundle: what was said is logged at `debug` only.
        lines = [_as_text(line) for line in self._log.lines(least=logging.INFO)]
        await asyncio.to_thread(recent.write_text, "".join(lines), "utf-8")
        made = await run_command(
            self._config_path,
            *("support-bundle", "--output", str(archive), "--recent-log", str(recent)),
            limit_s=BUNDLE_LIMIT_S,
        )
        if not made.done:
            raise PageError(500, f"{request.texts['log.bundle.failed']} {made.said}")
        return await asyncio.to_thread(archive.read_bytes)


def _level(request: PageRequest) -> str:
    level = request.http.query_params.get("level", "info")
    if level not in LEVELS:
        raise PageError(422, f"the level of the log is one of {', '.join(LEVELS)}")
    return level


def _moment(line: LogLine) -> str:
    """The time of a line, in the board's time zone."""
    return f"{datetime.fromtimestamp(line.at).astimezone():%Y-%m-%d %H:%M:%S}"


def _as_text(line: LogLine) -> str:
    return f"{_moment(line)} {line.level_name} {line.where}: {line.text}\n"
