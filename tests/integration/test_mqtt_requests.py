"""Valid and invalid requests through a real broker."""

from __future__ import annotations

import base64
import json
import re
import sqlite3
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING

from paho.mqtt.enums import MQTTProtocolVersion
from support.mosquitto import Mosquitto
from support.mqtt_client import MqttClient
from support.mqtt_stack import ROOT, MqttStack, answer, settings
from support.waiting import until

from appliance import config
from appliance.errors import JournalError
from appliance.mqtt.connection import BrokerConnection
from appliance.values import Outcome

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import pytest

    from appliance.journal.inbox import InboxVerdict, IncomingRequest
    from appliance.mqtt.connection_event_types import Delivery
    from appliance.values import Request

RESPONSES = f"{ROOT}/response/#"


def _ready(stack: MqttStack) -> None:
    until(lambda: stack.mqtt.health().subscribed, "no subscription")


def test_the_answer_goes_to_the_response_topic_with_its_correlation_data(tmp_path: Path) -> None:
    with (
        Mosquitto(tmp_path / "broker") as broker,
        MqttClient(broker.port, "home/answers") as asker,
        MqttStack(settings(tmp_path, broker.port)) as stack,
    ):
        _ready(stack)
        asker.publish(
            f"{ROOT}/request/parse",
            "turn on the lamp",
            ResponseTopic="home/answers",
            CorrelationData=b"\x00\xff",
        )
        heard = asker.next()
        told = answer(heard.payload)
        assert heard.correlation == b"\x00\xff"
        assert heard.content_type == "application/json"
        assert told["state"] == "done"
        assert told["operation"] == "parse"
        assert told["transaction"] == "00ff"
        assert told["result"]["text"] == "TURN ON THE LAMP"
        assert stack.journal.counts.inbox.rows == 0


def test_a_client_of_mqtt_3_1_1_sends_its_request_as_json(tmp_path: Path) -> None:
    with (
        Mosquitto(tmp_path / "broker") as broker,
        MqttClient(broker.port, "home/answers", version=MQTTProtocolVersion.MQTTv311) as asker,
        MqttStack(settings(tmp_path, broker.port)) as stack,
    ):
        _ready(stack)
        sound = base64.b64encode(b"RIFF....").decode()
        form = {"audio": sound, "transaction": "t1", "reply_to": "home/answers", "priority": 3}
        asker.publish(f"{ROOT}/request/transcribe", json.dumps(form))
        told = answer(asker.next().payload)
        assert (told["state"], told["transaction"]) == ("done", "t1")
        assert stack.requests[0].payload == b"RIFF...."
        assert stack.requests[0].priority == 3


def test_a_payload_may_be_an_audio_file(tmp_path: Path) -> None:
    with (
        Mosquitto(tmp_path / "broker") as broker,
        MqttClient(broker.port, RESPONSES) as asker,
        MqttStack(settings(tmp_path, broker.port)) as stack,
    ):
        _ready(stack)
        asker.publish(f"{ROOT}/request/transcribe", b"fLaC\xff\x00" * 200_000)
        assert answer(asker.next(f"{ROOT}/response/transcribe").payload)["state"] == "done"
        assert stack.requests[0].payload == b"fLaC\xff\x00" * 200_000


