"""The client for programs, with a real mosquitto and the MQTT stack."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest
from support.mosquitto import Mosquitto
from support.mqtt_stack import ROOT, MqttStack, settings
from support.waiting import until

from appliance.client import Client, NoAnswer, NotDone

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from appliance.values import Request


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Mosquitto]:
    with Mosquitto(tmp_path / "broker", persistent=True) as running:
        yield running


def test_each_of_many_threads_gets_its_own_answer(tmp_path: Path, broker: Mosquitto) -> None:
    with (
        MqttStack(settings(tmp_path, broker.port)) as stack,
        Client("127.0.0.1", broker.port, root=ROOT) as client,
        ThreadPoolExecutor(8) as pool,
    ):
        until(lambda: stack.mqtt.health().subscribed)
        said = [f"sentence {number}" for number in range(40)]
        results = list(pool.map(client.parse, said))
        assert [result["text"] for result in results] == [text.upper() for text in said]


def test_a_rejected_request_raises_an_error_with_the_reason(
    tmp_path: Path, broker: Mosquitto
) -> None:
    with (
        MqttStack(settings(tmp_path, broker.port)) as stack,
        Client("127.0.0.1", broker.port, root=ROOT) as client,
    ):
        until(lambda: stack.mqtt.health().subscribed)
        with pytest.raises(NotDone, match="UTF-8") as caught:
            client.ask("parse", b"\xff")
        assert (caught.value.state, caught.value.reason) == ("rejected", "invalid")


def test_without_an_answer_in_time_the_client_raises_an_error(broker: Mosquitto) -> None:
    with (
        Client("127.0.0.1", broker.port, root=ROOT, resend_after_s=0.1) as client,
        pytest.raises(NoAnswer, match=r"no answer to appliance/kitchen/request/parse in 0\.5 s"),
    ):
        client.parse("hello", timeout=0.5)


def test_if_the_broker_refuses_the_client_the_error_says_why(tmp_path: Path) -> None:
    with (
        Mosquitto(tmp_path / "broker", users={"voice": "secret"}) as broker,
        Client("127.0.0.1", broker.port, root=ROOT, username="voice", password="x") as client,
        pytest.raises(NoAnswer, match="the broker says: Not authorized"),
    ):
        client.parse("hello", timeout=1.0)


def test_a_request_is_sent_again_to_a_busy_appliance(
    tmp_path: Path, broker: Mosquitto, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("appliance.client.BUSY_PAUSE_S", 0.05)
    refusals = [False, False]

    def take(request: Request) -> bool:
        return refusals.pop() if refusals else stack.work(request)

    with (
        MqttStack(settings(tmp_path, broker.port), hand_over=take) as stack,
        Client("127.0.0.1", broker.port, root=ROOT) as client,
    ):
        until(lambda: stack.mqtt.health().subscribed)
        assert client.parse("hello")["text"] == "HELLO"


def test_a_request_is_answered_after_a_restart_of_broker_and_appliance(
    tmp_path: Path, broker: Mosquitto
) -> None:
    held: list[Request] = []

    def hold(request: Request) -> bool:
        held.append(request)
        return True

    with (
        Client("127.0.0.1", broker.port, root=ROOT, resend_after_s=0.5) as client,
        ThreadPoolExecutor(1) as pool,
    ):
        with MqttStack(settings(tmp_path, broker.port), hand_over=hold) as stack:
            until(lambda: stack.mqtt.health().subscribed)
            answer = pool.submit(client.parse, "hello", 30.0)
            until(lambda: held, "the request did not come")
            broker.kill()
            stack.finish(held[0])
        broker.start()
        with MqttStack(settings(tmp_path, broker.port)) as stack:
            assert answer.result()["text"] == "HELLO"
            assert stack.requests == []  # the work was done before, once


def test_the_client_stops_at_once_if_there_never_was_a_broker(free_port: int) -> None:
    before = set(threading.enumerate())
    with Client("127.0.0.1", free_port, root=ROOT) as client, pytest.raises(NoAnswer):
        client.parse("hello", timeout=0.2)
    assert not [thread for thread in threading.enumerate() if thread not in before]
