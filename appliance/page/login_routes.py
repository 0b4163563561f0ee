"""Logging in and out: the only routes that need no session."""

from __future__ import annotations

import asyncio
import logging
import time
from typing import TYPE_CHECKING

from starlette.responses import HTMLResponse, PlainTextResponse, RedirectResponse, Response
from starlette.routing import Route

from appliance.page.login_limit import LoginLimit
from appliance.page.page_request import COOKIE, PageError, form_of, texts_of
from appliance.page.web_templates import render

if TYPE_CHECKING:
    from starlette.requests import Request

    from appliance.config import Config
    from appliance.page.access import PageAccess, Role

logger = logging.getLogger(__name__)

FIRST_VIEW = "live"
"""The view after the login."""


class LoginRoutes:
    """Its methods belong to the event loop of the HTTP server."""

    def __init__(self, config: Config, access: PageAccess) -> None:
        self._config = config
        self._access = access
        self._logins = LoginLimit()

    def routes(self) -> list[Route]:
        """The addresses."""
        return [
            Route("/", self._home, methods=["GET"]),
            Route("/login", self._login_form, methods=["GET"]),
            Route("/login", self._login, methods=["POST"]),
            Route("/logout", self._logout, methods=["POST"]),
        ]

    async def role_of(self, request: Request) -> Role | None:
        """The role of the request's session; None without a login."""
        cookie = request.cookies.get(COOKIE, "")
        return await asyncio.to_thread(self._access.role_of_session, cookie) if cookie else None

    def failed(self, request: Request, status: int, why: str) -> Response:
        """Why nobody can be let in now: on the login page, or as text for a program."""
        if "text/html" not in request.headers.get("accept", ""):
            return PlainTextResponse(why, status)
        return HTMLResponse(self._login_page(*texts_of(request, self._config), why), status)

    async def _home(self, request: Request) -> Response:
        known = await self.role_of(request) is not None
        return RedirectResponse(FIRST_VIEW if known else "login", 303)

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
        self._logins.take_back(address)
        logger.info("page: the %s logged in from %s", role, address)
        cookie = await asyncio.to_thread(self._access.begin_session, role)
        answer = RedirectResponse(FIRST_VIEW, 303)
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
