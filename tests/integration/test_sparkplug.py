"""The Sparkplug edge node with a real broker: the assertions of the edge profile, by their ids.

The ids are those of Sparkplug 3.0.0 (`tck-id-` left out). Payloads are read by Google's protobuf.
"""

from __future__ import annotations

import contextlib
import json
import threading
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Self

import pytest
from paho.mqtt import client as paho
from paho.mqtt.enums import CallbackAPIVersion
from support.independent_sparkplug import pysparkplug
from support.mosquitto import Mosquitto
from support.sparkplug import SparkplugPayload, command, value_of
from support.waiting import until

from appliance import config
from appliance.events import BoardRead, JobFinished, MicrophoneChanged, StatusChanged
from appliance.messages.request_payloads import (
    Control,
    ListenRequest,
    MicrophoneRequest,
    SayRequest,
)
from appliance.sparkplug.broker_session import (
    LARGEST_PAYLOAD,
    MOST_UNREAD,
    Arrived,
    BrokerSession,
    Ended,
)
from appliance.sparkplug.edge_node import EdgeNode
from appliance.sparkplug.node_metrics import KINDS, NodeMetrics
from appliance.threads import Loop
from appliance.values import (
    Activity,
    BoardReading,
    Intent,
    MicrophoneState,
    Outcome,
    Result,
    Source,
    TextInput,
    Trigger,
)

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from appliance.messages.control_requests import ControlRequest
    from appliance.messages.request_payloads import Answer

GROUP, NODE, HOST = "Plant 1", "voice-2", "scada"
BIRTH, DATA, DEATH, COMMANDS = (
    f"spBv1.0/{GROUP}/{kind}/{NODE}" for kind in ("NBIRTH", "NDATA", "NDEATH", "NCMD")
)
STATE = f"spBv1.0/STATE/{HOST}"


@dataclass
class Seen:
    """A message of the edge node."""

    topic: str
    qos: int
    retain: bool
    payload: Any
    values: dict[str, Any] = field(default_factory=dict)


class HostApplication:
    """Subscribes to the group with QoS 1, so that the QoS of what is published is seen."""

    def __init__(self, port: int) -> None:
        self.seen: list[Seen] = []
        self._client = paho.Client(CallbackAPIVersion.VERSION2, protocol=paho.MQTTv5)
        self._client.on_message = self._keep
        ready = threading.Event()
        self._client.on_subscribe = lambda *_: ready.set()
        self._client.connect("127.0.0.1", port)
        self._client.loop_start()
        self._client.subscribe(f"spBv1.0/{GROUP}/#", 1)
        assert ready.wait(10)

    def _keep(self, _client: Any, _userdata: Any, message: Any) -> None:
        if "/NCMD/" in message.topic:
            return
        payload = SparkplugPayload.FromString(message.payload)
        values = {metric.name: value_of(metric) for metric in payload.metrics}
        self.seen.append(Seen(message.topic, message.qos, message.retain, payload, values))

    def of(self, topic: str) -> list[Seen]:
        return [one for one in self.seen if one.topic == topic]

    def wait_for(self, topic: str, count: int = 1) -> Seen:
        until(lambda: len(self.of(topic)) >= count, f"{count} messages on {topic}", 20)
        return self.of(topic)[count - 1]

    def wait_for_value(self, name: str, value: Any) -> Seen:
        def found() -> list[Seen]:
            return [one for one in self.of(DATA) if one.values.get(name, ...) == value]

        until(found, f"{name} never became {value!r}", 20)
        return found()[0]

    def order(self, name: str, value: object) -> None:
        self._client.publish(COMMANDS, command(name, value))

    def send_command(self, metrics: list[tuple[str, object]], *, retain: bool = False) -> None:
        payload = SparkplugPayload()
        for name, value in metrics:
            payload.MergeFromString(command(name, value))
        sent = self._client.publish(COMMANDS, payload.SerializeToString(), 1, retain=retain)
        sent.wait_for_publish(10)

    def send_state(self, payload: bytes) -> None:
        self._client.publish(STATE, payload, 1, retain=True).wait_for_publish(10)

    def state(self, *, online: bool, timestamp: int) -> None:
        text = json.dumps({"online": online, "timestamp": timestamp})
        self._client.publish(STATE, text, qos=1, retain=True)

    def close(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()


class RecordedDispatcher:
    def __init__(self) -> None:
        self.orders: list[ControlRequest] = []

    def handle_control(self, control: ControlRequest) -> Answer:
        self.orders.append(control)
        return control.done()


class Node:
    """An edge node in a loop of its own."""

    def __init__(self, folder: Path, port: int, **more: Any) -> None:
        settings = config.Config(
            device=config.DeviceSettings(name="kitchen", state_directory=str(folder)),
            mqtt=config.MqttSettings(
                host="127.0.0.1",
                port=port,
                operations=more.pop("operations", ["say", "listen", "microphone"]),
                version=more.pop("version", "5"),
                **more.pop("mqtt", {}),
            ),
            sparkplug=config.SparkplugSettings(group_id=GROUP, node_id=NODE, **more),
        )
        self.metrics = NodeMetrics()
        self.dispatcher = RecordedDispatcher()
        self.edge = EdgeNode(settings, self.metrics, self.dispatcher)  # type: ignore[arg-type]
        self.loop = Loop("edge node", self.edge)

    def __enter__(self) -> Self:
        self.loop.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.loop.__exit__(None, None, None)
        assert self.loop.error is None

    def heard(self, text: str, number: int = 1) -> None:
        """Somebody spoke."""
        result = Result(
            id=f"r{number}",
            source=Source.SPEECH,
            trigger=Trigger.WAKE_WORD,
            language="en",
            outcome=Outcome.INTENT,
            text=text,
            intent=Intent("TurnOn", {"area": "hall"}),
            confidence=0.5,
            at="2026-01-01T00:00:00Z",
        )
        self.metrics.on_event(
            JobFinished(TextInput("t", "", Source.SPEECH, Trigger.REQUEST), result)
        )


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Mosquitto]:
    with Mosquitto(tmp_path / "broker") as running:
        yield running


