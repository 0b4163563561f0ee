"""Reads control requests (cancel, confirm, options and others) and makes their answers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import msgspec

from appliance.errors import RequestError
from appliance.messages.request_payloads import (
    Answer,
    ApplyRequest,
    CancelRequest,
    CheckRequest,
    ConfirmRequest,
    Control,
    ListenRequest,
    MicrophoneRequest,
    OptionsRequest,
    RequestState,
    SayRequest,
    TimerRequest,
)

if TYPE_CHECKING:
    from appliance.messages.topics import ReturnAddress

ControlForm = (
    CancelRequest
    | ConfirmRequest
    | OptionsRequest
    | MicrophoneRequest
    | CheckRequest
    | ListenRequest
    | SayRequest
    | TimerRequest
    | ApplyRequest
)

FORMS: dict[Control, type[ControlForm]] = {
    Control.CANCEL: CancelRequest,
    Control.CONFIRM: ConfirmRequest,
    Control.OPTIONS: OptionsRequest,
    Control.MICROPHONE: MicrophoneRequest,
    Control.CHECK: CheckRequest,
    Control.LISTEN: ListenRequest,
    Control.SAY: SayRequest,
    Control.TIMER: TimerRequest,
    Control.APPLY: ApplyRequest,
}


@dataclass(frozen=True, slots=True)
class ControlRequest:
    """A request to the appliance itself. It is not on disk: without an answer, send it again."""

    control: Control
    address: ReturnAddress
    form: ControlForm
    for_the_group: bool = False
    """Whether every member of the group gets it; members without the request do not answer."""

    def done(self, data: Any = None, message: str | None = None) -> Answer:
        """Return the answer to a request that was done."""
        return self._answer(RequestState.DONE, None, message, data)

    def rejected(self, reason: str, message: str) -> Answer:
        """Return the answer to a request that cannot be done."""
        return self._answer(RequestState.REJECTED, reason, message)

    def _answer(
        self, state: RequestState, reason: str | None, message: str | None, data: Any = None
    ) -> Answer:
        return Answer(
            state=state,
            transaction=self.address.transaction,
            operation=self.control,
            reason=reason,
            message=message,
            data=data,
        )


def read(
    control: Control, address: ReturnAddress, payload: bytes, fields: dict[str, Any] | None
) -> ControlRequest:
    """Read a control request from its payload, or from its JSON fields if there are any.

    Raises:
        RequestError: it is not valid.

    """
    if fields is None:
        fields = _fields_of_text(control, payload)
    if control is Control.OPTIONS and not fields.keys().isdisjoint(("muted", "trigger")):
        raise RequestError("invalid", "muted and trigger belong to request/microphone")
    try:
        return ControlRequest(control, address, msgspec.convert(fields, FORMS[control]))
    except (msgspec.ValidationError, ValueError) as error:
        raise RequestError("invalid", str(error)) from None


def _fields_of_text(control: Control, payload: bytes) -> dict[str, Any]:
    """Return the fields of a payload that is not JSON."""
    try:
        text = payload.decode("utf-8-sig").strip()
    except UnicodeDecodeError as error:
        message = f"the text is not UTF-8, at byte {error.start}"
        raise RequestError("invalid", message) from None
    if control is Control.CANCEL:
        if not text:
            raise RequestError("invalid", "give the id of the request to cancel")
        return {"id": text}
    if control is Control.CONFIRM:
        return {"id": text} if text else {}
    if control is Control.SAY:
        return {"text": text}
    if text:
        raise RequestError("invalid", f"{control} takes JSON or an empty payload")
    return {}
