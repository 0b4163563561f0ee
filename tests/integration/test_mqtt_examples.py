"""Every example of mqtt.md goes through a real broker, and what comes back is validated."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import jsonschema
import msgspec
import pytest
from support.mosquitto import Mosquitto
from support.mqtt_client import MqttClient
from support.mqtt_stack import MqttStack, settings
from support.waiting import until

from appliance.messages.request_payloads import Answer
from appliance.reference.asyncapi import example_json
from appliance.reference.schemas import schema_of
from appliance.reference.wire import PUBLISHED, RECEIVED, ROOT, Channel

if TYPE_CHECKING:
    from collections.abc import Iterator

REPOSITORY = Path(__file__).parents[2]
PAGE = REPOSITORY / "docs/reference/mqtt.md"
EXAMPLE = re.compile(r"^`(\S+)`\n\n```(json|text)\n(.*?)\n```$", re.MULTILINE | re.DOTALL)

WRITTEN: dict[str, Any] = {
    topic: json.loads(text) if language == "json" else text
    for topic, language, text in EXAMPLE.findall(PAGE.read_text("utf-8"))
}
"""The examples as they stand on the page."""


@pytest.fixture(scope="module")
def stack(broker: Mosquitto, tmp_path_factory: pytest.TempPathFactory) -> Iterator[MqttStack]:
    with MqttStack(settings(tmp_path_factory.mktemp("house"), broker.port)) as running:
        until(lambda: running.mqtt.health().subscribed, "no subscription")
        yield running


def test_the_page_has_an_example_of_every_topic() -> None:
    assert set(WRITTEN) == {channel.example_topic for channel in PUBLISHED + RECEIVED}


@pytest.mark.parametrize("channel", PUBLISHED, ids=lambda channel: channel.name)
def test_a_published_example_conforms_to_its_schema(
    channel: Channel, broker: Mosquitto, stack: MqttStack
) -> None:
    assert WRITTEN[channel.example_topic] == example_json(channel)
    with MqttClient(broker.port, f"seen/{channel.example_topic}") as reader:
        payload = WRITTEN[channel.example_topic]
        text = payload if isinstance(payload, str) else json.dumps(payload)
        reader.publish(f"seen/{channel.example_topic}", text)
        heard = reader.next().payload.decode()
    seen = heard if isinstance(payload, str) else json.loads(heard)
    jsonschema.Draft202012Validator(schema_of(channel.payload)).validate(seen)
    if not isinstance(payload, str):  # and what our own code makes of it is the same again
        again = msgspec.json.decode(heard, type=channel.payload)
        assert json.loads(msgspec.json.encode(again)) == payload


@pytest.mark.parametrize("channel", RECEIVED, ids=lambda channel: channel.name)
def test_an_example_request_is_done_and_its_answer_conforms_to_the_schema(
    channel: Channel, broker: Mosquitto, stack: MqttStack
) -> None:
    payload = json.dumps(WRITTEN[channel.example_topic])
    with MqttClient(broker.port, f"{ROOT}/response/#") as asker:
        asker.publish(channel.example_topic, payload)
        heard = asker.next(f"{ROOT}/response/{channel.name}")
    answer = json.loads(heard.payload)
    jsonschema.Draft202012Validator(schema_of(Answer)).validate(answer)
    assert answer["state"] == "done", answer
    assert answer["transaction"] == WRITTEN[channel.example_topic].get("transaction")


@pytest.mark.parametrize("page", ["docs/reference/mqtt.md", "README.md"])
def test_the_client_program_on_the_page_works_unchanged(
    page: str,
    broker: Mosquitto,
    stack: MqttStack,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    text = (REPOSITORY / page).read_text("utf-8")
    (program,) = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    program = program.replace('"localhost", 1883', f'"127.0.0.1", {broker.port}')
    (tmp_path / "recording.wav").write_bytes(b"RIFF-sound")
    monkeypatch.chdir(tmp_path)
    exec(compile(program, page, "exec"), {})  # noqa: S102  (our own page)
    assert "RIFF-SOUND" in capsys.readouterr().out
    assert [request.payload for request in stack.requests][-1] == b"turn on the kitchen light"
