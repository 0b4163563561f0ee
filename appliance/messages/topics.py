"""The names of all topics, and the messages that publish a result."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from msgspec import UNSET

from appliance.errors import RequestError
from appliance.messages.request_payloads import Answer, Control, RequestState
from appliance.values import Message, Operation, Outcome, Request, Result, encode

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from appliance.config import Config

LONGEST_REPLY_TOPIC = 1024
"""Maximum length of a response topic, in bytes of UTF-8, because it is stored with each request."""

NOBODYS_REPLY = ("request", "$share")
"""Levels that no response topic may have: an answer must not be a request to anybody."""

FORBIDDEN = re.compile(r"[+#/\x00]")
"""Characters that the name of one topic level must not contain."""

STATES = {
    Outcome.CANCELLED: RequestState.CANCELLED,
    Outcome.EXPIRED: RequestState.EXPIRED,
    Outcome.FAILED: RequestState.FAILED,
}


@dataclass(frozen=True, slots=True)
class ReturnAddress:
    """The topic for the answer to a request, and the data that it returns unchanged."""

    operation: str
    reply_to: str | None = None
    """The response topic; None means the default, `response/<op>`."""
    correlation: bytes | None = None
    transaction: str | None = None

    @classmethod
    def of(cls, request: Request) -> ReturnAddress:
        """Return the address in an accepted request."""
        return cls(request.operation, request.reply_to, request.correlation, request.transaction)


def home_assistant_birth(prefix: str) -> str:
    """Return the topic of Home Assistant's birth message, sent when it has started."""
    return f"{prefix}/status"


def retained(topic: str, payload: bytes, content_type: str = "application/json") -> Message:
    """Return a message that the broker keeps for later subscribers."""
    return Message(topic, payload, retain=True, content_type=content_type)


