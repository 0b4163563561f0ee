"""The edge node's thread: birth, data by exception, death, and commands of hosts.

Sparkplug 3.0.0, chapters 4 to 6. The tests name the assertions by their ids.
"""

from __future__ import annotations

import logging
import time
from dataclasses import replace
from typing import TYPE_CHECKING

import msgspec

from appliance.backoff import Backoff
from appliance.errors import UNREADABLE_JSON, ConfigError
from appliance.messages.control_requests import ControlRequest
from appliance.messages.request_payloads import (
    Control,
    ListenRequest,
    MicrophoneRequest,
    RequestState,
    SayRequest,
)
from appliance.messages.sparkplug_payload import (
    DataType,
    Metric,
    Payload,
    PayloadError,
    decode,
    encode,
)
from appliance.messages.topics import ReturnAddress
from appliance.sparkplug.broker_session import Arrived, BrokerSession, Ended, SessionReady
from appliance.sparkplug.node_metrics import LISTEN, MUTE, REBIRTH, SAY, now_ms
from appliance.system import atomic_file
from appliance.threads import LoopBody

if TYPE_CHECKING:
    from pathlib import Path

    from appliance.config import Config
    from appliance.messages.control_requests import ControlForm
    from appliance.requests.request_dispatcher import RequestDispatcher
    from appliance.sparkplug.broker_session import SessionEvent
    from appliance.sparkplug.node_metrics import NodeMetrics

logger = logging.getLogger(__name__)

POLL_S = 0.2
"""Seconds that a turn waits; changes are told no later."""

RETRY = Backoff(1.0, 60.0, jitter=0.5)

MOST_RESULTS = 20
"""Results that are told in one turn."""

NUMBERS = 256
"""Sequence numbers, and numbers of births: from 0 to 255, then 0 again."""

MOST_ORDERS = 20
"""Metrics of one command; a message with more is not carried out."""

BIRTHS_APART_S = 1.0
"""A birth is a hundred times as large as the request for it, so it is not given more often."""

LONGEST_TEXT = 2000
"""Characters that a host can have said."""


class HostState(msgspec.Struct, frozen=True):
    """Whether a host is there."""

    online: bool
    timestamp: int


