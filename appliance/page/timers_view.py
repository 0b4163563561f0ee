"""Timers and sessions: what runs, rings or is being said; it can be ended, and a timer started."""

from __future__ import annotations

import asyncio
from datetime import datetime
from typing import TYPE_CHECKING, Any

import msgspec

from appliance.messages.request_payloads import Answer, CancelRequest, TimerRequest
from appliance.messages.timer_payloads import TimerKind, TimerPhase
from appliance.page.access import Role
from appliance.page.page_request import PageError
from appliance.page.page_view import PageRoute

if TYPE_CHECKING:
    from collections.abc import Sequence

    from starlette.responses import Response

    from appliance.messages.timer_payloads import ShownTimer
    from appliance.page.observed_activity import ObservedActivity
    from appliance.page.operations import PageOperations
    from appliance.page.page_request import PageRequest
    from appliance.timers.timer_service import TimerService


class TimersView:
    """Its methods belong to the event loop of the HTTP server."""

    name = "timers"

    def __init__(
        self, timers: TimerService, activity: ObservedActivity, operations: PageOperations
    ) -> None:
        self._timers = timers
        self._activity = activity
        self._operations = operations

    def routes(self) -> Sequence[PageRoute]:
        """Its addresses."""
        return [
            PageRoute("/timers", self._show),
            PageRoute("/timers/list", self._show_list),
            PageRoute("/timers/change", self._change, "POST", Role.OWNER),
            PageRoute("/timers/stop", self._stop, "POST", Role.OWNER),
            PageRoute("/timers/command", self._command, "POST", Role.OWNER),
            PageRoute("/timers/confirm", self._confirm, "POST", Role.OWNER),
        ]

    async def _show(self, request: PageRequest) -> Response:
        return request.page("timers", **await self._listed())

    async def _show_list(self, request: PageRequest) -> Response:
        return request.part("timers_list", **await self._listed())

    async def _change(self, request: PageRequest) -> Response:
        form = await request.form()
        asked = {"id": form.get("id"), "change": form.get("change")}
        try:
            change = msgspec.convert(asked, TimerRequest)
        except msgspec.ValidationError as error:
            raise PageError(422, str(error)) from None
        await self._operations.control(change)
        return await self._show_list(request)

    async def _stop(self, request: PageRequest) -> Response:
        form = await request.form()
        await self._operations.control(CancelRequest(id=form.get("id", "")))
        return await self._show_list(request)

    async def _command(self, request: PageRequest) -> Response:
        form = await request.form()
        became = await self._operations.command(form.get("text", "").strip())
        if isinstance(became, Answer):
            return request.part("timers_question", question=became)
        return request.part("result", result=became, tried=False, kept=False)

    async def _confirm(self, request: PageRequest) -> Response:
        form = await request.form()
        result = await self._operations.confirm(form.get("id", ""), yes=form.get("yes") == "yes")
        return request.part("result", result=result, tried=False, kept=False)

    async def _listed(self) -> dict[str, Any]:
        now = await asyncio.to_thread(self._timers.now)
        return {
            "timers": [_row(timer) for timer in now.timers],
            "clock_synced": now.clock_synced,
            "session": self._activity.session,
        }


def _row(timer: ShownTimer) -> dict[str, Any]:
    """The shown data of a timer; times are in the board's time zone."""
    due = None if timer.due_at is None else datetime.fromisoformat(timer.due_at).astimezone()
    is_timer = timer.kind is TimerKind.TIMER
    return {
        "timer": timer,
        "left": clock_text(timer.left_s),
        "length": None if timer.duration_s is None else clock_text(timer.duration_s),
        "at": None if due is None else f"{due:%H:%M}",
        "weekday": None if due is None else due.weekday(),
        "may_pause": is_timer and timer.phase is TimerPhase.RUNNING,
        "may_resume": is_timer and timer.phase is TimerPhase.PAUSED,
    }


def clock_text(seconds: float) -> str:
    """A duration such as 0:05, 12:30, 1:00:00 or 49:00:00."""
    minutes, left = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{left:02}" if hours else f"{minutes}:{left:02}"
