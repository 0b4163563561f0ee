"""The access list that is shipped as an example, used by a real mosquitto."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from support.mosquitto import Certificates, Mosquitto
from support.mqtt_client import MqttClient
from support.mqtt_stack import ROOT, MqttStack, settings
from support.waiting import until

from appliance import client as public
from appliance.values import Outcome

if TYPE_CHECKING:
    from collections.abc import Iterator

EXAMPLES = Path(__file__).parents[2] / "docs" / "examples" / "mosquitto"
NAMES = ("kitchen", "lamp", "worker", "commander", "homeassistant", "hall")
USERS = {name: f"{name}-word" for name in NAMES}


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mosquitto]:
    acl = (EXAMPLES / "acl").read_text()
    with Mosquitto(tmp_path_factory.mktemp("broker"), users=USERS, acl=acl) as running:
        yield running


@pytest.fixture
def stack(broker: Mosquitto, tmp_path: Path) -> Iterator[MqttStack]:
    word = tmp_path / "word"
    word.write_text(USERS["kitchen"])
    mine = settings(tmp_path, broker.port, username="kitchen", password_file=str(word))
    with MqttStack(mine) as running:
        until(lambda: running.mqtt.health().subscribed, "no subscription")
        yield running


def user(broker: Mosquitto, name: str, *filters: str) -> MqttClient:
    return MqttClient(broker.port, *filters, username=name, password=USERS[name])


def test_a_lamp_can_read_intents_and_no_other_results(broker: Mosquitto, stack: MqttStack) -> None:
    with user(broker, "lamp", f"{ROOT}/intent/#", f"{ROOT}/result") as lamp:
        stack.say("secret talk")
        stack.say("lamp on", Outcome.INTENT)
        heard = lamp.next()
        assert heard.topic == f"{ROOT}/intent/TurnOn"
        assert json.loads(heard.payload)["text"] == "lamp on"
        assert lamp.silent()


def test_a_lamp_cannot_send_requests(broker: Mosquitto, stack: MqttStack) -> None:
    with user(broker, "lamp") as lamp, user(broker, "worker") as worker:
        for operation in ("parse", "transcribe", "answer", "cancel", "options", "check"):
            lamp.publish(f"{ROOT}/request/{operation}", "turn everything off")
        worker.publish(f"{ROOT}/request/parse", "from one who may")
        until(lambda: stack.requests, "the request of one who may did not come")
        assert [request.payload for request in stack.requests] == [b"from one who may"]
        assert stack.orders == []


def test_a_program_can_ask_what_a_text_means_and_only_a_commander_can_have_it_done(
    broker: Mosquitto, stack: MqttStack
) -> None:
    with user(broker, "worker") as worker, user(broker, "commander") as commander:
        for operation in ("command", "recognize", "confirm", "options", "listen", "say"):
            worker.publish(f"{ROOT}/request/{operation}", "unlock the door")
        for operation in ("options", "listen", "say", "parse"):
            commander.publish(f"{ROOT}/request/{operation}", "not for a commander")
        worker.publish(f"{ROOT}/request/parse", "what does it mean")
        commander.publish(f"{ROOT}/request/command", "unlock the door")
        until(lambda: len(stack.requests) > 1, "the two that are allowed did not come")
        assert [(one.operation, one.payload) for one in stack.requests] == [
            ("parse", b"what does it mean"),
            ("command", b"unlock the door"),
        ]
        assert stack.orders == []
        commander.publish(f"{ROOT}/request/confirm", "an id")
        until(lambda: stack.orders, "the confirmation did not come")


def test_a_program_gets_its_answers_and_cannot_read_what_is_spoken(
    broker: Mosquitto, stack: MqttStack
) -> None:
    with (
        user(broker, "worker", f"{ROOT}/result", f"{ROOT}/intent/#") as listener,
        public.Client(
            "127.0.0.1", broker.port, root=ROOT, username="worker", password=USERS["worker"]
        ) as client,
    ):
        assert client.parse("hello")["text"] == "HELLO"
        stack.say("secret talk", Outcome.INTENT)
        listener.publish(f"{ROOT}/request/options", '{"log_level": "debug"}')
        assert listener.silent()
        assert stack.orders == []


def test_an_appliance_may_use_only_its_own_branch(broker: Mosquitto, stack: MqttStack) -> None:
    with user(broker, "hall", "appliance/#") as other, user(broker, "worker") as worker:
        stack.say("secret talk")
        other.publish(f"{ROOT}/request/parse", "from next door")
        worker.publish(f"{ROOT}/request/parse", "from one who may")
        until(lambda: stack.requests, "the request of one who may did not come")
        assert [request.payload for request in stack.requests] == [b"from one who may"]
        assert other.silent()


def test_the_shipped_configuration_starts_a_broker_with_tls_that_requires_a_user_name(
    tmp_path: Path,
) -> None:
    certificates = Certificates.made(tmp_path / "certificates")
    shipped = (EXAMPLES / "mosquitto.conf").read_text()
    wanted = ("tls_version", "max_queued_messages", "persistent_client_expiration")
    lines = tuple(line for line in shipped.splitlines() if line.startswith(wanted))
    assert len(lines) == len(wanted)
    word = tmp_path / "word"
    word.write_text(USERS["kitchen"])
    with Mosquitto(
        tmp_path / "broker",
        users=USERS,
        acl=(EXAMPLES / "acl").read_text(),
        tls=certificates,
        persistent=True,
        lines=lines,
    ) as broker:
        mine = settings(
            tmp_path,
            broker.port,
            host="localhost",
            tls=True,
            ca_file=str(certificates.authority),
            username="kitchen",
            password_file=str(word),
        )
        with MqttStack(mine) as stack:
            until(lambda: stack.mqtt.health().subscribed, "no subscription over TLS")
        nameless = settings(
            tmp_path / "2", broker.port, host="localhost", tls=True,
            ca_file=str(certificates.authority),
        )  # fmt: skip
        with MqttStack(nameless) as stack:
            until(lambda: "not authorised" in broker.log(), "a nameless client was let in")
            assert not stack.mqtt.health().connected
