"""Builds the HTTP server with its sites. Imported only if there is one: it takes 7 MB of memory."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from appliance.http_server.server import HttpServer
from appliance.openai_api.application import site as openai_site
from appliance.openai_api.pending_requests import PendingRequests
from appliance.page.access import PageAccess
from appliance.page.application import site as page_site

if TYPE_CHECKING:
    from contextlib import ExitStack

    from appliance.events import EventBus
    from appliance.http_server.site import Site
    from appliance.ids import Ids
    from appliance.page.page_services import PageServices
    from appliance.protocols import Synthesizer
    from appliance.requests.intake import RequestIntake
    from appliance.requests.request_dispatcher import RequestDispatcher


def http_server(  # noqa: PLR0913  (what the sites ask)
    page: PageServices,
    intake: RequestIntake,
    dispatcher: RequestDispatcher,
    ids: Ids,
    *,
    synthesizer: Synthesizer | None,
    events: EventBus,
    stack: ExitStack,
) -> HttpServer:
    """The server with OpenAI's interface and the page, as far as they are on."""
    config = page.config
    sites: list[Site] = []
    if config.http.listen:
        pending = PendingRequests(intake, dispatcher, ids.new)
        events.subscribe(pending)
        sites.append(openai_site(config, pending, synthesizer))
    if config.page.listen:
        events.subscribe(page.recordings)  # before those who show that a result has one
        events.subscribe(page.activity)
        events.subscribe(page.operations)
        events.subscribe(page.history)
        logging.getLogger().addHandler(page.log)
        stack.callback(logging.getLogger().removeHandler, page.log)
        sites.append(page_site(PageAccess(config.state_directory), page))
    return HttpServer(sites)
