"""A command on the page that is not accepted says why."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any, cast

import pytest

from appliance.errors import ApplianceError
from appliance.journal.inbox import InboxVerdict
from appliance.openai_api.pending_requests import Asked, PendingRequests
from appliance.openai_api.replies import ApiError
from appliance.page.operations import PageOperations
from appliance.values import Operation


def intake(problem: str | None) -> Any:
    return SimpleNamespace(accept_request=lambda _: InboxVerdict(), disk_problem=problem)


@pytest.mark.parametrize(
    ("problem", "told", "status"),
    [("the disk is full; free some space", "the disk is full", 503), (None, "again", 429)],
)
def test_a_full_disk_is_told_apart_from_a_full_queue(
    problem: str | None, told: str, status: int
) -> None:
    async def ask() -> None:
        page = PageOperations(intake(problem), cast("Any", None), lambda: "a")
        with pytest.raises(ApplianceError, match=told):
            await page.command("lamp on")
        programs = PendingRequests(intake(problem), cast("Any", None), lambda: "a")
        with pytest.raises(ApiError, match=told) as refused:
            await programs.begin(Operation.ANSWER, b"hello", Asked("program", 0, 1.0, ""))
        assert refused.value.status == status

    asyncio.run(ask())