def test_an_invalid_request_is_rejected_with_the_reason(tmp_path: Path) -> None:
    too_large = b"x" * 8_388_609
    cases: list[tuple[str, bytes, str]] = [
        ("parse", b"", "invalid"),
        ("parse", b"{not json", "invalid"),
        ("parse", b'{"text": 5}', "invalid"),
        ("parse", b'{"texts": "typing error"}', "invalid"),
        ("parse", b'{"text": ' + b"[" * 100_000, "invalid"),
        ("parse", b'{"text": "a", "reply_to": "appliance/kitchen/request/parse"}', "invalid"),
        ("parse", b'{"text": "a", "reply_to": "home/#"}', "invalid"),
        ("parse", b'{"text": "a", "timeout_s": -1}', "invalid"),
        ("parse", b'{"text": "a", "priority": 10}', "invalid"),
        ("parse", b'{"text": "\\ud800"}', "invalid"),
        ("parse", b"caf\xe9", "invalid"),
        ("parse", b'{"text": "caf\xe9"}', "invalid"),
        ("parse", b"x" * 20_000, "too_large"),
        ("answer", b"   ", "invalid"),
        ("transcribe", b'{"audio": "not base64!"}', "invalid"),
        ("transcribe", too_large, "too_large"),
        ("transcribe", b"x" * 12_000_000, "too_large"),
        ("sing", b"la la", "unsupported"),
    ]
    with (
        Mosquitto(tmp_path / "broker") as broker,
        MqttClient(broker.port, RESPONSES) as asker,
        MqttStack(settings(tmp_path, broker.port)) as stack,
    ):
        _ready(stack)
        for operation, payload, reason in cases:
            asker.publish(f"{ROOT}/request/{operation}", payload)
            told = answer(asker.next(f"{ROOT}/response/{operation}").payload)
            assert (told["state"], told["reason"]) == ("rejected", reason), payload[:40]
            assert told["message"]
        assert stack.requests == []
        assert stack.mqtt.health().rejected == len(cases)
        assert stack.journal.counts.inbox.rows == 0


def test_a_packet_over_all_limits_does_not_break_the_connection(tmp_path: Path) -> None:
    with (
        Mosquitto(tmp_path / "broker") as broker,
        MqttClient(broker.port, RESPONSES) as asker,
        MqttStack(settings(tmp_path, broker.port)) as stack,
    ):
        _ready(stack)
        asker.publish(f"{ROOT}/request/transcribe", b"x" * 20_000_000)
        asker.publish(f"{ROOT}/request/parse", b"still there")
        assert answer(asker.next().payload)["result"]["text"] == "STILL THERE"
        assert stack.link.connections == 1


def test_a_retained_request_is_not_done_again_after_each_reconnection(tmp_path: Path) -> None:
    with Mosquitto(tmp_path / "broker") as broker, MqttClient(broker.port, RESPONSES) as asker:
        asker.publish(f"{ROOT}/request/parse", "stop the machine", retain=True)
        with MqttStack(settings(tmp_path, broker.port)) as stack:
            _ready(stack)
            asker.publish(f"{ROOT}/request/parse", "go on")
            assert answer(asker.next().payload)["result"]["text"] == "GO ON"
            assert len(stack.requests) == 1


def test_the_same_id_gets_the_same_answer_and_the_work_is_done_once(tmp_path: Path) -> None:
    with (
        Mosquitto(tmp_path / "broker") as broker,
        MqttClient(broker.port, RESPONSES) as asker,
        MqttStack(settings(tmp_path, broker.port)) as stack,
    ):
        _ready(stack)
        told = []
        for _ in range(2):
            asker.publish(f"{ROOT}/request/parse", "what time is it", CorrelationData=b"id-1")
            told.append(answer(asker.next().payload))
        assert told[0] == told[1]
        assert len(stack.requests) == 1
        asker.publish(f"{ROOT}/request/parse", "another thing", CorrelationData=b"id-1")
        assert answer(asker.next().payload)["result"]["text"] == "ANOTHER THING"


def test_a_repeated_request_that_still_waits_gets_its_position(tmp_path: Path) -> None:
    waiting: list[Request] = []

    def hold(request: Request) -> bool:
        waiting.append(request)
        return True

    with (
        Mosquitto(tmp_path / "broker") as broker,
        MqttClient(broker.port, RESPONSES) as asker,
        MqttStack(settings(tmp_path, broker.port), hand_over=hold) as stack,
    ):
        _ready(stack)
        asker.publish(f"{ROOT}/request/parse", "first", CorrelationData=b"1")
        asker.publish(f"{ROOT}/request/parse", "second", CorrelationData=b"2")
        queued = answer(asker.next().payload)
        assert (queued["state"], queued["transaction"], queued["position"]) == ("queued", "2", 1)
        asker.publish(f"{ROOT}/request/parse", "second", CorrelationData=b"2")
        assert answer(asker.next().payload)["state"] == "queued"
        assert len(waiting) == 2
        for request in waiting:
            stack.finish(request)
        states = [answer(asker.next().payload)["state"] for _ in range(2)]
        assert states == ["done", "done"]


