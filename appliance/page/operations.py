"""Lets the page make the control requests and commands that other clients make over MQTT."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from appliance.errors import ApplianceError
from appliance.ids import boot_seconds
from appliance.jobs.result_receivers import ResultReceivers
from appliance.journal.inbox import IncomingRequest
from appliance.messages.control_requests import FORMS, ControlRequest
from appliance.messages.request_payloads import Answer, ConfirmRequest, RequestState
from appliance.messages.topics import ReturnAddress
from appliance.page.trial_requests import BUSY, LATE, LONGEST_TEXT, WAIT_S, WaitingForResult
from appliance.requests.request_parser import identity_of
from appliance.values import HTTP_REQUESTER, Operation, Request, Result

if TYPE_CHECKING:
    from collections.abc import Callable

    from appliance.events import Event
    from appliance.messages.control_requests import ControlForm
    from appliance.requests.intake import RequestIntake
    from appliance.requests.request_dispatcher import RequestDispatcher

REQUESTER = f"{HTTP_REQUESTER}page"

LOOK_S = 0.1
"""Seconds between two checks whether a command waits for a confirmation."""


class PageOperations:
    """An observer. `control`, `command` and `confirm` belong to the HTTP server's event loop."""

    def __init__(
        self, intake: RequestIntake, dispatcher: RequestDispatcher, new_id: Callable[[], str]
    ) -> None:
        self._intake = intake
        self._dispatcher = dispatcher
        self._new_id = new_id
        self._receivers: ResultReceivers[WaitingForResult] = ResultReceivers()

    def on_event(self, event: Event) -> None:
        """Deliver the result of a command."""
        self._receivers.on_event(event)

    async def control(self, form: ControlForm) -> Answer:
        """Do what the request `request/<control>` with this form does over MQTT.

        Raises:
            ApplianceError: it was rejected, and why.

        """
        answer = await asyncio.to_thread(self._control, form)
        if answer.state is RequestState.REJECTED:
            raise ApplianceError(answer.message or answer.state)
        return answer

    async def command(self, text: str) -> Result | Answer:
        """Have a sentence carried out, as by `request/command`.

        Its result; or the question that must be confirmed first, whose result's id is for
        `confirm`.

        Raises:
            ApplianceError: it cannot be done now, and why.

        """
        if not text or len(text) > LONGEST_TEXT:
            raise ApplianceError(f"a sentence has 1 to {LONGEST_TEXT} characters")
        request = Request(
            id=self._new_id(),
            operation=Operation.COMMAND,
            payload=text.encode(),
            expires_at=boot_seconds() + WAIT_S,
            requester=REQUESTER,
        )
        incoming = IncomingRequest(
            request, identity_of(request, request.id.encode()), may_repeat=False
        )
        waiting = self._wait_for(request.id)
        try:
            verdict = await asyncio.to_thread(self._intake.accept_request, incoming)
            if verdict.accepted is None:
                raise ApplianceError(self._intake.disk_problem or BUSY)
            return await self._result_or_question(request.id, waiting)
        finally:
            self._receivers.remove(waiting)

    async def confirm(self, request_id: str, *, yes: bool) -> Result:
        """Answer the question about a command, as by `request/confirm`; the command's result.

        Raises:
            ApplianceError: nothing waits for it any more.

        """
        waiting = self._wait_for(request_id)
        try:
            await self.control(ConfirmRequest(id=request_id, yes=yes))
            return await self._result_within(WAIT_S, waiting)
        except TimeoutError:
            raise ApplianceError(LATE) from None
        finally:
            self._receivers.remove(waiting)

    def _control(self, form: ControlForm) -> Answer:
        control = next(name for name, kind in FORMS.items() if isinstance(form, kind))
        request = ControlRequest(control, ReturnAddress(control), form)
        return self._dispatcher.handle_control(request) or request.done()

    async def _result_or_question(
        self, request_id: str, waiting: WaitingForResult
    ) -> Result | Answer:
        for _ in range(round(WAIT_S / LOOK_S)):
            try:
                return await self._result_within(LOOK_S, waiting)
            except TimeoutError:
                if (asked := self._dispatcher.question_of(request_id)) is not None:
                    return asked
        await asyncio.to_thread(self._dispatcher.cancel_requests, request_id)
        raise ApplianceError(LATE)

    async def _result_within(self, seconds: float, waiting: WaitingForResult) -> Result:
        return await asyncio.wait_for(asyncio.shield(waiting.result), seconds)

    def _wait_for(self, request_id: str) -> WaitingForResult:
        waiting = WaitingForResult()
        self._receivers.add(request_id, waiting)
        return waiting