class EdgeNode(LoopBody):
    """`start`, `turn` and `stop` belong to a Loop."""

    def __init__(self, config: Config, metrics: NodeMetrics, dispatcher: RequestDispatcher) -> None:
        """Nothing is connected yet."""
        settings = config.sparkplug
        self._config = config
        self._metrics = metrics
        self._dispatcher = dispatcher
        node = f"{settings.group_id}/{{}}/{settings.node_id or config.name}"
        self._topic = f"spBv1.0/{node}"
        self._host = f"spBv1.0/STATE/{settings.primary_host}" if settings.primary_host else ""
        self._counter = BirthCounter(config.state_directory / "sparkplug-births")
        self._session: BrokerSession | None = None
        self._birth_number = 0
        self._seq = 0
        self._is_born = False
        self._born_at_ms = 0
        self._failures = 0
        self._next_try_at = 0.0
        self._host_seen = HostState(online=False, timestamp=0)
        self._wants_birth = False
        self._birth_from = 0.0
        """When another birth may be given, by the monotonic clock."""

    def turn(self) -> None:
        """Take what happened, and tell what has changed."""
        if self._session is None:
            if time.monotonic() < self._next_try_at:
                time.sleep(POLL_S)
                return
            self._connect()
        session = self._session
        event = None if session is None else session.next_event(POLL_S)
        if event is not None:
            self._take(event)
        if self._is_born:
            if self._wants_birth:
                if time.monotonic() < self._birth_from:
                    return  # after a request for a birth, data would be told too early
                self._give_birth()
            self._tell_results()
            if changed := self._metrics.take_changed():
                self._publish("NDATA", changed)

    def stop(self) -> None:
        """Publish the death certificate, and disconnect."""
        self._close()

    # The session.

    def _connect(self) -> None:
        self._birth_number = self._counter.next()
        self._host_seen = HostState(online=False, timestamp=0)
        filters = [f"{self._topic.format('NCMD')}", *([self._host] if self._host else [])]
        try:
            self._session = BrokerSession(self._config, self._death(), filters)
        except ConfigError as error:  # the password's file is gone, for example
            self._take(Ended(str(error)))

    def _death(self) -> tuple[str, bytes]:
        payload = Payload([self._birth_metric()], now_ms())
        return self._topic.format("NDEATH"), encode(payload)

    def _birth_metric(self) -> Metric:
        return Metric("bdSeq", DataType.INT64, self._birth_number, now_ms())

    def _close(self) -> None:
        session, self._session = self._session, None
        was_born, self._is_born = self._is_born, False
        if session is not None:
            session.close(self._death() if was_born else None)

    def _take(self, event: SessionEvent) -> None:
        match event:
            case SessionReady():
                self._failures = 0
                if not self._host:
                    self._give_birth()
            case Ended(reason):
                self._failures += 1
                if self._failures == 1:
                    logger.warning("the broker, as a Sparkplug edge node: %s", reason)
                self._is_born = False
                self._close()
                self._next_try_at = time.monotonic() + RETRY.delay_s(self._failures)
            case Arrived(topic, payload) if topic == self._host:
                self._take_host_state(payload)
            case Arrived(is_retained=True):
                logger.warning("a retained Sparkplug command is ignored: it may be old")
            case Arrived(_, payload):
                self._take_command(payload)

    def _take_host_state(self, payload: bytes) -> None:
        try:
            state = msgspec.json.decode(payload, type=HostState)
        except UNREADABLE_JSON:
            logger.debug("the state of the primary host cannot be read")
            return
        if state.timestamp < self._host_seen.timestamp:
            return  # it is of a session before
        self._host_seen = state
        if state.online and not self._is_born:
            self._give_birth()
        elif not state.online and self._is_born:
            logger.info("the primary host %s is offline", self._config.sparkplug.primary_host)
            self._close()
            self._next_try_at = time.monotonic() + RETRY.first_s

    # Telling.

    def _give_birth(self) -> None:
        self._wants_birth, self._birth_from = False, time.monotonic() + BIRTHS_APART_S
        self._seq = NUMBERS - 1  # a birth has 0
        self._is_born = self._publish("NBIRTH", [self._birth_metric(), *self._metrics.birth()])

    def _tell_results(self) -> None:
        """One message for each result; what happened before the birth is history."""
        for _ in range(MOST_RESULTS):
            if not (result := self._metrics.take_result()):
                return
            late = (result[0].timestamp_ms or 0) < self._born_at_ms
            told = [replace(metric, is_historical=late) for metric in result]
            if not self._publish("NDATA", told):
                self._metrics.put_back(result)
                return

    def _publish(self, kind: str, metrics: list[Metric]) -> bool:
        if self._session is None:
            return False
        now = now_ms()
        if kind == "NBIRTH":
            self._born_at_ms = now
        seq = (self._seq + 1) % NUMBERS
        payload = encode(Payload(metrics, now, seq))
        if not self._session.publish(self._topic.format(kind), payload):
            return False
        self._seq = seq
        return True

    # Commands.

    def _take_command(self, content: bytes) -> None:
        try:
            payload = decode(content)
        except PayloadError as error:
            logger.warning("a Sparkplug command cannot be read: %s", error)
            return
        if len(payload.metrics) > MOST_ORDERS:
            logger.warning("a Sparkplug command has more than %s metrics", MOST_ORDERS)
            return
        if any(metric.name == REBIRTH and metric.value is True for metric in payload.metrics):
            self._wants_birth = True
        for metric in payload.metrics:
            self._do(metric)

    def _do(self, metric: Metric) -> None:
        match metric.name, metric.value:
            case name, _ if name == REBIRTH:
                pass  # once for the whole message
            case name, str(text) if name == SAY and text.strip():
                self._order(Control.SAY, SayRequest(text=text[:LONGEST_TEXT]))
            case name, True if name == LISTEN:
                self._order(Control.LISTEN, ListenRequest())
            case name, bool(muted) if name == MUTE:
                self._order(Control.MICROPHONE, MicrophoneRequest(muted=muted))
            case _:
                logger.debug("a Sparkplug command means nothing here")

    def _order(self, control: Control, form: ControlForm) -> None:
        """Have it done as a request over MQTT is done, if `mqtt.operations` allows it."""
        if control not in self._config.mqtt.operations:
            logger.warning(
                "a Sparkplug host asked for %s, which mqtt.operations does not allow", control
            )
            return
        address = ReturnAddress(control)
        answer = self._dispatcher.handle_control(ControlRequest(control, address, form))
        if answer is not None and answer.state is RequestState.REJECTED:
            logger.warning("a Sparkplug host asked for %s: %s", control, answer.message)


class BirthCounter:
    """Numbers the sessions, also over restarts: a death must not be taken for that of a later."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def next(self) -> int:
        """The number of the session that begins."""
        try:
            number = (int(self._path.read_text("ascii")) + 1) % NUMBERS
        except (OSError, ValueError):
            number = 0
        try:
            atomic_file.replace(self._path, str(number).encode())
        except OSError as error:
            logger.warning("the number of the Sparkplug session is not kept: %s", error)
        return number
