"""The embedded broker of the demo, as clients see it."""

from __future__ import annotations

import signal
import socket
import threading
from typing import TYPE_CHECKING

import psutil
import pytest
from support.mosquitto import Mosquitto
from support.mqtt_client import MqttClient
from support.mqtt_stack import ROOT, MqttStack, answer, settings
from support.waiting import until

from appliance.demo.embedded_broker import EmbeddedBroker
from appliance.errors import BrokerError

if TYPE_CHECKING:
    from pathlib import Path


def test_the_embedded_broker_listens_on_loopback_only(free_port: int) -> None:
    with EmbeddedBroker(free_port, 8_388_608) as broker:
        listening = {
            connection.laddr.ip
            for process in psutil.Process().children(recursive=True)
            for connection in process.net_connections("inet")
            if connection.status == psutil.CONN_LISTEN and connection.laddr.port == free_port
        }
        assert listening == {"127.0.0.1"}
        assert broker.running()
    assert not broker.running()
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", free_port), timeout=1)


def test_a_request_with_response_topic_and_correlation_is_answered(
    tmp_path: Path, free_port: int
) -> None:
    with (
        EmbeddedBroker(free_port, 8_388_608),
        MqttClient(free_port, "home/answers") as asker,
        MqttStack(settings(tmp_path, free_port)) as stack,
    ):
        until(lambda: stack.mqtt.health().subscribed, "no subscription")
        asker.publish(
            f"{ROOT}/request/transcribe",
            b"RIFF" * 2_000_000,
            ResponseTopic="home/answers",
            CorrelationData=b"42",
        )
        heard = asker.next()
        assert heard.correlation == b"42"
        assert answer(heard.payload)["state"] == "done"
        until(lambda: stack.journal.counts.outbox.rows == 0, "the outbox did not empty")


def test_results_wait_until_the_broker_is_back(tmp_path: Path, free_port: int) -> None:
    with MqttStack(settings(tmp_path, free_port)) as stack:
        stack.say("first")
        with (
            EmbeddedBroker(free_port, 8_388_608),
            MqttClient(free_port, f"{ROOT}/result", f"{ROOT}/status") as reader,
        ):
            assert answer(reader.next(f"{ROOT}/result").payload)["text"] == "first"
        stack.say("second")
        with (
            EmbeddedBroker(free_port, 8_388_608),
            MqttClient(free_port, f"{ROOT}/result") as reader,
        ):
            assert answer(reader.next().payload)["text"] == "second"


def test_a_port_in_use_is_named_together_with_the_remedy(tmp_path: Path) -> None:
    with (
        Mosquitto(tmp_path / "broker") as other,
        pytest.raises(BrokerError, match=rf"port {other.port} is in use.*mqtt\.embedded_port"),
    ):
        EmbeddedBroker(other.port, 8_388_608).start()


def test_it_stops_at_once_even_if_the_daemon_blocks_signals(free_port: int) -> None:
    signals = {signal.SIGTERM, signal.SIGINT}

    def live() -> None:
        signal.pthread_sigmask(signal.SIG_BLOCK, signals)
        with EmbeddedBroker(free_port, 8_388_608):
            pass

    thread = threading.Thread(target=live)
    thread.start()
    thread.join(4.5)  # iotcore's own stop would wait for 5 s
    assert not thread.is_alive()
