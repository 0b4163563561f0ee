"""The routes of the page, and who may use them."""

from __future__ import annotations

import asyncio
import logging
import time
from typing import TYPE_CHECKING, Any

from starlette.applications import Starlette
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import Route

from appliance.errors import ApplianceError
from appliance.http_server.site import Site
from appliance.page.access import Role
from appliance.page.live_view import LiveView
from appliance.page.login_limit import LoginLimit
from appliance.page.page_request import (
    COOKIE,
    OVERHEAD_BYTES,
    PageError,
    PageRequest,
    form_of,
    texts_of,
)
from appliance.page.request_guard import RequestGuard
from appliance.page.trial_requests import TrialRequests
from appliance.page.web_templates import render, static_files

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from starlette.requests import Request

    from appliance.config import Config
    from appliance.jobs.client_jobs import ClientJobs
    from appliance.listening.voice_input import VoiceInput
    from appliance.page.access import PageAccess
    from appliance.page.observed_activity import ObservedActivity

    Endpoint = Callable[[PageRequest], Awaitable[Response]]

logger = logging.getLogger(__name__)


def site(
    config: Config,
    access: PageAccess,
    activity: ObservedActivity,
    voice: VoiceInput,
    jobs: ClientJobs,
) -> Site:
    """What `page.listen` serves."""
    if (password_file := access.ensure_password()) is not None:
        logger.info("the password of the page is in %s", password_file)
    page = Page(config, access, activity, voice, jobs)
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

    def __init__(
        self,
        config: Config,
        access: PageAccess,
        activity: ObservedActivity,
        voice: VoiceInput,
        jobs: ClientJobs,
    ) -> None:
        self._config = config
        self._access = access
        self._live = LiveView(activity, voice)
        self._trial = TrialRequests(jobs, config.requests.maximum_audio_s)
        self._logins = LoginLimit()

    def application(self) -> Starlette:
        """Every route. All links are relative, so that any prefix of a reverse proxy works."""
        return Starlette(
            routes=[
                Route("/", self._home, methods=["GET"]),
                Route("/static/{name}", self._static, methods=["GET"]),
                Route("/login", self._login_form, methods=["GET"]),
                Route("/login", self._login, methods=["POST"]),
                Route("/logout", self._logout, methods=["POST"]),
                Route("/live", self._for(Role.VIEWER, self._show_live), methods=["GET"]),
                Route("/live/events", self._for(Role.VIEWER, self._live.stream), methods=["GET"]),
                Route("/try", self._for(Role.VIEWER, self._show_try), methods=["GET"]),
                Route("/try/text", self._for(Role.VIEWER, self._try_text), methods=["POST"]),
                Route("/try/sound", self._for(Role.VIEWER, self._try_sound), methods=["POST"]),
            ],
        )

    def _for(self, role: Role, endpoint: Endpoint) -> Callable[[Request], Awaitable[Response]]:
        """Only for who has logged in, with this role or a higher one."""

        async def guarded(request: Request) -> Response:
            has = await self._role_of(request)
            if has is None:
                if request.method == "GET" and "text/html" in request.headers.get("accept", ""):
                    return RedirectResponse("login", 303)
                return Response("log in first", 401, media_type="text/plain")
            texts, language = texts_of(request, self._config)
            page_request = PageRequest(request, has, texts, language)
            if role is Role.OWNER and has is not Role.OWNER:
                return page_request.failed(403, texts["error.viewer"])
            try:
                return await endpoint(page_request)
            except PageError as error:
                return page_request.failed(error.status, str(error))
            except ApplianceError as error:
                return page_request.failed(422, str(error))

        return guarded

    async def _role_of(self, request: Request) -> Role | None:
        cookie = request.cookies.get(COOKIE, "")
        return await asyncio.to_thread(self._access.role_of_session, cookie) if cookie else None

    async def _home(self, request: Request) -> Response:
        return RedirectResponse("login" if await self._role_of(request) is None else "live", 303)

    async def _static(self, request: Request) -> Response:
        found = static_files().get(request.path_params["name"])
        if found is None:
            return Response(status_code=404)
        content, kind = found
        return Response(content, headers={"cache-control": "max-age=600"}, media_type=kind)

    async def _login_form(self, request: Request) -> Response:
        texts, language = texts_of(request, self._config)
        return HTMLResponse(self._login_page(texts, language, ""))

    async def _login(self, request: Request) -> Response:
        texts, language = texts_of(request, self._config)
        address = request.client.host if request.client else ""
        wait_s = self._logins.wait_s(address, time.monotonic())
        if wait_s > 0:
            why = texts["login.wait"].format(seconds=round(wait_s) + 1)
            headers = {"retry-after": str(round(wait_s) + 1)}
            return HTMLResponse(self._login_page(texts, language, why), 429, headers)
        # Counted before it is known: guesses at the same time are limited, too.
        self._logins.count_failure(address, time.monotonic())
        try:
            password = (await form_of(request)).get("password", "").strip()
        except PageError as error:
            return HTMLResponse(self._login_page(texts, language, str(error)), error.status)
        role = await asyncio.to_thread(self._access.role_of_password, password)
        if role is None:
            logger.warning("page: a wrong password from %s", address)
            why = texts["login.wrong"]
            return HTMLResponse(self._login_page(texts, language, why), 403)
        self._logins.forgive(address)
        logger.info("page: the %s logged in from %s", role, address)
        cookie = await asyncio.to_thread(self._access.begin_session, role)
        answer = RedirectResponse("live", 303)
        answer.set_cookie(
            COOKIE,
            cookie,
            httponly=True,
            samesite="strict",
            secure=bool(self._config.page.certificate_file),
        )
        return answer

    def _login_page(self, texts: dict[str, str], language: str, problem: str) -> str:
        name = self._config.name
        return render("login", t=texts, language=language, problem=problem, device=name)

    async def _logout(self, request: Request) -> Response:
        await asyncio.to_thread(self._access.end_session, request.cookies.get(COOKIE, ""))
        answer = RedirectResponse("login", 303)
        answer.delete_cookie(COOKIE)
        return answer

    def _shown(self, request: PageRequest, template: str, **values: Any) -> Response:
        return HTMLResponse(request.render(template, device=self._config.name, **values))

    async def _show_live(self, request: PageRequest) -> Response:
        return self._shown(request, "live")

    async def _show_try(self, request: PageRequest) -> Response:
        return self._shown(request, "try", area=self._config.device.area)

    async def _try_text(self, request: PageRequest) -> Response:
        form = await form_of(request.http)
        result = await self._trial.parse(form.get("text", "").strip(), form.get("area", ""))
        return HTMLResponse(request.render("result", result=result, tried=True))

    async def _try_sound(self, request: PageRequest) -> Response:
        recording = await request.http.body()
        area = request.http.query_params.get("area", "")
        result = await self._trial.recognize(recording, area)
        return HTMLResponse(request.render("result", result=result, tried=True))
