"""One request to the page by somebody who has logged in, and what forms send."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from starlette.responses import HTMLResponse

from appliance.page.access import Role
from appliance.page.page_texts import chosen_language, texts
from appliance.page.web_templates import render

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

    from appliance.config import Config

COOKIE = "appliance_session"

OVERHEAD_BYTES = 65_536

LARGEST_FORM_BYTES = 1_000_000

FORM = "application/x-www-form-urlencoded"


class PageError(Exception):
    """A request that is not done: status code, and what the person should do."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


@dataclass(frozen=True, slots=True)
class PageRequest:
    """The HTTP request, with role and language."""

    http: Request
    role: Role
    texts: dict[str, str]
    language: str
    device: str
    """Name of the appliance."""
    navigation: tuple[str, ...]
    """Names of the views."""

    @property
    def who(self) -> str:
        """The requester's name for the log."""
        return f"the {self.role} at {self.http.client.host if self.http.client else 'a socket'}"

    async def form(self) -> dict[str, str]:
        """The fields of a form.

        Raises:
            PageError: it is no form, or too large.

        """
        return await form_of(self.http)

    def render(self, template: str, **values: Any) -> str:
        """HTML in the language of the request."""
        owner = self.role is Role.OWNER
        return render(template, t=self.texts, language=self.language, owner=owner, **values)

    def page(self, template: str, **values: Any) -> Response:
        """A whole page, with the navigation."""
        html = self.render(template, device=self.device, navigation=self.navigation, **values)
        return HTMLResponse(html)

    def part(self, template: str, status: int = 200, **values: Any) -> Response:
        """A piece of a page, which the page's script puts in its place."""
        return HTMLResponse(self.render(template, **values), status)

    def failed(self, status: int, why: str) -> Response:
        """Why it was not done, as HTML."""
        return self.part("problem", status, problem=why)


def texts_of(request: Request, config: Config) -> tuple[dict[str, str], str]:
    """The texts for a browser, and their language."""
    accepted = request.headers.get("accept-language", "")
    language = chosen_language(accepted, config.device.language)
    return texts(language), language


async def form_of(request: Request) -> dict[str, str]:
    """The fields of a form.

    Raises:
        PageError: it is no form, or too large.

    """
    if request.headers.get("content-type", "").partition(";")[0].strip() != FORM:
        raise PageError(415, "this is not a form of the page")
    length = request.headers.get("content-length", "")
    if not length.isdecimal() or int(length) > LARGEST_FORM_BYTES:
        raise PageError(413, f"a form has at most {LARGEST_FORM_BYTES:,} bytes")
    return {name: value for name, value in (await request.form()).items() if isinstance(value, str)}
