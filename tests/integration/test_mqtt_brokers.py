"""Brokers with faults: over quota, slow, forgetful, repeating, not acknowledging."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from typing import TYPE_CHECKING

from support.mosquitto import Mosquitto
from support.mqtt_client import MqttClient
from support.mqtt_stack import ROOT, MqttStack, answer, settings
from support.waiting import until

from appliance.backoff import Backoff

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    import pytest

PUBLISH, PUBACK = 0x30, 0x40
QUOTA_EXCEEDED = 0x97


def packet(peer: socket.socket) -> bytes:
    """The next MQTT packet, whole; b"" at the end."""
    head = peer.recv(1)
    size = shift = 0
    while head:
        byte = peer.recv(1)
        head += byte
        size |= (byte[0] & 0x7F) << shift
        shift += 7
        if not byte[0] & 0x80:
            break
    while head and size:
        more = peer.recv(size)
        head += more
        size -= len(more)
        if not more:
            return b""
    return head


def _pass_on(source: socket.socket, sink: socket.socket, change: Callable[[bytes], bytes]) -> None:
    with contextlib.suppress(OSError):
        while whole := packet(source):
            sink.sendall(change(whole))
    for one in (source, sink):
        with contextlib.suppress(OSError):
            one.shutdown(socket.SHUT_RDWR)


def _serve(us: socket.socket, port: int, to_us: Callable[[bytes], bytes]) -> None:
    with us, contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port)) as broker:
        answers = threading.Thread(target=_pass_on, args=(broker, us, to_us))
        answers.start()
        _pass_on(us, broker, lambda whole: whole)
        answers.join()


@contextlib.contextmanager
def between(port: int, to_us: Callable[[bytes], bytes]) -> Iterator[int]:
    """A proxy in front of a broker that changes what the broker says; gives its port."""
    serving: list[threading.Thread] = []

    def run() -> None:
        with contextlib.suppress(OSError):
            while True:
                us, _ = server.accept()
                serving.append(threading.Thread(target=_serve, args=(us, port, to_us), daemon=True))
                serving[-1].start()

    with socket.create_server(("127.0.0.1", 0)) as server:
        door = threading.Thread(target=run, daemon=True)
        door.start()
        try:
            yield int(server.getsockname()[1])
        finally:
            server.shutdown(socket.SHUT_RDWR)
            door.join()
    for one in serving:
        one.join()


def test_a_broker_over_its_quota_gets_the_result_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("appliance.mqtt.retry_policy.REFUSED_TOPIC", Backoff(0.2, 300.0))
    refusals = [True, True]

    def refuse(whole: bytes) -> bytes:
        if whole[0] == PUBACK and refusals:
            refusals.pop()
            return bytes((PUBACK, 4, *whole[2:4], QUOTA_EXCEEDED, 0))
        return whole

    with (
        Mosquitto(tmp_path / "broker") as broker,
        between(broker.port, refuse) as port,
        MqttStack(settings(tmp_path, port)) as stack,
    ):
        stack.say("kept")
        until(lambda: not refusals, "the broker was not asked again")
        until(lambda: stack.journal.counts.outbox.rows == 0, "the result was not delivered")
        assert stack.mqtt.health().refused == 2
        assert stack.mqtt.health().dropped == 0


def test_after_a_lost_acknowledgement_the_result_comes_twice_with_the_same_id(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("appliance.mqtt.publisher.ACKNOWLEDGE_TIMEOUT_S", 0.3)
    monkeypatch.setattr("appliance.requests.mqtt_thread.RECONNECT_EVERY_S", 0.1)
    losses = [True]

    def lose(whole: bytes) -> bytes:
        return b"" if whole[0] == PUBACK and losses and losses.pop() else whole

    with (
        Mosquitto(tmp_path / "broker") as broker,
        MqttClient(broker.port, f"{ROOT}/result") as reader,
        between(broker.port, lose) as port,
        MqttStack(settings(tmp_path, port)) as stack,
    ):
        stack.say("kept")
        first, again = answer(reader.next().payload), answer(reader.next().payload)
        assert first == again
        until(lambda: stack.journal.counts.outbox.rows == 0, "it did not leave the disk")


def test_a_request_that_the_broker_delivers_twice_is_done_once(tmp_path: Path) -> None:
    def twice(whole: bytes) -> bytes:
        if whole[0] & 0xF0 != PUBLISH:
            return whole
        return whole + bytes((whole[0] | 0x08,)) + whole[1:]  # the same again, marked DUP

    with (
        Mosquitto(tmp_path / "broker") as broker,
        MqttClient(broker.port, f"{ROOT}/response/#") as asker,
        between(broker.port, twice) as port,
        MqttStack(settings(tmp_path, port)) as stack,
    ):
        until(lambda: stack.mqtt.health().subscribed)
        asker.publish(f"{ROOT}/request/parse", "hello")
        told = [answer(asker.next().payload) for _ in range(2)]
        # The second is told its place, or what became of the first, if that was quick enough.
        assert {one["state"] for one in told} <= {"done", "queued"}
        assert len({one["result"]["id"] for one in told if one["state"] == "done"}) == 1
        assert len(stack.requests) == 1


def test_a_slow_broker_gets_everything_and_blocks_no_thread(tmp_path: Path) -> None:
    def slowly(whole: bytes) -> bytes:
        time.sleep(0.05)
        return whole

    with (
        Mosquitto(tmp_path / "broker") as broker,
        MqttClient(broker.port, f"{ROOT}/result") as reader,
        between(broker.port, slowly) as port,
        MqttStack(settings(tmp_path, port)) as stack,
    ):
        until(lambda: stack.link.connected)
        said = [stack.say(f"sentence {number}").id for number in range(40)]
        waiting = stack.journal.counts.outbox.rows
        assert waiting > 20  # all were said before the broker had acknowledged half of them
        assert [answer(reader.next().payload)["id"] for _ in said] == said
        until(lambda: stack.journal.counts.outbox.rows == 0, "they did not leave the disk")


def test_requests_are_received_again_after_the_session_expired(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("appliance.mqtt.retry_policy.RECONNECT", Backoff(4.0, 30.0, 0.5))
    open_door = threading.Event()
    open_door.set()

    def shut(whole: bytes) -> bytes:
        if not open_door.is_set():
            raise OSError
        return whole

    with (
        Mosquitto(tmp_path / "broker") as broker,
        MqttClient(broker.port, f"{ROOT}/response/#") as asker,
        between(broker.port, shut) as port,
        MqttStack(settings(tmp_path, port, session_expiry_s=1)) as stack,
    ):
        until(lambda: stack.mqtt.health().subscribed)
        open_door.clear()
        stack.say("the broker's next word breaks the connection")
        until(lambda: not stack.link.connected)
        # The broker forgets us and our subscription a second after it has noticed, too.
        time.sleep(3.0)
        asker.publish(f"{ROOT}/request/parse", "lost with the session")
        open_door.set()
        until(lambda: stack.mqtt.health().connections == 2 and stack.mqtt.health().subscribed)
        asker.publish(f"{ROOT}/request/parse", "after it")
        assert answer(asker.next().payload)["result"]["text"] == "AFTER IT"
        until(lambda: stack.journal.counts.outbox.rows == 0, "the result did not arrive")


def test_a_broker_that_stops_and_returns_is_connected_to_again(
    tmp_path: Path, free_port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("appliance.mqtt.retry_policy.RECONNECT", Backoff(0.2, 30.0, 0.5))
    with MqttStack(settings(tmp_path, free_port)) as stack:  # it was never there
        said = stack.say("kept").id
        assert not stack.link.connected
        with (
            Mosquitto(tmp_path / "broker", port=free_port) as broker,
            MqttClient(broker.port, f"{ROOT}/#") as reader,
        ):
            assert answer(reader.next(f"{ROOT}/result").payload)["id"] == said
