"""Delivery of results to a real broker, whatever happens to it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from support.mosquitto import Mosquitto
from support.mqtt_client import MqttClient
from support.mqtt_stack import ROOT, MqttStack, answer, result_for, settings
from support.waiting import until

from appliance.messages.topics import retained
from appliance.values import Action, Message, Outcome

if TYPE_CHECKING:
    from pathlib import Path

    import pytest


def test_a_result_arrives_once_on_its_topics_and_leaves_the_disk(tmp_path: Path) -> None:
    with (
        Mosquitto(tmp_path / "broker") as broker,
        MqttClient(broker.port, f"{ROOT}/result", f"{ROOT}/intent/#") as lamp,
        MqttStack(settings(tmp_path, broker.port)) as stack,
    ):
        said = stack.say("turn on the lamp", Outcome.INTENT)
        topics = {lamp.next().topic, lamp.next().topic}
        assert topics == {f"{ROOT}/result", f"{ROOT}/intent/TurnOn"}
        assert said.seq == 1
        until(lambda: stack.journal.counts.outbox.rows == 0, "the outbox did not empty")
        assert lamp.silent()


def test_a_result_stays_on_disk_until_the_broker_acknowledged_it(tmp_path: Path) -> None:
    broker = Mosquitto(tmp_path / "broker")
    with MqttStack(settings(tmp_path, broker.port)) as stack:
        for number in range(3):
            stack.say(f"sentence {number}")
        assert stack.journal.counts.outbox.rows == 3
        with broker, MqttClient(broker.port, f"{ROOT}/result") as reader:
            heard = [answer(reader.next().payload) for _ in range(3)]
            assert [result["text"] for result in heard] == [f"sentence {n}" for n in range(3)]
            assert [result["seq"] for result in heard] == [1, 2, 3]
            until(lambda: stack.journal.counts.outbox.rows == 0, "the outbox did not empty")


def test_results_of_the_last_run_are_delivered_by_the_next(tmp_path: Path) -> None:
    broker = Mosquitto(tmp_path / "broker")
    with MqttStack(settings(tmp_path, broker.port)) as stack:
        stack.say("before the power cut")
    with (
        broker,
        MqttClient(broker.port, f"{ROOT}/result") as reader,
        MqttStack(settings(tmp_path, broker.port)) as stack,
    ):
        assert answer(reader.next().payload)["text"] == "before the power cut"
        assert stack.say("after it").seq == 2


def test_what_an_intent_sends_to_a_device_follows_its_result_also_after_a_restart(
    tmp_path: Path,
) -> None:
    broker = Mosquitto(tmp_path / "broker")
    with MqttStack(settings(tmp_path, broker.port)) as stack:
        result = result_for("turn on the lamp", stack.ids.new(), Outcome.INTENT)
        sent = Action(messages=(Message("lamp/set", b"ON", content_type=None),))
        stack.committer.commit_result(result, None, sent, dead_letter=False)
    with (
        broker,
        MqttClient(broker.port, f"{ROOT}/result", "lamp/set") as reader,
        MqttStack(settings(tmp_path, broker.port)),
    ):
        heard = [reader.next(), reader.next()]
        assert [message.topic for message in heard] == [f"{ROOT}/result", "lamp/set"]
        assert heard[1].payload == b"ON"


def test_all_results_arrive_after_the_broker_was_killed_and_restarted(
    tmp_path: Path,
) -> None:
    with (
        Mosquitto(tmp_path / "broker") as broker,
        MqttStack(settings(tmp_path, broker.port)) as stack,
    ):
        until(lambda: stack.link.connected, "no connection")
        broker.kill()
        for number in range(50):
            stack.say(str(number))
        broker.start()
        with MqttClient(broker.port, f"{ROOT}/result") as reader:
            texts: set[str] = set()
            while len(texts) < 50:
                texts.add(answer(reader.next().payload)["text"])
            assert texts == {str(number) for number in range(50)}
            until(lambda: stack.journal.counts.outbox.rows == 0, "the outbox did not empty")


def test_retained_values_are_published_again_after_the_broker_lost_them(
    tmp_path: Path,
) -> None:
    with (
        Mosquitto(tmp_path / "broker") as broker,
        MqttStack(settings(tmp_path, broker.port)) as stack,
    ):
        stack.publisher.publish_retained(retained(f"{ROOT}/telemetry", b'{"temperature_c": 50}'))
        stack.publisher.publish_retained(retained(f"{ROOT}/telemetry", b'{"temperature_c": 51}'))
        for _ in range(2):
            until(lambda: stack.link.connected, "no connection")
            with MqttClient(broker.port, f"{ROOT}/status", f"{ROOT}/telemetry") as reader:
                assert reader.next(f"{ROOT}/status").payload == b"online"
            with MqttClient(broker.port, f"{ROOT}/telemetry") as reader:
                heard = reader.next()
                assert heard.payload == b'{"temperature_c": 51}'
            broker.kill()  # without persistence it remembers nothing
            until(lambda: not stack.link.connected, "the loss was not noticed")
            broker.start()


def test_status_is_online_then_stopped_after_a_clean_stop(tmp_path: Path) -> None:
    with Mosquitto(tmp_path / "broker") as broker:
        with MqttClient(broker.port, f"{ROOT}/status") as reader:
            with MqttStack(settings(tmp_path, broker.port)):
                assert reader.next().payload == b"online"
            assert reader.next().payload == b"stopped"
            assert reader.silent()
        with MqttClient(broker.port, f"{ROOT}/status") as newcomer:
            heard = newcomer.next()
            assert (heard.payload, heard.retain) == (b"stopped", True)


def test_a_clean_stop_sends_waiting_results_before_the_status_stopped(tmp_path: Path) -> None:
    with (
        Mosquitto(tmp_path / "broker") as broker,
        MqttClient(broker.port, f"{ROOT}/result", f"{ROOT}/status") as reader,
    ):
        with MqttStack(settings(tmp_path, broker.port)) as stack:
            assert reader.next(f"{ROOT}/status").payload == b"online"
            stack.say("the last words")
        assert answer(reader.next().payload)["text"] == "the last words"
        assert reader.next().payload == b"stopped"


def test_messages_for_a_forbidden_topic_stay_on_disk_and_block_no_others(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    acl = f"topic readwrite {ROOT}/#\ntopic deny {ROOT}/intent/#\ntopic read {ROOT}/#\n"
    with (
        Mosquitto(tmp_path / "broker", acl=acl) as broker,
        MqttClient(broker.port, f"{ROOT}/result") as reader,
        MqttStack(settings(tmp_path, broker.port)) as stack,
    ):
        for number in range(30):
            stack.say(str(number), Outcome.INTENT)
        texts = [answer(reader.next().payload)["text"] for _ in range(30)]
        assert texts == [str(number) for number in range(30)]
        until(lambda: stack.journal.counts.outbox.rows == 30, "not just the forbidden ones wait")
        assert stack.mqtt.health().refused >= 1
        warnings = [r.message for r in caplog.records if "may not publish" in r.message]
        assert len(warnings) == 1
        assert f"{ROOT}/intent/TurnOn" in warnings[0]


def test_a_message_that_is_too_large_for_the_broker_is_dropped_and_counted(tmp_path: Path) -> None:
    with (
        Mosquitto(tmp_path / "broker", lines=("max_packet_size 2000",)) as broker,
        MqttClient(broker.port, f"{ROOT}/result") as reader,
        MqttStack(settings(tmp_path, broker.port)) as stack,
    ):
        until(lambda: stack.link.connected, "no connection")
        stack.say("x" * 4000)
        stack.say("short")
        assert answer(reader.next().payload)["text"] == "short"
        until(lambda: stack.journal.counts.dropped == 1, "it was not dropped")
        until(lambda: stack.journal.counts.outbox.rows == 0, "the outbox did not empty")


def test_a_message_that_breaks_the_connection_is_held_back_and_blocks_no_others(
    tmp_path: Path,
) -> None:
    # mosquitto 2.0 refuses with a reason code that PUBACK must not have, and paho hangs up.
    with (
        Mosquitto(tmp_path / "broker", lines=("message_size_limit 2000",)) as broker,
        MqttClient(broker.port, f"{ROOT}/result") as reader,
        MqttStack(settings(tmp_path, broker.port)) as stack,
    ):
        stack.say("x" * 4000)
        for number in range(5):
            stack.say(str(number))
        texts: set[str] = set()
        while len(texts) < 5:  # those that were under way with it may come twice
            texts.add(answer(reader.next().payload)["text"])
        assert texts == {"0", "1", "2", "3", "4"}
        until(lambda: stack.journal.counts.outbox.rows == 1, "not just the bad one waits")


def test_results_are_delivered_over_mqtt_3_1_1(tmp_path: Path) -> None:
    with (
        Mosquitto(tmp_path / "broker") as broker,
        MqttClient(broker.port, f"{ROOT}/result", f"{ROOT}/status") as reader,
        MqttStack(settings(tmp_path, broker.port, version="3.1.1")) as stack,
    ):
        stack.say("hello")
        assert reader.next(f"{ROOT}/status").payload == b"online"
        assert answer(reader.next(f"{ROOT}/result").payload)["text"] == "hello"
        until(lambda: stack.journal.counts.outbox.rows == 0, "the outbox did not empty")