@pytest.fixture
def host(broker: Mosquitto) -> Iterator[HostApplication]:
    application = HostApplication(broker.port)
    yield application
    application.close()


def connects(broker: Mosquitto) -> list[str]:
    """What the broker's log says about connections of the edge node."""
    lines = (broker.directory / "log").read_text("utf-8", "replace").splitlines()
    return [line for line in lines if "appliance-kitchen-sparkplug (p" in line]


@pytest.mark.parametrize(("version", "known"), [("5", "p5, c1"), ("3.1.1", "p2, c1")])
def test_the_birth(
    tmp_path: Path, broker: Mosquitto, host: HostApplication, version: str, known: str
) -> None:
    """Checks the birth certificate.

    topics-nbirth-mqtt, topics-nbirth-topic, topics-nbirth-timestamp, topics-nbirth-seq-num,
    topics-nbirth-metrics, topics-nbirth-metric-reqs, topics-nbirth-bdseq-included,
    topics-nbirth-rebirth-metric, payloads-nbirth-timestamp, payloads-nbirth-seq,
    payloads-nbirth-bdseq, payloads-nbirth-rebirth-req, payloads-nbirth-qos,
    payloads-nbirth-retain, message-flow-edge-node-birth-publish-nbirth-topic, -nbirth-payload-seq,
    -nbirth-payload-bdSeq, -nbirth-qos, -nbirth-retained,
    operational-behavior-data-commands-rebirth-name, -rebirth-datatype, -rebirth-value,
    principles-persistence-clean-session-50 and -311.
    """
    before = time.time() * 1000 - 1000
    with Node(tmp_path, broker.port, version=version):
        birth = host.wait_for(BIRTH)
    assert (birth.qos, birth.retain) == (0, False)
    assert birth.payload.seq == 0
    assert before < birth.payload.timestamp < before + 60_000
    assert birth.values.keys() == {"bdSeq", *KINDS}
    metrics = {metric.name: metric for metric in birth.payload.metrics}
    assert all(metric.datatype and metric.timestamp for metric in metrics.values())
    assert (metrics["bdSeq"].datatype, birth.values["bdSeq"]) == (4, 0)
    assert (metrics["Node Control/Rebirth"].datatype, birth.values["Node Control/Rebirth"]) == (
        *(11, False),
    )
    temperature = metrics["Status/Temperature"]
    assert temperature.properties.values[0].string_value == "°C"
    assert temperature.is_null
    assert known in connects(broker)[0], "a clean session"


