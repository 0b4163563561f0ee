"""What a client with a login on the broker might try, through a real broker."""

from __future__ import annotations

import functools
import json
from typing import TYPE_CHECKING

import msgspec
import pytest
from support.fake_clock import FakeClock
from support.mosquitto import Mosquitto
from support.mqtt_client import MqttClient
from support.mqtt_stack import ROOT, MqttStack, answer, result_for, settings
from support.waiting import until

from appliance import config
from appliance.backoff import Backoff
from appliance.journal.journal import Journal
from appliance.mqtt import retry_policy
from appliance.mqtt.flood_limit import BUSY_BURST, KNOWN_AFTER_S
from appliance.mqtt.paho_conversion import IN_FLIGHT
from appliance.values import Message, Outcome

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from appliance.values import Request, Result

OWN = "appliance-clients/worker"


@pytest.fixture
def stack(broker: Mosquitto, tmp_path: Path) -> Iterator[MqttStack]:
    with MqttStack(settings(tmp_path, broker.port)) as running:
        until(lambda: running.mqtt.health().subscribed, "no subscription")
        yield running


@pytest.mark.parametrize(
    "topic",
    [
        "homeassistant/device/appliance_kitchen/config",
        "homeassistant/status",
        f"{ROOT}/status",
        f"{ROOT}/intent/DoorUnlock",
        f"{ROOT}/request/command",
        "appliance/hall/request/command",
        "appliance/hall/status",
        "appliance-clients/../request/command",
        "appliance-clients/request/command",
        "zigbee2mqtt/bridge/request/restart",
        "spBv1.0/plant/NCMD/line",
        "$SYS/broker",
        "appliance-clients",
        "appliance-clients/" + "x" * 1100,
    ],
)
def test_an_answer_cannot_be_aimed_at_others(
    topic: str, broker: Mosquitto, stack: MqttStack
) -> None:
    with (
        MqttClient(broker.port, f"{ROOT}/response/parse") as asker,
        MqttClient(broker.port, "#") as looker,
    ):
        asker.publish(f"{ROOT}/request/parse", "hello", ResponseTopic=topic)
        told = answer(asker.next().payload)
        assert (told["state"], told["reason"]) == ("rejected", "invalid")
        asker.publish(f"{ROOT}/request/parse", json.dumps({"text": "hello", "reply_to": topic}))
        assert answer(asker.next().payload)["state"] == "rejected"
        assert stack.requests == []
        looker.silent()
        seen = [looker.heard.get() for _ in range(looker.heard.qsize())]
        answers = [one for one in seen if one.payload != b"online"]  # its status may be put right
        assert [one.topic for one in answers if one.topic == topic and not one.retain] == []


def test_a_status_that_somebody_else_wrote_is_put_right(
    broker: Mosquitto, stack: MqttStack
) -> None:
    with MqttClient(broker.port, f"{ROOT}/status") as reader:
        assert reader.next().payload == b"online"
        for lie in (b"offline", b"stopped", b""):
            reader.publish(f"{ROOT}/status", lie, retain=True)
            while reader.next().payload != b"online":
                pass
        assert reader.silent(1.5)  # it does not correct itself
    with MqttClient(broker.port, f"{ROOT}/status") as newcomer:
        assert newcomer.next().payload == b"online"


@pytest.mark.parametrize("size", [1024, 1025, 60_000])
def test_an_id_is_kept_up_to_a_kilobyte(size: int, broker: Mosquitto, stack: MqttStack) -> None:
    with MqttClient(broker.port, OWN) as asker:
        asker.publish(
            f"{ROOT}/request/parse", "hello", ResponseTopic=OWN, CorrelationData=b"x" * size
        )
        heard = asker.next()
        told = answer(heard.payload)
        if size > 1024:
            assert (told["state"], told["reason"]) == ("rejected", "too_large")
            assert heard.correlation is None
        else:
            assert (told["state"], heard.correlation) == ("done", b"x" * size)


def test_one_requester_cannot_fill_the_whole_queue(broker: Mosquitto, tmp_path: Path) -> None:
    waiting: list[Request] = []

    def keep(request: Request) -> bool:
        waiting.append(request)
        return True

    mine = msgspec.structs.replace(
        settings(tmp_path, broker.port), requests=config.RequestSettings(maximum_waiting=4)
    )
    with (
        MqttStack(mine, keep) as stack,
        MqttClient(broker.port, "appliance-clients/#") as asker,
    ):
        until(lambda: stack.mqtt.health().subscribed, "no subscription")
        for name in ("greedy", "greedy", "greedy", "modest"):
            asker.publish(
                f"{ROOT}/request/parse",
                f"number {len(waiting)}",
                ResponseTopic=f"appliance-clients/{name}",
            )
            until(lambda: stack.intake.accepted + stack.intake.rejected > 0, "no answer")
        until(lambda: len(waiting) == 3, "the modest one was not accepted")
        assert [request.requester for request in waiting] == [
            *["appliance-clients/greedy"] * 2,
            "appliance-clients/modest",
        ]
        told = [answer(asker.next("appliance-clients/greedy").payload) for _ in range(2)]
        assert [one["state"] for one in told if one["state"] == "rejected"] == ["rejected"]


