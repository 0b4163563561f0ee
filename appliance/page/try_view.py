"""Try: a sentence or a recording, understood as a client's; nothing is done."""

from __future__ import annotations

from typing import TYPE_CHECKING

from appliance.page.page_view import PageRoute
from appliance.page.trial_requests import TrialRequests

if TYPE_CHECKING:
    from collections.abc import Sequence

    from starlette.responses import Response

    from appliance.config import Config
    from appliance.jobs.client_jobs import ClientJobs
    from appliance.page.page_request import PageRequest


class TryView:
    """Its methods belong to the event loop of the HTTP server."""

    name = "try"

    def __init__(self, config: Config, jobs: ClientJobs) -> None:
        self._area = config.device.area
        self._trial = TrialRequests(jobs, config.requests.maximum_audio_s)

    def routes(self) -> Sequence[PageRoute]:
        """Its addresses."""
        return [
            PageRoute("/try", self._show),
            PageRoute("/try/text", self._try_text, "POST"),
            PageRoute("/try/sound", self._try_sound, "POST"),
        ]

    async def _show(self, request: PageRequest) -> Response:
        return request.page("try", area=self._area)

    async def _try_text(self, request: PageRequest) -> Response:
        form = await request.form()
        result = await self._trial.parse(form.get("text", "").strip(), form.get("area", ""))
        return request.part("result", result=result, tried=True, kept=False)

    async def _try_sound(self, request: PageRequest) -> Response:
        recording = await request.http.body()
        area = request.http.query_params.get("area", "")
        result = await self._trial.recognize(recording, area)
        return request.part("result", result=result, tried=True, kept=False)
