"""The page as an application: the views, who may use them, and the log of what is changed."""

from __future__ import annotations

import errno
import logging
import time
from contextlib import aclosing
from typing import TYPE_CHECKING, Any

from starlette.applications import Starlette
from starlette.responses import (
    PlainTextResponse,
    RedirectResponse,
    Response,
    StreamingResponse,
)
from starlette.routing import Route

from appliance.errors import ApplianceError
from appliance.http_server.limits import TooMuch
from appliance.http_server.site import Site
from appliance.page.access import Role
from appliance.page.all_views import all_views
from appliance.page.login_routes import LoginRoutes
from appliance.page.page_request import OVERHEAD_BYTES, PageError, PageRequest, texts_of
from appliance.page.page_view import PageRoute
from appliance.page.request_guard import RequestGuard
from appliance.page.web_templates import static_files

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Awaitable, Callable

    from starlette.requests import Request

    from appliance.config import Config
    from appliance.page.access import PageAccess
    from appliance.page.page_services import PageServices
    from appliance.page.page_view import PageView

    Endpoint = Callable[[Request], Awaitable[Response]]

logger = logging.getLogger(__name__)

SESSION_CHECK_S = 1.0
"""Longest time that a stream outlives its session, in seconds, if anything is sent."""

NO_SPACE = (507, "free some space on the board, then try again")
NO_RIGHT = (500, "let the appliance's user write there (the log names the file), then try again")
OTHERWISE = (500, "the log names the file; look at it with: appliance check")
NEXT_STEPS = {
    errno.ENOSPC: NO_SPACE,
    errno.EDQUOT: NO_SPACE,
    errno.EACCES: NO_RIGHT,
    errno.EPERM: NO_RIGHT,
    errno.EROFS: (500, "storage that became read-only may be failing; run: appliance check"),
    errno.EMFILE: (503, "wait a moment, then try again"),
    errno.ENFILE: (503, "wait a moment, then try again"),
}
"""Status code and next step by the error of the operating system."""


def site(access: PageAccess, services: PageServices) -> Site:
    """The site of `page.listen`."""
    config = services.config
    if (password_file := access.ensure_password()) is not None:
        logger.info("the password of the page is in %s", password_file)
    page = Page(config, access, all_views(services))
    return Site(
        name="page",
        settings=config.page,
        app=RequestGuard(page.application(), config.page.names),
        maximum_body_bytes=config.requests.maximum_bytes + OVERHEAD_BYTES,
        certificate_file=config.page.certificate_file,
        key_file=config.page.key_file,
    )


class Page:
    """Its methods belong to the event loop of the HTTP server."""

    def __init__(self, config: Config, access: PageAccess, views: tuple[PageView, ...]) -> None:
        self._config = config
        self._login = LoginRoutes(config, access)
        self._views = views
        self._navigation = tuple(view.name for view in views)

    def application(self) -> Starlette:
        """Every route. All links are relative, so that any prefix of a reverse proxy works."""
        return Starlette(
            routes=[
                *(
                    Route(one.path, self._told(one.endpoint), methods=one.methods)
                    for one in self._login.routes()
                ),
                Route("/static/{name}", self._static, methods=["GET"]),
                *(
                    Route(route.path, self._told(self._guarded(route)), methods=[route.method])
                    for route in (
                        PageRoute("/alive", _alive),
                        *(route for view in self._views for route in view.routes()),
                    )
                ),
            ],
            exception_handlers={TooMuch: _too_much},
        )

    def _told(self, endpoint: Endpoint) -> Endpoint:
        """Tell on the login page why sessions and passwords cannot be read or written."""

        async def told(request: Request) -> Response:
            try:
                return await endpoint(request)
            except ApplianceError as error:  # it names a path, which is for the log
                logger.warning("page: %s", error)
                why = "the file of the passwords is damaged; run: appliance page password"
                return self._login.failed(request, 500, why)
            except OSError as error:
                return self._login.failed(request, *_why_not(request, error))

        return told

    def _guarded(self, route: PageRoute) -> Endpoint:
        """Require a login with this role or a higher one; log changes."""

        async def guarded(request: Request) -> Response:
            has = await self._login.role_of(request)
            if has is None:
                return _not_logged_in(request)
            texts, language = texts_of(request, self._config)
            asked = PageRequest(request, has, texts, language, self._config.name, self._navigation)
            if route.role is Role.OWNER and has is not Role.OWNER:
                answer = asked.failed(403, texts["error.viewer"])
            else:
                answer = await _answered(route, asked)
            if route.role is Role.OWNER and route.method != "GET" and route.is_logged:
                path, status = request.url.path, answer.status_code
                logger.info("page: %s asked for %s: status %d", asked.who, path, status)
            if isinstance(answer, StreamingResponse):
                answer.body_iterator = self._while_logged_in(request, has, answer.body_iterator)
            return answer

        return guarded

    async def _while_logged_in(
        self, request: Request, role: Role, pieces: Any
    ) -> AsyncGenerator[Any, None]:
        """A stream that ends with its session, so that nothing is heard after a logout."""
        checked_at = time.monotonic()
        async with aclosing(pieces):
            async for piece in pieces:
                if time.monotonic() - checked_at >= SESSION_CHECK_S:
                    if await self._login.role_of(request) is not role:
                        return
                    checked_at = time.monotonic()
                yield piece

    async def _static(self, request: Request) -> Response:
        found = static_files().get(request.path_params["name"])
        if found is None:
            return Response(status_code=404)
        content, kind = found
        return Response(content, headers={"cache-control": "max-age=600"}, media_type=kind)


def _not_logged_in(request: Request) -> Response:
    if request.method == "GET" and "text/html" in request.headers.get("accept", ""):
        up = "../" * (request.url.path.count("/") - 1)
        return RedirectResponse(f"{up}login", 303)
    return Response("log in first", 401, media_type="text/plain")


async def _alive(_: PageRequest) -> Response:
    """Tell a browser that the appliance is there, and its session goes on."""
    return Response(status_code=204)


async def _too_much(_: Request, error: Exception) -> Response:
    return PlainTextResponse(str(error), getattr(error, "status", 413))


async def _answered(route: PageRoute, request: PageRequest) -> Response:
    try:
        return await route.endpoint(request)
    except PageError as error:
        return request.failed(error.status, str(error))
    except ApplianceError as error:
        return request.failed(422, str(error))
    except OSError as error:
        return request.failed(*_why_not(request.http, error))


def _why_not(request: Request, error: OSError) -> tuple[int, str]:
    """Status code and next step for an error of the board; one of the connection is raised."""
    if isinstance(error, (ConnectionError, TimeoutError)):
        raise error
    logger.warning("page: %s cannot be done: %s", request.url.path, error)
    status, next_step = NEXT_STEPS.get(error.errno or 0, OTHERWISE)
    return status, f"{error.strerror or error}: {next_step}"