def test_a_request_over_the_limit_is_rejected_as_busy_at_once(tmp_path: Path) -> None:
    with (
        Mosquitto(tmp_path / "broker") as broker,
        MqttClient(broker.port, RESPONSES) as asker,
        MqttStack(settings(tmp_path, broker.port), hand_over=lambda _: False) as stack,
    ):
        _ready(stack)
        asker.publish(f"{ROOT}/request/parse", "anything", CorrelationData=b"1")
        told = answer(asker.next().payload)
        assert (told["state"], told["reason"]) == ("rejected", "busy")
        assert stack.journal.counts.inbox.rows == 0


def test_requests_sent_while_the_appliance_was_off_are_done_after_its_start(
    tmp_path: Path,
) -> None:
    with (
        Mosquitto(tmp_path / "broker", persistent=True) as broker,
        MqttClient(broker.port, RESPONSES) as asker,
    ):
        with MqttStack(settings(tmp_path, broker.port)) as stack:
            _ready(stack)
        for number in range(30):
            asker.publish(f"{ROOT}/request/parse", f"number {number}")
        broker.stop()
        broker.start()
        with MqttStack(settings(tmp_path, broker.port)) as stack:
            until(lambda: len(stack.requests) == 30, "not all requests came")
            texts = [request.payload.decode() for request in stack.requests]
            assert texts == [f"number {number}" for number in range(30)]


def test_a_request_is_acknowledged_only_after_it_is_on_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows_at_acknowledgement = []
    acknowledge = BrokerConnection.acknowledge

    def ack(link: BrokerConnection, delivery: Delivery) -> bool:
        if "/request/" in delivery.topic:
            with sqlite3.connect(tmp_path / "journal.db") as other:
                query = "SELECT count(*) FROM inbox"
                rows_at_acknowledgement.append(other.execute(query).fetchone()[0])
            other.close()
        return acknowledge(link, delivery)

    monkeypatch.setattr(BrokerConnection, "acknowledge", ack)
    with (
        Mosquitto(tmp_path / "broker") as broker,
        MqttClient(broker.port) as asker,
        MqttStack(settings(tmp_path, broker.port), hand_over=lambda _: True) as stack,
    ):
        _ready(stack)
        asker.publish(f"{ROOT}/request/parse", "one")
        until(lambda: rows_at_acknowledgement == [1], "it was acknowledged too early")


def test_a_request_whose_acknowledgement_was_lost_is_not_done_twice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with (
        Mosquitto(tmp_path / "broker", persistent=True) as broker,
        MqttClient(broker.port, RESPONSES) as asker,
    ):
        with monkeypatch.context() as patch:
            patch.setattr(BrokerConnection, "acknowledge", lambda *_: False)
            with MqttStack(settings(tmp_path, broker.port)) as stack:
                _ready(stack)
                asker.publish(f"{ROOT}/request/parse", "without an id")
                assert answer(asker.next().payload)["state"] == "done"
        with MqttStack(settings(tmp_path, broker.port)) as stack:
            assert answer(asker.next().payload)["state"] == "done"
            assert stack.requests == []
            assert stack.mqtt.health().repeated == 1


def test_unanswered_requests_keep_their_return_address_over_a_restart(
    tmp_path: Path,
) -> None:
    with (
        Mosquitto(tmp_path / "broker") as broker,
        MqttClient(broker.port, "home/answers") as asker,
    ):
        with MqttStack(settings(tmp_path, broker.port), hand_over=lambda _: True) as stack:
            _ready(stack)
            asker.publish(
                f"{ROOT}/request/parse",
                "later",
                ResponseTopic="home/answers",
                CorrelationData=b"7",
            )
            until(lambda: stack.journal.counts.inbox.rows == 1, "it was not accepted")
        with MqttStack(settings(tmp_path, broker.port)) as stack:
            (request,) = stack.journal.waiting()
            stack.finish(request)
            heard = asker.next()
            assert heard.correlation == b"7"
            assert answer(heard.payload)["result"]["text"] == "LATER"


