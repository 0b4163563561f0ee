"""The language model over MQTT: JSON, tokens as they come, follow-ups, and its process killed."""

from __future__ import annotations

import contextlib
import json
import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
from brokers import Client, Mosquitto, until
from owner import Owner

ROOT = "appliance/kitchen"
ANSWERS = f"{ROOT}/response/#"
RESTARTS = int(os.environ.get("APPLIANCE_MODEL_KILLS", "3"))


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mosquitto]:
    with Mosquitto(tmp_path_factory.mktemp("broker"), persistent=True) as running:
        yield running


@pytest.fixture(scope="module")
def owner(
    tmp_path_factory: pytest.TempPathFactory, models_directory: Path, broker: Mosquitto
) -> Iterator[Owner]:
    with Owner(
        tmp_path_factory.mktemp("owner"),
        models_directory,
        mqtt={"host": "127.0.0.1", "port": broker.port},
        language_model={"enabled": True, "maximum_tokens": 24},
    ) as running:
        yield running.start()


def ask(client: Client, **fields: Any) -> dict[str, Any]:
    client.publish(f"{ROOT}/request/answer", json.dumps(fields))
    return answered(client)


def answered(client: Client) -> dict[str, Any]:
    while True:
        heard = client.next(seconds=90)
        answer: dict[str, Any] = json.loads(heard.payload)
        if answer.get("state", "queued") != "queued":
            return answer


def model_process(owner: Owner) -> int | None:
    assert owner.process is not None
    for child in psutil.Process(owner.process.pid).children(recursive=True):
        with contextlib.suppress(psutil.Error):
            if any("llama_process" in word for word in child.cmdline()):
                return child.pid
    return None


def test_an_answer_under_a_schema_is_json_of_it_or_failed(owner: Owner, broker: Mosquitto) -> None:
    schema = {"type": "object", "properties": {"on": {"type": "boolean"}}, "required": ["on"]}
    with Client(broker.port, ANSWERS) as plant:
        good = ask(plant, text="Is the lamp on?", schema=schema, transaction="1")
        bad = ask(plant, text="Is the lamp on?", schema={"type": "nonsense"}, transaction="2")
    assert isinstance(json.loads(good["result"]["answer"])["on"], bool)
    assert good["result"]["tokens"]["cached"] > 10
    assert good["result"]["timings_ms"]["first_token"] > 0
    assert (bad["state"], bad["result"]["answer"]) == ("failed", None)
    assert "no JSON Schema" in bad["message"]


def test_an_answer_is_seen_while_it_is_written_by_who_asks_for_it(
    owner: Owner, broker: Mosquitto
) -> None:
    with Client(broker.port, f"{ROOT}/partial") as watching, Client(broker.port, ANSWERS) as plant:
        quiet = ask(plant, text="What is the capital of France?", transaction="q")
        assert watching.silent()
        answer = ask(plant, text="What is the capital of France?", transaction="s", stream=True)
        seen = [json.loads(watching.next().payload)]
        with contextlib.suppress(AssertionError):
            while not watching.silent():
                seen.append(json.loads(watching.next().payload))
    assert quiet["result"]["answer"] == answer["result"]["answer"]
    assert {part["transaction"] for part in seen} == {"s"}
    assert len(seen) > 2
    assert answer["result"]["answer"].startswith(seen[0]["text"].strip())


def test_a_follow_up_in_a_session_is_asked_with_what_was_said_before(
    owner: Owner, broker: Mosquitto
) -> None:
    with Client(broker.port, ANSWERS) as plant:
        first = ask(plant, text="The code word is banana.", session="s", transaction="f1")
        second = ask(plant, text="Repeat it.", session="s", transaction="f2")
        alone = ask(plant, text="Repeat it.", transaction="f3")
    tokens = [answer["result"]["tokens"]["prompt"] for answer in (first, second, alone)]
    assert tokens[1] > tokens[2]


def test_killed_again_and_again_it_comes_back_and_no_request_is_lost(
    owner: Owner, broker: Mosquitto
) -> None:
    with Client(broker.port, ANSWERS) as plant:
        for number in range(RESTARTS):
            process = until(lambda: model_process(owner), "the model did not come back", 60)
            plant.publish(
                f"{ROOT}/request/answer",
                json.dumps({"text": f"Tell me about {number}.", "transaction": f"k{number}"}),
            )
            with contextlib.suppress(ProcessLookupError):
                os.kill(process, signal.SIGKILL)
            answer = answered(plant)
            assert (answer["transaction"], answer["state"]) == (f"k{number}", "done")
        gone = until(lambda: model_process(owner), "the model did not come back", 60)
        os.kill(gone, signal.SIGKILL)  # while it has nothing to do
        until(
            lambda: model_process(owner) not in (None, gone), "an idle model did not come back", 60
        )
    assert not owner.ended()
