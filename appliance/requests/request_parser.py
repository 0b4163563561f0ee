"""Parses a received message into a request, a control request or a rejection; pure."""

from __future__ import annotations

import hashlib
import logging
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from appliance.errors import RequestError
from appliance.ids import boot_seconds
from appliance.jobs.finished_job_log import without_words
from appliance.journal.inbox import IncomingRequest
from appliance.messages import control_requests
from appliance.messages.request_body import (
    checked_text,
    json_fields,
    too_large,
    unpacked,
    with_prompt_options,
)
from appliance.messages.request_payloads import AnswerRequest, Control
from appliance.messages.schema_limits import check_schema
from appliance.messages.topics import ReturnAddress
from appliance.values import (
    AUDIO_OPERATIONS,
    HTTP_REQUESTER,
    SAID_FOR_LATER,
    SATELLITE_REQUESTER,
    Operation,
    Request,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from appliance.messages.control_requests import ControlRequest
    from appliance.messages.topics import Topics
    from appliance.mqtt.connection_event_types import Delivery

logger = logging.getLogger(__name__)

JSON_OVERHEAD = 4096
"""Bytes that the JSON around base64 audio may take."""

MAXIMUM_NAME_LENGTH = 256
"""Characters of a requester's name; the rest is ignored."""

LONGEST_ID_BYTES = 1024
"""Maximum size of Correlation Data or `transaction`, which are stored with each request."""

MAY_BE_EMPTY = frozenset(
    {Control.CONFIRM, Control.OPTIONS, Control.MICROPHONE, Control.CHECK, Control.LISTEN}
)


@dataclass(frozen=True, slots=True)
class Rejection:
    """Why a request is not accepted, and where that answer goes."""

    address: ReturnAddress
    reason: str
    """`busy`, `invalid`, `too_large` or `unsupported`."""
    message: str


class RequestParser:
    """Parses messages, within the operator's limits."""

    def __init__(
        self,
        topics: Topics,
        maximum_bytes: int,
        new_id: Callable[[], str],
        now: Callable[[], float] = boot_seconds,
        *,
        operations: Collection[str] = (*Operation, *Control),
        maximum_json_tokens: int = 256,
    ) -> None:
        """`operations` are those that are open (`mqtt.operations`).

        `maximum_json_tokens` is the longest answer under a schema, if a request does not say.
        """
        self._maximum_json_tokens = maximum_json_tokens
        self._topics = topics
        self._operations = frozenset(operations)
        self._maximum_bytes = maximum_bytes
        self._new_id = new_id
        self._now = now

    def parse(self, delivery: Delivery) -> IncomingRequest | ControlRequest | Rejection:
        """Return the request in a message, or why it cannot be accepted; never raises."""
        address = ReturnAddress(
            operation=self._topics.operation_of(delivery.topic),
            reply_to=self._topics.default_reply(delivery.topic),
            correlation=_short(delivery.correlation),
            transaction=_as_text(_short(delivery.correlation)),
        )
        try:
            # The id first, so that no rejection goes without it.
            payload = self._payload(delivery)
            fields = json_fields(payload, delivery.content_type)
            address = _with_transaction(address, fields)
            address = self._with_reply_to(address, delivery.response_topic, fields)
            self._check(delivery, payload)
            self._check_operation(address.operation)
            if address.operation in frozenset(Control):
                control = Control(address.operation)
                request = control_requests.read(control, address, payload, fields)
                return replace(request, for_the_group=self._topics.is_for_the_group(delivery.topic))
            return self._incoming_request(delivery, address, payload, fields)
        except RequestError as error:
            return Rejection(address, error.reason, str(error))
        except Exception as error:
            # It would come again after each restart, since the broker has no acknowledgement yet.
            message = "a request cannot be read because of a bug in the appliance"
            logger.error(message, exc_info=without_words(error))  # noqa: TRY400
            reason = f"a bug in the appliance ({type(error).__name__})"
            return Rejection(address, "invalid", reason)

    def _check_operation(self, name: str) -> None:
        known = (*Operation, *Control)
        if name not in known:
            names = ", ".join(one for one in known if one in self._operations)
            message = f"no operation has this name; known: {names}"
            raise RequestError("unsupported", message)
        if name not in self._operations:
            raise RequestError(
                "unsupported", f"request/{name} is closed on this device; add it to mqtt.operations"
            )

    def _payload(self, delivery: Delivery) -> bytes:
        if delivery.payload is None:
            raise RequestError("busy", "too many requests came at once; ask again in a moment")
        return delivery.payload

    def _check(self, delivery: Delivery, payload: bytes) -> None:
        if delivery.retained:
            logger.warning(
                "dropped a retained message on %s: it would come again after each connection; "
                "clear it there, and publish requests without the retain flag", delivery.topic,
            )  # fmt: skip
            raise RequestError(
                "invalid", "a request must not be retained, because it would come again"
            )
        if len(delivery.correlation or b"") > LONGEST_ID_BYTES:
            message = f"Correlation Data has more than {LONGEST_ID_BYTES} bytes"
            raise RequestError("too_large", message)
        if not payload and self._topics.operation_of(delivery.topic) not in MAY_BE_EMPTY:
            raise RequestError("invalid", "the request is empty")
        if len(payload) > self._maximum_bytes * 4 // 3 + JSON_OVERHEAD:
            raise too_large(len(payload), self._maximum_bytes)

    def _with_reply_to(
        self, address: ReturnAddress, topic: str | None, fields: dict[str, Any] | None
    ) -> ReturnAddress:
        """Return the address with the Response Topic, or the one that a client put into JSON."""
        reply_to = topic if topic is not None or fields is None else fields.get("reply_to")
        if not isinstance(reply_to, str):
            return address
        self._topics.check_reply_to(reply_to)
        return replace(address, reply_to=reply_to)

    def _incoming_request(
        self,
        delivery: Delivery,
        address: ReturnAddress,
        payload: bytes,
        fields: dict[str, Any] | None,
    ) -> IncomingRequest:
        operation = Operation(address.operation)
        timeout_s: float | None = delivery.expiry_s
        priority = _priority(delivery)
        properties = dict(delivery.user_properties)
        requester = properties.get("requester", "")[:MAXIMUM_NAME_LENGTH]
        area = properties.get("area", "")[:MAXIMUM_NAME_LENGTH]
        if fields is not None:
            payload, form = unpacked(operation, fields)
            timeout_s = _shorter(timeout_s, form.timeout_s)
            priority = form.priority or priority
            requester = form.requester or requester
            area = form.area or area
        if operation in AUDIO_OPERATIONS:
            if len(payload) > self._maximum_bytes:
                raise too_large(len(payload), self._maximum_bytes)
        else:
            payload = checked_text(payload)
        if fields is not None and isinstance(form, AnswerRequest):
            payload = with_prompt_options(payload, form)  # first: it refuses what is too long
            if form.schema is not None:
                check_schema(form.schema, form.maximum_tokens or self._maximum_json_tokens)
        request = Request(
            id=self._new_id(),
            operation=operation,
            payload=payload,
            transaction=address.transaction,
            priority=priority,
            expires_at=None if timeout_s is None else self._now() + timeout_s,
            reply_to=address.reply_to,
            correlation=address.correlation,
            requester=_requester(requester, address),
            area=area.strip(),
        )
        has_id = bool(address.transaction)
        return IncomingRequest(
            request,
            identity_of(request, b"" if has_id else delivery.mid.to_bytes(2, "big")),
            may_repeat=has_id or delivery.repeated,
        )


def _with_transaction(address: ReturnAddress, fields: dict[str, Any] | None) -> ReturnAddress:
    """Return the address with the id that a client put into JSON."""
    if fields is None or not isinstance(transaction := fields.get("transaction"), str | int):
        return address
    if len(str(transaction).encode()) > LONGEST_ID_BYTES:
        raise RequestError("too_large", f"transaction has more than {LONGEST_ID_BYTES} bytes")
    return replace(address, transaction=str(transaction))


def _short(correlation: bytes | None) -> bytes | None:
    """Correlation Data that an answer can return; None if it is too long for that."""
    return None if len(correlation or b"") > LONGEST_ID_BYTES else correlation


def _as_text(correlation: bytes | None) -> str | None:
    """Return Correlation Data for JSON: unchanged if it is printable text, otherwise as hex."""
    if correlation is None:
        return None
    try:
        text = correlation.decode()
    except UnicodeDecodeError:
        return correlation.hex()
    return text if text.isprintable() else correlation.hex()


def _priority(delivery: Delivery) -> int:
    """Return the user property `priority`, for clients whose payload is an audio file."""
    for name, value in delivery.user_properties:
        if name == "priority":
            if len(value) == 1 and value in "0123456789":
                return int(value)
            raise RequestError("invalid", "the user property priority must be a number from 0 to 9")
    return 0


def _requester(name: str, address: ReturnAddress) -> str:
    """Who asks; nobody else takes the name of what was said here, or of a connected client."""
    taken = name == SAID_FOR_LATER or name.startswith((HTTP_REQUESTER, SATELLITE_REQUESTER))
    return ("" if taken else name) or address.reply_to or ""


def _shorter(one: float | None, other: float | None) -> float | None:
    """Return the smaller of two durations, of which None means no limit."""
    return min((value for value in (one, other) if value is not None), default=None)


def identity_of(request: Request, packet_id: bytes) -> bytes:
    """Return a digest of the requester, the request's id and the work.

    The payload is part of it: a client that counts its ids from 1 after each start must not get
    the answer to another question. The requester's name is, too: two of them that count from 1 and
    want the same done must not be taken for one. A request without an id is identified by
    `packet_id`, the broker's packet identifier, which stays the same when it sends it again.
    """
    digest = hashlib.sha256()
    own_id = request.correlation or (request.transaction or "").encode()
    reply_to = (request.reply_to or "").encode()
    work = [request.payload]
    named = request.requester not in ("", request.reply_to)
    if request.area or named:  # otherwise as it was kept by versions without these
        work.append(request.area.encode())
    if named:
        work.append(request.requester.encode())
    for part in (request.operation.encode(), reply_to, own_id, packet_id, *work):
        digest.update(len(part).to_bytes(8, "big") + part)
    return digest.digest()