def test_requests_are_rejected_as_busy_while_the_disk_refuses(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_offers: Sequence[IncomingRequest]) -> list[InboxVerdict]:
        raise JournalError("the journal cannot be written: the disk is full; free some space")

    with (
        Mosquitto(tmp_path / "broker") as broker,
        MqttClient(broker.port, RESPONSES) as asker,
        MqttStack(settings(tmp_path, broker.port)) as stack,
    ):
        _ready(stack)
        with monkeypatch.context() as patch:
            patch.setattr(stack.journal, "accept", refuse)
            asker.publish(f"{ROOT}/request/parse", "one")
            assert answer(asker.next().payload)["reason"] == "busy"
        asker.publish(f"{ROOT}/request/parse", "two")
        assert answer(asker.next().payload)["state"] == "done"


def test_after_an_exception_in_a_callback_requests_are_still_received(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(*_: object, **__: object) -> Iterator[None]:
        raise KeyError("nobody thought of this")

    with (
        Mosquitto(tmp_path / "broker") as broker,
        MqttClient(broker.port, RESPONSES) as asker,
        MqttStack(settings(tmp_path, broker.port)) as stack,
    ):
        _ready(stack)
        with monkeypatch.context() as patch:
            patch.setattr("appliance.mqtt.connection.delivery_of", broken)
            asker.publish(f"{ROOT}/request/parse", "one")
            until(lambda: "could not be handled" in caplog.text, "it was not logged")
        asker.publish(f"{ROOT}/request/parse", "two")
        assert answer(asker.next().payload)["result"]["text"] == "TWO"
        assert stack.link.alive()


def test_each_request_of_a_flood_is_answered_as_done_or_busy(tmp_path: Path) -> None:
    with (
        Mosquitto(tmp_path / "broker", lines=("max_queued_messages 0",)) as broker,
        MqttClient(broker.port, RESPONSES) as asker,
        MqttStack(settings(tmp_path, broker.port)) as stack,
    ):
        _ready(stack)
        for number in range(1500):
            asker.send(f"{ROOT}/request/parse", f"number {number}", CorrelationData=b"%d" % number)
        ended: dict[str, str] = {}
        while len(ended) < 1500:
            told = answer(asker.next().payload)
            if told["state"] != "queued":
                ended[told["transaction"]] = told["state"]
        assert set(ended.values()) <= {"done", "rejected"}
        assert len(stack.requests) == list(ended.values()).count("done")
        until(lambda: stack.journal.counts.outbox.rows == 0, "the outbox did not empty")
        assert stack.mqtt.health().unsaid == 0


def test_the_root_of_the_documented_namespace_has_requests_answers_and_intents(
    tmp_path: Path,
) -> None:
    page = Path(__file__).parents[2] / "docs" / "connect" / "unified-namespace.md"
    example = re.search(r"```toml\n(.*?)```", page.read_text("utf-8"), re.DOTALL)
    assert example is not None
    tables = tomllib.loads(example[1])
    line = "acme/munich/packaging/line-2"
    with (
        Mosquitto(tmp_path / "broker") as broker,
        MqttClient(broker.port, f"{line}/+/intent/#") as machines,
        MqttClient(broker.port, f"{line}/voice-2/response/#") as asker,
    ):
        tables["mqtt"] |= {"host": "127.0.0.1", "port": broker.port}
        tables["device"]["state_directory"] = str(tmp_path / "state")
        (tmp_path / "config.toml").write_text(
            "".join(
                f"[{name}]\n"
                + "".join(f"{key} = {json.dumps(value)}\n" for key, value in table.items())
                for name, table in tables.items()
            )
        )
        with MqttStack(config.load(tmp_path / "config.toml")) as stack:
            _ready(stack)
            asker.publish(f"{line}/voice-2/request/parse", "stop the filler")
            heard = asker.next()
            assert heard.topic == f"{line}/voice-2/response/parse"
            assert answer(heard.payload)["state"] == "done"
            stack.say("stop the filler", Outcome.INTENT)
            assert machines.next().topic == f"{line}/voice-2/intent/TurnOn"
