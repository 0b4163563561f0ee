"""What the page answers if the board, the request or the sentence does not allow it."""

from __future__ import annotations

import asyncio
import errno
import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from starlette.responses import Response
from support.sentences import sentence_set

from appliance.config import Config, DeviceSettings
from appliance.errors import ApplianceError, EditRefused
from appliance.http_server.limits import RequestLimits
from appliance.http_server.site import Event
from appliance.openai_api.application import OpenAiApi
from appliance.openai_api.pending_requests import PendingRequests
from appliance.openai_api.tokens import ClientTokens
from appliance.page.access import PageAccess, Role
from appliance.page.application import Page
from appliance.page.page_request import PageRequest
from appliance.page.page_texts import texts
from appliance.page.page_view import PageRoute, PageView
from appliance.page.sentence_editor import SentenceEditor
from appliance.page.sentences_view import SentencesView

FORM = "application/x-www-form-urlencoded"
HEADERS = {"content-type": FORM, "cookie": "appliance_session=a", "content-length": "500"}
LIMIT = 5000
"""Bytes of a body."""


class View:
    """One address that reads the form and then fails."""

    name = "view"

    def __init__(self, error: Exception | None = None) -> None:
        self._error = error

    def routes(self) -> list[PageRoute]:
        return [PageRoute("/do", self._do, "POST", Role.OWNER)]

    async def _do(self, request: PageRequest) -> Response:
        await request.form()
        if self._error is not None:
            raise self._error
        return Response("done")


def ask(
    app: Any, path: str, body: bytes = b"", headers: dict[str, str] | None = None
) -> tuple[int, str]:
    """Status and text for a POST."""
    return asyncio.run(answered(app, path, body, headers or HEADERS, limit=LIMIT))


async def answered(
    app: Any, path: str, body: bytes, headers: dict[str, str], *, limit: int
) -> tuple[int, str]:
    sent: list[Event] = []

    async def send(event: Event) -> None:
        sent.append(event)

    async def receive() -> Event:
        return {"type": "http.request", "body": body}

    pairs = [(name.encode(), value.encode()) for name, value in headers.items()]
    scope = {"type": "http", "method": "POST", "path": path, "headers": pairs}
    more = {"query_string": b"", "root_path": "", "raw_path": path.encode(), "scheme": "http"}
    await RequestLimits(app, limit)({**scope, **more}, receive, send)
    return sent[0]["status"], b"".join(one.get("body", b"") for one in sent).decode()


def page(view: object, access: object = None) -> Any:
    access = access or SimpleNamespace(role_of_session=lambda _: Role.OWNER)
    return Page(Config(), cast(PageAccess, access), (cast(PageView, view),)).application()


@pytest.mark.parametrize(
    ("number", "status", "step"),
    [
        (errno.ENOSPC, 507, "free some space"),
        (errno.EACCES, 500, "let the appliance&#39;s user write there"),
        (errno.EROFS, 500, "read-only"),
        (errno.EIO, 500, "appliance check"),
    ],
)
def test_a_full_or_closed_disk_is_named_with_the_next_step(
    number: int, status: int, step: str
) -> None:
    got, text = ask(page(View(OSError(number, "the disk"))), "/do")
    assert got == status
    assert "the disk: " in text
    assert step in text


@pytest.mark.parametrize("path", ["/do", "/login", "/logout"])
@pytest.mark.parametrize(
    ("error", "status", "step"),
    [
        (OSError(errno.ENOSPC, "the disk"), 507, "the disk: free some space"),
        (OSError(errno.EACCES, "the disk"), 500, "the disk: let the appliance"),
        (ApplianceError("/secret is damaged"), 500, "run: appliance page password"),
    ],
)
def test_a_login_that_the_disk_does_not_allow_is_told_what_to_do(
    path: str, error: Exception, status: int, step: str
) -> None:
    def fails(_: str) -> None:
        raise error

    access = SimpleNamespace(role_of_session=fails, role_of_password=fails, end_session=fails)
    for accept in ("text/html", "*/*"):
        got, text = ask(page(View(), access), path, b"password=x", {**HEADERS, "accept": accept})
        assert got == status
        assert step in text
        assert "/secret" not in text
        assert ("<form" in text) is (accept == "text/html")


def test_a_client_that_has_left_is_no_fault_of_the_disk() -> None:
    with pytest.raises(ConnectionError):
        ask(page(View(ConnectionResetError())), "/do")


def test_a_body_that_is_too_large_while_it_is_read_is_no_bug() -> None:
    status, text = ask(page(View()), "/do", b"x" * 6000)
    assert (status, text) == (413, "the request is larger than 5000 bytes")


def test_the_interface_for_programs_says_it_in_its_own_form(tmp_path: Path) -> None:
    config = Config(device=DeviceSettings(state_directory=str(tmp_path)))
    token = ClientTokens(tmp_path).add("program")
    app = OpenAiApi(config, cast("PendingRequests", SimpleNamespace()), None).application()
    headers = {"authorization": f"Bearer {token}", "content-type": "application/json"}
    status, text = ask(app, "/v1/chat/completions", b"x" * 6000, headers)
    assert status == 413
    assert json.loads(text)["error"]["message"] == "the request is larger than 5000 bytes"


def test_a_sentence_that_is_too_long_is_refused_before_anything_is_read() -> None:
    view = SentencesView(cast("SentenceEditor", object()))  # without a file to read
    status, text = ask(page(view), "/sentences/add", b"intent=Long&sentence=" + b"x" * 1001)
    assert status == 422
    assert texts("en")["sentences.too_long"].format(most=1000) in text


def test_a_sentence_that_means_something_else_already_is_asked_about_and_not_added() -> None:
    active = sentence_set({"Light": "lamp on"})

    def files() -> None:
        raise EditRefused("it would be added")

    view = SentencesView(cast("SentenceEditor", SimpleNamespace(active=active, files=files)))
    status, text = ask(page(view), "/sentences/add", b"intent=Mine&sentence=lamp+on&response=%22")
    assert status == 409
    asked = texts("en")["sentences.taken"]
    assert asked.format(sentence="lamp on", now="Light", then="Mine") in text
    assert '<input type="hidden" name="response" value="&#34;">' in text
    assert '<input type="hidden" name="anyway" value="yes">' in text
    status, text = ask(page(view), "/sentences/add", b"intent=Mine&sentence=lamp+on&anyway=yes")
    assert (status, "it would be added" in text) == (422, True)