def test_in_a_flood_of_new_names_a_known_requester_still_has_its_turn(
    broker: Mosquitto, tmp_path: Path
) -> None:
    waiting: list[Request] = []

    def keep(request: Request) -> bool:
        waiting.append(request)
        return True

    clock = FakeClock()
    mine = msgspec.structs.replace(
        settings(tmp_path, broker.port), requests=config.RequestSettings(maximum_waiting=16)
    )
    with (
        MqttStack(mine, keep, clock=clock) as stack,
        MqttClient(broker.port, "appliance-clients/honest") as honest,
        MqttClient(broker.port) as crowd,
    ):
        until(lambda: stack.mqtt.health().subscribed, "no subscription")

        def ask(client: MqttClient, name: str, transaction: str) -> None:
            client.publish(
                f"{ROOT}/request/parse",
                "hello",
                ResponseTopic=f"appliance-clients/{name}",
                CorrelationData=transaction.encode(),
            )

        ask(honest, "honest", "first")
        until(lambda: len(waiting) == 1, "not accepted")
        clock.now += KNOWN_AFTER_S
        ask(honest, "honest", "second")
        until(lambda: len(waiting) == 2, "not accepted")
        flood = BUSY_BURST + 100
        for number in range(flood):
            ask(crowd, f"invented-{number}", "x")
        until(lambda: stack.mqtt.health().overrun > 0, "nothing was discarded")
        ask(honest, "honest", "third")
        until(lambda: waiting[-1].transaction == "third", "the known one has no turn")
        accepted = sum("invented" in request.requester for request in waiting)
        health = stack.mqtt.health()
        assert accepted == 10, "12 of 16 are for all, and two of these were taken"
        assert health.rejected + health.overrun == flood - accepted
        # Some came while the last places were free, and had one after all.
        assert BUSY_BURST - IN_FLIGHT < health.rejected <= BUSY_BURST
        # What was accepted is sent again with the same id: it is known, and not refused.
        ask(honest, "honest", "third")
        states = [answer(honest.next().payload)["state"] for _ in range(3)]
        assert states == ["queued"] * 3


def test_an_answer_that_the_broker_forbids_is_given_up_and_a_result_is_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retry_policy, "REFUSED_TOPIC", Backoff(first_s=0.1, longest_s=0.2))
    acl = (
        "topic readwrite #\ntopic deny appliance-clients/forbidden\n"
        f"topic deny {ROOT}/intent/TurnOn\n"
    )
    with (
        Mosquitto(tmp_path / "broker", acl=acl) as broker,
        MqttClient(broker.port, f"{ROOT}/result") as asker,
        MqttStack(settings(tmp_path, broker.port)) as stack,
    ):
        until(lambda: stack.mqtt.health().subscribed, "no subscription")
        stack.say("lamp on", Outcome.INTENT)
        asker.publish(f"{ROOT}/request/parse", "hello", ResponseTopic="appliance-clients/forbidden")
        for _ in range(2):
            asker.next(f"{ROOT}/result")
        until(lambda: stack.journal.counts.dropped == 1, "the answer was not given up")
        assert asker.silent(1.0)
        (left,) = stack.journal.pending(10)
        assert left.message.topic == f"{ROOT}/intent/TurnOn"
        assert not left.is_answer


def test_answers_leave_a_full_outbox_before_results(tmp_path: Path) -> None:
    limits = config.JournalSettings(maximum_rows=6)
    journal = Journal(
        tmp_path, limits, config.RequestSettings(), answer_prefixes=["appliance-clients/"]
    )
    for number in range(6):
        topic = f"appliance-clients/{number}" if number % 2 else f"{ROOT}/result"
        journal.commit(result_for("x", f"id-{number}"), functools.partial(_published, topic))
    for number in range(4):
        result = result_for("x", f"new-{number}")
        journal.commit(result, functools.partial(_published, f"{ROOT}/result"))
        kept = [row.message.topic for row in journal.pending(10)]
        assert kept.count(f"{ROOT}/result") == min(6, 4 + number)
        assert len(kept) == 6
    assert journal.counts.dropped == 4
    journal.close()


def _published(topic: str, _result: Result) -> list[Message]:
    return [Message(topic, b"x")]
