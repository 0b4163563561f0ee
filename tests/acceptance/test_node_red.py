"""The flow for Node-RED in the documentation, in a real Node-RED, with a real broker."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from support.daemon_process import REPOSITORY, SAMPLES, DaemonProcess
from support.mosquitto import Mosquitto
from support.mqtt_client import MqttClient
from support.node_red import NodeRed
from support.waiting import until

FLOW = REPOSITORY / "docs" / "examples" / "node-red" / "flow.json"
PAGE = REPOSITORY / "docs" / "connect" / "node-red.md"

TEXTS = {
    "turn on the kitchen light": "HassTurnOn",
    "stop machine three": "MachineStop",
    "set a timer for five minutes": "HassStartTimer",
    "turn off the living room lights": "HassTurnOff",
}


@pytest.fixture(scope="module")
def node_red(
    tmp_path_factory: pytest.TempPathFactory, models_directory: Path, broker: Mosquitto
) -> Iterator[NodeRed]:
    folder = tmp_path_factory.mktemp("node-red")
    with (
        NodeRed(folder / "node-red") as running,
        DaemonProcess(
            folder, models_directory, mqtt={"host": "127.0.0.1", "port": broker.port}
        ) as daemon,
    ):
        flows = json.loads(FLOW.read_text("utf-8"))
        for node in flows:
            if node["type"] == "mqtt-broker":  # the one thing that its owner changes
                node.update(broker="127.0.0.1", port=str(broker.port))
        running.deploy(flows)
        daemon.start()
        until(
            lambda: running.post("/voice/parse", b"hello", "text/plain")[0] == 200,
            "the flow is not connected",
        )
        yield running


def test_a_text_comes_back_with_its_intent_and_nothing_is_done(
    node_red: NodeRed, broker: Mosquitto
) -> None:
    with MqttClient(broker.port, "appliance/kitchen/#") as heard:
        status, answer = node_red.post("/voice/parse", b"turn on the kitchen light", "text/plain")
        assert (status, answer["state"]) == (200, "done")
        intent = answer["result"]["intent"]
        assert (intent["name"], intent["slots"]["area"]) == ("HassTurnOn", "kitchen")
        assert not answer["result"]["acted"]
        until(lambda: heard.next().topic.endswith("/result"), "no result was published")
        heard.publish("appliance/kitchen/request/parse", "what is the weather")
        topics: list[str] = []
        while not topics or not topics[-1].endswith("/result"):
            topics.append(heard.next().topic)
        assert not [topic for topic in topics if "/intent/" in topic]


def test_answers_find_their_requests_when_several_wait(node_red: NodeRed) -> None:
    with ThreadPoolExecutor(8) as pool:
        asked = [text for text in TEXTS for _ in range(5)]
        answers = list(
            pool.map(lambda text: node_red.post("/voice/parse", text.encode(), "text/plain"), asked)
        )
    for text, (status, answer) in zip(asked, answers, strict=True):
        assert status == 200
        assert answer["result"]["text"] == text
        assert answer["result"]["intent"]["name"] == TEXTS[text]


def test_a_recording_comes_back_with_what_was_said_and_it_is_carried_out(
    node_red: NodeRed, broker: Mosquitto
) -> None:
    sound = (SAMPLES / "kitchen_light.flac").read_bytes()
    with MqttClient(broker.port, "appliance/kitchen/intent/#") as lamp:
        status, answer = node_red.post("/voice/recognize", sound, "audio/flac")
        assert (status, answer["state"]) == (200, "done")
        assert answer["result"]["text"] == "Turn on the kitchen light."
        assert lamp.next().topic == "appliance/kitchen/intent/HassTurnOn"


def test_what_is_no_recording_is_an_error_that_says_so(node_red: NodeRed) -> None:
    status, answer = node_red.post("/voice/recognize", b"\x00\xff no sound", "audio/wav")
    assert status == 422
    assert answer["state"] in ("failed", "rejected")
    assert answer["message"]


def test_the_flow_runs_without_an_error_in_node_reds_log(node_red: NodeRed) -> None:
    assert "[error]" not in node_red.said()
    assert "Started flows" in node_red.said()


def test_the_page_names_the_paths_and_variables_of_the_flow() -> None:
    page, flow = PAGE.read_text("utf-8"), json.loads(FLOW.read_text("utf-8"))
    for node in flow:
        if node["type"] == "http in":
            assert f"1880{node['url']}" in page
    assert re.search(r"`APPLIANCE`", page)
    assert any("APPLIANCE" in str(node.get("env")) for node in flow)
