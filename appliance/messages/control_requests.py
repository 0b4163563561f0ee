"""What is asked of the appliance itself (cancel, options, check): read here, done elsewhere."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import msgspec

from appliance.errors import RequestError
from appliance.messages.payloads import (
    Answer,
    CancelRequest,
    CheckRequest,
    Control,
    ListenRequest,
    OptionsRequest,
    RequestState,
    SayRequest,
)

if TYPE_CHECKING:
    from appliance.messages.topics import ReturnAddress

Form = CancelRequest | OptionsRequest | CheckRequest | ListenRequest | SayRequest

FORMS: dict[Control, type[Form]] = {
    Control.CANCEL: CancelRequest,
    Control.OPTIONS: OptionsRequest,
    Control.CHECK: CheckRequest,
    Control.LISTEN: ListenRequest,
    Control.SAY: SayRequest,
}


@dataclass(frozen=True, slots=True)
class ControlRequest:
    """One of them. It is not kept on disk: who gets no answer asks again."""

    control: Control
    address: ReturnAddress
    form: Form
    for_the_group: bool = False
    """Every member gets it, and only one can have what it is about; the others are silent."""

    def done(self, data: Any = None, message: str | None = None) -> Answer:
        """The answer where it went well."""
        return self._answer(RequestState.DONE, None, message, data)

    def rejected(self, reason: str, message: str) -> Answer:
        """The answer where it could not be done."""
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
    """The order in a payload; RequestError when it is none."""
    if fields is None:
        fields = _plain(control, payload)
    try:
        return ControlRequest(control, address, msgspec.convert(fields, FORMS[control]))
    except (msgspec.ValidationError, ValueError) as error:
        raise RequestError("invalid", str(error)) from None


def _plain(control: Control, payload: bytes) -> dict[str, Any]:
    """The fields of a payload that is not JSON."""
    try:
        text = payload.decode("utf-8-sig").strip()
    except UnicodeDecodeError as error:
        message = f"the text is not UTF-8, at byte {error.start}"
        raise RequestError("invalid", message) from None
    if control is Control.CANCEL:
        if not text:
            raise RequestError("invalid", "name the request that is to be cancelled")
        return {"id": text}
    if control is Control.SAY:
        return {"text": text}
    if text:
        raise RequestError("invalid", f"{control} takes JSON, or no payload at all")
    return {}