def test_the_death_certificate_is_the_last_will(
    tmp_path: Path, broker: Mosquitto, host: HostApplication
) -> None:
    """Checks what the broker publishes if the connection breaks.

    topics-ndeath-topic, topics-ndeath-payload, topics-ndeath-seq, payloads-ndeath-bdseq,
    payloads-ndeath-seq, payloads-ndeath-will-message, payloads-ndeath-will-message-qos,
    payloads-ndeath-will-message-retain, message-flow-edge-node-birth-publish-will-message-topic,
    -will-message-payload-bdSeq, -will-message-qos, -will-message-will-retained,
    topics-nbirth-bdseq-matching, topics-nbirth-bdseq-increment, payloads-nbirth-bdseq-inc.
    """
    with Node(tmp_path, broker.port) as node:
        first = host.wait_for(BIRTH)
        session = node.edge._session
        assert session is not None
        sock = session._client.socket()
        assert sock is not None
        sock.close()  # without DISCONNECT
        death = host.wait_for(DEATH)
        second = host.wait_for(BIRTH, 2)
    assert death.qos == 1
    assert not death.retain
    assert list(death.values) == ["bdSeq"]
    assert not death.payload.HasField("seq")
    assert death.values["bdSeq"] == first.values["bdSeq"]
    assert second.values["bdSeq"] == first.values["bdSeq"] + 1
    with Node(tmp_path, broker.port):  # also over a restart
        assert host.wait_for(BIRTH, 3).values["bdSeq"] == first.values["bdSeq"] + 2


def test_an_intentional_end_publishes_the_death_certificate_and_disconnects(
    tmp_path: Path, broker: Mosquitto, host: HostApplication
) -> None:
    """Checks operational-behavior-edge-node-intentional-disconnect-ndeath and -packet."""
    with Node(tmp_path, broker.port):
        birth = host.wait_for(BIRTH)
    death = host.wait_for(DEATH)
    assert death.values["bdSeq"] == birth.values["bdSeq"]
    time.sleep(0.5)
    assert len(host.of(DEATH)) == 1, "the broker must not publish the last will, too"


def test_data_is_told_by_exception_and_numbered(
    tmp_path: Path, broker: Mosquitto, host: HostApplication
) -> None:
    """Checks the data messages.

    topics-ndata-mqtt, topics-ndata-topic, topics-ndata-seq-num, topics-ndata-timestamp,
    topics-ndata-payload, payloads-ndata-timestamp, payloads-ndata-seq, payloads-ndata-seq-inc,
    payloads-ndata-order, payloads-ndata-qos, payloads-ndata-retain,
    payloads-sequence-num-incrementing, payloads-sequence-num-zero-nbirth,
    operational-behavior-data-publish-nbirth, -nbirth-values.
    """
    with Node(tmp_path, broker.port) as node:
        host.wait_for(BIRTH)
        for number in range(300):
            node.heard(f"sentence {number}", number)
        node.metrics.on_event(StatusChanged(Activity.LISTENING))
        node.metrics.on_event(BoardRead(BoardReading(temperature_c=48.6)))
        node.metrics.on_event(BoardRead(BoardReading(temperature_c=48.9)))
        node.metrics.on_event(MicrophoneChanged(MicrophoneState.LOST))
        until(lambda: len([one for one in host.of(DATA) if "Result/Id" in one.values]) == 300)
        host.wait_for_value("Status/Activity", "listening")
        host.wait_for_value("Status/Temperature", 49.0)
        host.wait_for_value("Status/Fault", "microphone lost")
        host.wait_for_value("Count/Intents", 300)
    told = [one for one in host.seen if one.topic in (BIRTH, DATA)]
    assert [one.payload.seq for one in told] == [number % 256 for number in range(len(told))]
    assert told[0].topic == BIRTH
    data = host.of(DATA)
    assert {(one.qos, one.retain) for one in data} == {(0, False)}
    assert all(one.payload.timestamp and one.payload.metrics for one in data)
    assert len([one for one in data if "Status/Temperature" in one.values]) == 1
    results = [one for one in data if "Result/Id" in one.values]
    assert [one.values["Result/Text"] for one in results[:2]] == ["sentence 0", "sentence 1"]
    assert results[0].values["Result/Slots"] == '{"area":"hall"}'
    assert results[0].values["Result/Intent"] == "TurnOn"
    assert results[0].values["Result/Confidence"] == 0.5
    assert not any(metric.is_historical for one in results for metric in one.payload.metrics)