class Topics:
    """The topics of one appliance, below its root."""

    def __init__(
        self,
        root: str,
        group: str = "",
        group_root: str = "",
        birth: str | None = None,
        earshot: str | None = None,
        reply_prefixes: Sequence[str] = (),
    ) -> None:
        """Name the topics.

        Args:
            root: the first levels of every topic of this appliance.
            group: the name of the queue that several appliances share; "" for no queue.
            group_root: the first levels of that queue's topics.
            birth: the topic of Home Assistant's birth message, if discovery is enabled.
            earshot: the topic on which nearby appliances announce detected wake words.
            reply_prefixes: beginnings of the topics that requesters may name for their answers, in
                addition to those below `response/`.

        """
        self.reply_prefixes = (f"{root}/response/", *reply_prefixes)
        """Every answer goes to a topic that begins with one of these."""
        if group:
            self.reply_prefixes = (f"{group_root}/response/", *self.reply_prefixes)
        self.root = root
        self.birth = birth
        self.earshot = earshot
        self.group_root = group_root if group else ""
        self.status = f"{root}/status"
        self.info = f"{root}/info"
        self.state = f"{root}/state"
        self.health = f"{root}/health"
        self.telemetry = f"{root}/telemetry"
        self.result = f"{root}/result"
        self.partial = f"{root}/partial"
        self.timers = f"{root}/timers"
        self.requests = f"{root}/request/+"
        """The filter for all requests to this appliance."""
        # Its own status, too, in order to correct it if somebody else writes it.
        self.subscriptions = [self.requests, self.status]
        if group:
            # One filter for each operation: every member must see `cancel` and `confirm`, because
            # only one of them has the request in question. So these two are not in the shared
            # queue.
            shared = f"$share/{group}/{group_root}/request"
            self.subscriptions += [f"{shared}/{operation}" for operation in Operation]
            self.subscriptions += [
                f"{group_root}/request/{control}" for control in (Control.CANCEL, Control.CONFIRM)
            ]
        if birth is not None:
            self.subscriptions.append(birth)
        if earshot is not None:
            self.subscriptions.append(earshot)

    @property
    def retained(self) -> tuple[str, ...]:
        """The topics with a retained message."""
        return (*(self.status, self.info, self.state, self.health, self.telemetry, self.timers),)

    @classmethod
    def of(cls, config: Config) -> Topics:
        """Return the topics of a configuration."""
        discovery = config.home_assistant
        birth = home_assistant_birth(discovery.prefix) if discovery.enabled else None
        return cls(
            config.root,
            config.mqtt.group,
            config.mqtt.group_root,
            birth,
            config.earshot,
            config.mqtt.reply_prefixes,
        )

    def intent(self, name: str) -> str:
        """Return the topic of one intent's results; forbidden characters become `_`."""
        return f"{self.root}/intent/{FORBIDDEN.sub('_', name)}"

    def action(self, action_id: str) -> str:
        """Return the topic of the state of a command at its devices."""
        return f"{self.root}/action/{action_id}"

    def timer(self, change: str) -> str:
        """Return the topic of one kind of change of timers."""
        return f"{self.root}/timer/{change}"

    def request(self, operation: str) -> str:
        """Return the topic of a request."""
        return f"{self.root}/request/{operation}"

    def response(self, operation: str) -> str:
        """Return the topic of answers to requesters that name no topic."""
        return f"{self.root}/response/{operation}"

    def operation_of(self, topic: str) -> str:
        """Return the operation: the last level of a request's topic."""
        return topic.rpartition("/")[2]

    def is_request(self, topic: str) -> bool:
        """Whether a topic is that of a request, to this appliance or to the queue."""
        return topic.startswith(f"{self.root}/request/") or self.is_for_the_group(topic)

    def is_for_the_group(self, topic: str) -> bool:
        """Whether a request was sent to the queue that several appliances share."""
        return bool(self.group_root) and topic.startswith(f"{self.group_root}/request/")

    def default_reply(self, topic: str) -> str | None:
        """Return the topic of the answer if the requester names no topic; None: `response/<op>`."""
        if not self.is_for_the_group(topic):
            return None
        return f"{self.group_root}/response/{self.operation_of(topic)}"

    def named_reply(self, address: ReturnAddress) -> str | None:
        """Return the response topic that a requester chose; None for a default one.

        The defaults of two operations differ, though one requester may use both.
        """
        default = f"{self.group_root}/response/{address.operation}"
        return None if address.reply_to == default else address.reply_to

    def check_reply_to(self, topic: str) -> None:
        """Check a response topic.

        Raises:
            RequestError: an answer cannot or must not be published there.

        """
        if not topic:
            raise RequestError("invalid", "the response topic is empty")
        if re.search(r"[+#\x00]", topic):
            raise RequestError("invalid", "the response topic must not contain + or #")
        if len(topic.encode()) > LONGEST_REPLY_TOPIC:
            raise RequestError(
                "invalid", f"the response topic has more than {LONGEST_REPLY_TOPIC} bytes"
            )
        prefix = next((one for one in self.reply_prefixes if topic.startswith(one)), None)
        if prefix is None:
            allowed = ", ".join(self.reply_prefixes)
            raise RequestError(
                "invalid",
                f"the response topic must begin with one of: {allowed}; see mqtt.reply_prefixes",
            )
        # No configuration may allow this: an answer must not become a request, or a status.
        if topic.startswith(f"{self.root}/") and not topic.startswith(f"{self.root}/response/"):
            raise RequestError("invalid", f"the response topic must not be below {self.root}")
        if any(level in NOBODYS_REPLY for level in topic.split("/")):
            raise RequestError("invalid", "the response topic must not be a request's topic")

    def answer(self, address: ReturnAddress, answer: Answer) -> Message:
        """Return the message that carries an answer to its requester."""
        return Message(
            topic=address.reply_to or self.response(address.operation),
            payload=encode(answer),
            correlation=address.correlation,
        )

    def finished(self, address: ReturnAddress, result: Result) -> Message:
        """Return the message that carries a result to its requester."""
        state = STATES.get(result.outcome, RequestState.DONE)
        return self.answer(
            address,
            Answer(
                state=state,
                transaction=address.transaction,
                operation=address.operation,
                reason=None if state is RequestState.DONE else state.value,
                message=result.reason,
                result=result,
            ),
        )

    def messages_for(self, result: Result, request: Request | None = None) -> Iterator[Message]:
        """Return what is published of a result: for everybody, and for the requester if any."""
        payload = encode(result)
        yield Message(self.result, payload)
        not_done = () if result.not_done is UNSET else result.not_done
        for command in result.of_each_command() if result.acted else ():
            if command.intent is not None and command.part not in not_done:
                yield Message(self.intent(command.intent.name), encode(command))
        if request is not None and not (request.waits_on_http or request.is_of_satellite):
            yield self.finished(ReturnAddress.of(request), result)
