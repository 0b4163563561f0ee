"""Live: what happens now, as server-sent events (WHATWG HTML, section 9.2)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from appliance.page.live_updates import LiveUpdates
from appliance.page.page_view import PageRoute

if TYPE_CHECKING:
    from collections.abc import Sequence

    from starlette.responses import Response

    from appliance.page.event_streams import EventStreams
    from appliance.page.page_request import PageRequest
    from appliance.page.page_services import PageServices


class LiveView:
    """Its methods belong to the event loop of the HTTP server."""

    name = "live"

    def __init__(self, services: PageServices, streams: EventStreams) -> None:
        self._updates = LiveUpdates(services)
        self._streams = streams

    def routes(self) -> Sequence[PageRoute]:
        """Its addresses."""
        return [PageRoute("/live", self._show), PageRoute("/live/events", self._stream)]

    async def _show(self, request: PageRequest) -> Response:
        return request.page("live")

    async def _stream(self, request: PageRequest) -> Response:
        return self._streams.response(request, self._updates.events(request))