def test_a_rebirth_has_the_same_number_and_begins_the_sequence_again(
    tmp_path: Path, broker: Mosquitto, host: HostApplication
) -> None:
    """Checks the request for a rebirth.

    operational-behavior-data-commands-rebirth-action-1, -2 and -3, payloads-nbirth-bdseq-repeat,
    message-flow-edge-node-ncmd-subscribe.
    """
    with Node(tmp_path, broker.port) as node:
        first = host.wait_for(BIRTH)
        node.heard("turn on the light")
        host.wait_for_value("Result/Text", "turn on the light")
        host.order("Node Control/Rebirth", value=True)
        again = host.wait_for(BIRTH, 2)
        assert again.values["bdSeq"] == first.values["bdSeq"]
        assert again.values["Node Control/Rebirth"] is False
        assert again.values["Result/Text"] == "turn on the light"
        assert again.payload.seq == 0
        node.metrics.on_event(StatusChanged(Activity.LISTENING))
        host.wait_for_value("Status/Activity", "listening")
    after = host.seen[host.seen.index(again) :]
    assert [one.payload.seq for one in after if one.topic in (BIRTH, DATA)][:2] == [0, 1]
    assert host.wait_for(DEATH).values["bdSeq"] == first.values["bdSeq"]


def test_commands_are_done_as_far_as_they_are_allowed(
    tmp_path: Path, broker: Mosquitto, host: HostApplication
) -> None:
    """Checks topics-ncmd-topic and operational-behavior-data-commands-ncmd-metric-name, -value."""
    with Node(tmp_path, broker.port, operations=["say", "microphone"]) as node:
        host.wait_for(BIRTH)
        host.order("Command/Listen", value=True)  # is not allowed
        host.order("Command/Say", value="dinner is ready")
        host.order("Command/Mute", value=True)
        host.order("Command/Unknown", value=True)
        host._client.publish(COMMANDS, b"\xff\x00 no payload")
        host.order("Command/Mute", value=False)
        until(lambda: len(node.dispatcher.orders) == 3)
        assert [one.form for one in node.dispatcher.orders] == [
            SayRequest(text="dinner is ready"),
            MicrophoneRequest(muted=True),
            MicrophoneRequest(muted=False),
        ]
    with Node(tmp_path, broker.port, operations=["listen"]) as node:
        host.wait_for(BIRTH, 2)
        host.order("Command/Listen", value=True)
        until(lambda: node.dispatcher.orders)
        (order,) = node.dispatcher.orders
        assert (order.control, order.form) == (Control.LISTEN, ListenRequest())


def test_the_primary_host_is_waited_for_and_missed(
    tmp_path: Path, broker: Mosquitto, host: HostApplication
) -> None:
    """Checks the primary host.

    message-flow-edge-node-birth-publish-phid-wait, -phid-wait-id, -phid-wait-online,
    -phid-wait-timestamp, -phid-offline, message-flow-phid-sparkplug-subscription,
    operational-behavior-edge-node-termination-host-offline, -host-offline-timestamp,
    payloads-metric-is-historical (what was said meanwhile is history).
    """
    with Node(tmp_path, broker.port, primary_host=HOST) as node:
        until(lambda: connects(broker), "no connection")
        node.heard("said too early", 1)
        host._client.publish("spBv1.0/STATE/other", '{"online": true, "timestamp": 1}', qos=1)
        host.state(online=False, timestamp=1000)
        time.sleep(1.0)
        assert host.seen == [], "nothing is told before the host is online"
        host.state(online=True, timestamp=2000)
        host.wait_for(BIRTH)
        early = host.wait_for_value("Result/Text", "said too early")
        assert all(metric.is_historical for metric in early.payload.metrics)
        assert all(metric.timestamp < early.payload.timestamp for metric in early.payload.metrics)

        host.state(online=False, timestamp=1500)  # of a session before: it does not count
        node.heard("said in time", 2)
        live = host.wait_for_value("Result/Text", "said in time")
        assert not any(metric.is_historical for metric in live.payload.metrics)
        assert host.of(DEATH) == []

        host.state(online=False, timestamp=2000)
        host.wait_for(DEATH)
        node.heard("said while it was away", 3)
        time.sleep(1.5)
        assert len(host.of(BIRTH)) == 1
        host.state(online=True, timestamp=3000)
        host.wait_for(BIRTH, 2)
        late = host.wait_for_value("Result/Text", "said while it was away")
        assert all(metric.is_historical for metric in late.payload.metrics)


