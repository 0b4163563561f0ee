"""Journal, broker connection and MQTT service as in the daemon, with a worker of the test."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, Self

import msgspec

from appliance import config
from appliance.ids import Ids
from appliance.journal.journal import Journal
from appliance.messages.control_requests import ControlRequest
from appliance.messages.request_payloads import Answer
from appliance.messages.status_payloads import Status
from appliance.messages.topics import Topics
from appliance.mqtt.connection import BrokerConnection
from appliance.mqtt.flood_limit import FloodLimit
from appliance.mqtt.publisher import Publisher
from appliance.mqtt.result_commit import ResultCommitter
from appliance.requests.intake import RequestIntake
from appliance.requests.mqtt_thread import MqttService, status_of
from appliance.requests.request_parser import RequestParser
from appliance.threads import Loop
from appliance.values import Intent, Outcome, Request, Result, Source, Trigger

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

ROOT = "appliance/kitchen"


def settings(directory: Path, port: int, **mqtt: Any) -> config.Config:
    """A configuration whose broker is on loopback."""
    return config.Config(
        device=config.DeviceSettings(name="kitchen", state_directory=str(directory)),
        mqtt=config.MqttSettings(
            host=mqtt.pop("host", "127.0.0.1"),
            port=port,
            **{"reply_prefixes": ["appliance-clients/", "home/", "plant/"], **mqtt},
        ),
    )


def result_for(text: str, identity: str, outcome: Outcome = Outcome.TRANSCRIPT) -> Result:
    """A result such as the worker makes."""
    return Result(
        id=identity,
        source=Source.MQTT,
        trigger=Trigger.REQUEST,
        language="en",
        outcome=outcome,
        text=text,
        intent=Intent("TurnOn", {"name": "lamp"}) if outcome is Outcome.INTENT else None,
        acted=outcome is Outcome.INTENT,
        at="2026-01-01T00:00:00Z",
    )


class MqttStack:
    """Journal, connection, MQTT service and its loop; `hand_over` is the worker of the test."""

    def __init__(
        self,
        settings: config.Config,
        hand_over: Callable[[Request], bool] | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.config = settings
        self.topics = Topics.of(settings)
        self.journal = Journal(
            settings.state_directory,
            settings.journal,
            settings.requests,
            answer_prefixes=self.topics.reply_prefixes,
        )
        self.ids = Ids(self.journal.last_id)
        self.requests: list[Request] = []
        flood_limit = FloodLimit(self.topics, self.journal, clock)
        will = status_of(self.topics, Status.OFFLINE)
        self.link = BrokerConnection(settings, will, flood_limit)
        reader = RequestParser(self.topics, settings.requests.maximum_bytes, self.ids.new)
        self.enqueue_request = hand_over or self.work
        self.orders: list[ControlRequest] = []
        self.publisher = Publisher(self.journal, self.link)
        self.committer = ResultCommitter(self.journal, self.link, self.topics, self.publisher)
        self.intake = RequestIntake(
            self.journal,
            self.topics,
            reader,
            self,  # type: ignore[arg-type]
            self.publisher,
            flood_limit,
        )
        self.mqtt = MqttService(
            self.journal,
            self.link,
            self.topics,
            self.publisher,
            self.committer,
            intake=self.intake,
        )
        self.loop = Loop("MQTT thread", self.mqtt)

    def __enter__(self) -> Self:
        self.loop.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.loop.__exit__(None, None, None)
        self.journal.close()
        assert self.loop.error is None

    def say(self, text: str, outcome: Outcome = Outcome.TRANSCRIPT) -> Result:
        """Somebody spoke."""
        result = result_for(text, self.ids.new(), outcome)
        return self.committer.commit_result(result, None, dead_letter=False)

    def work(self, request: Request) -> bool:
        """Answer at once, in the postman's own thread, with the payload in capitals."""
        self.requests.append(request)
        self.journal.record_attempt(request.id)
        self.finish(request)
        return True

    def position_of(self, request_id: str) -> int | None:
        return None

    def question_of(self, request_id: str) -> None:
        return None

    def handle_control(self, order: ControlRequest) -> Answer:
        self.orders.append(order)
        return order.done({"carried out": True})

    def finish(self, request: Request) -> None:
        text = request.payload.decode(errors="replace").upper()
        self.committer.commit_result(result_for(text, request.id), request, dead_letter=False)


def answer(payload: bytes) -> dict[str, Any]:
    """An answer's JSON."""
    return msgspec.json.decode(payload, type=dict[str, Any])