def test_results_survive_a_broker_that_is_away(
    tmp_path: Path, broker: Mosquitto, host: HostApplication
) -> None:
    """Checks store and forward, in the order in which it was said."""
    with Node(tmp_path, broker.port) as node:
        host.wait_for(BIRTH)
        broker.stop()
        for number in range(5):
            node.heard(f"said {number}", number)
        broker.start()
        again = HostApplication(broker.port)
        with contextlib.closing(again):
            until(lambda: len(again.of(DATA)) >= 5, "the results are not told", 30)
            told = [one for one in again.of(DATA) if "Result/Text" in one.values]
            assert [one.values["Result/Text"] for one in told] == [f"said {n}" for n in range(5)]


def test_another_library_reads_the_birth(
    tmp_path: Path, broker: Mosquitto, host: HostApplication, monkeypatch: pytest.MonkeyPatch
) -> None:
    library = pysparkplug(monkeypatch)
    with Node(tmp_path, broker.port):
        birth = host.wait_for(BIRTH)
    read = library.NBirth.decode(birth.payload.SerializeToString())
    assert read.seq == 0
    assert {metric.name for metric in read.metrics} == {"bdSeq", *KINDS}


def test_a_retained_command_is_not_carried_out(
    tmp_path: Path, broker: Mosquitto, host: HostApplication
) -> None:
    host.send_command([("Command/Say", "old")], retain=True)
    with Node(tmp_path, broker.port) as node:
        host.wait_for(BIRTH)
        host.order("Command/Say", "new")
        until(lambda: node.dispatcher.orders, "the new command", 20)
        assert [order.form for order in node.dispatcher.orders] == [SayRequest(text="new")]


def test_many_requests_for_a_birth_get_one_and_too_many_orders_none(
    tmp_path: Path, broker: Mosquitto, host: HostApplication
) -> None:
    with Node(tmp_path, broker.port) as node:
        host.wait_for(BIRTH)
        host.send_command([("Command/Say", "again")] * 1000)
        for _ in range(20):
            host.send_command([("Node Control/Rebirth", True)] * 20)
        host.wait_for(BIRTH, 2)
        host.order("Command/Say", "last")
        until(lambda: node.dispatcher.orders, "the last command", 20)
        assert [order.form for order in node.dispatcher.orders] == [SayRequest(text="last")]
        assert len(host.of(BIRTH)) <= 3


def test_a_flood_of_commands_does_not_hide_the_end_of_the_session(
    tmp_path: Path, broker: Mosquitto
) -> None:
    will = "spBv1.0/x/NDEATH/y", b""
    settings = config.Config(mqtt=config.MqttSettings(host="127.0.0.1", port=broker.port))
    session = BrokerSession(settings, will, [COMMANDS])
    try:
        for _ in range(MOST_UNREAD + 10):
            session._put(Arrived(COMMANDS, b"", is_retained=False))
        session._put(Arrived(COMMANDS, bytes(LARGEST_PAYLOAD + 1), is_retained=False))
        session._put(Ended("it went"))
        events = iter(lambda: session.next_event(0.0), None)
        assert Ended("it went") in list(events)
    finally:
        session.close()


@pytest.mark.parametrize("payload", [b'{"online":"\xff"}', b"[" * 5000, b'{"x":' + b"[" * 3000])
def test_a_state_of_the_host_that_is_none_ends_nothing(
    tmp_path: Path, broker: Mosquitto, host: HostApplication, payload: bytes
) -> None:
    host.send_state(payload)
    with Node(tmp_path, broker.port, primary_host=HOST):
        time.sleep(0.5)
        host.state(online=True, timestamp=5)
        host.wait_for(BIRTH)


def test_a_password_that_is_gone_is_tried_again(
    tmp_path: Path, broker: Mosquitto, host: HostApplication
) -> None:
    password = tmp_path / "password"
    with Node(tmp_path, broker.port, mqtt={"username": "n", "password_file": str(password)}):
        time.sleep(0.5)
        password.write_text("secret")
        host.wait_for(BIRTH)
