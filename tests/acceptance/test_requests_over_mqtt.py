"""A home or factory system sends work over MQTT, and gets its answers."""

from __future__ import annotations

import base64
import json
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from paho.mqtt.enums import MQTTProtocolVersion
from support.daemon_process import SAMPLES, DaemonProcess
from support.mosquitto import Mosquitto
from support.mqtt_client import MqttClient
from support.waiting import until

ROOT = "appliance/kitchen"
ANSWERS = f"{ROOT}/response/#"
OWN = "appliance-clients/answers"


@pytest.fixture(scope="module")
def daemon(
    tmp_path_factory: pytest.TempPathFactory, models_directory: Path, broker: Mosquitto
) -> Iterator[DaemonProcess]:
    """An appliance that takes requests, with its language model."""
    with DaemonProcess(
        tmp_path_factory.mktemp("owner"),
        models_directory,
        mqtt={"host": "127.0.0.1", "port": broker.port},
        language_model={"enabled": True},
        requests={"maximum_bytes": 1_048_576},
    ) as running:
        yield running.start()


def ask(
    client: MqttClient, operation: str, payload: bytes | str, **properties: Any
) -> dict[str, Any]:
    """Send a request; its last answer (`queued` may come before it)."""
    client.publish(f"{ROOT}/request/{operation}", payload, **properties)
    while True:
        answer: dict[str, Any] = json.loads(client.next(seconds=60).payload)
        if answer["state"] != "queued":
            return answer


def test_a_sentence_is_parsed_to_its_intent(daemon: DaemonProcess, broker: Mosquitto) -> None:
    with MqttClient(broker.port, ANSWERS) as plant:
        answer = ask(plant, "parse", "Stop machine three.")
    assert answer["state"] == "done"
    assert answer["result"]["intent"]["name"] == "MachineStop"
    assert answer["result"]["intent"]["slots"] == {"machine": 3}


def test_a_recording_from_elsewhere_becomes_an_intent_as_if_it_had_been_spoken_here(
    daemon: DaemonProcess, broker: Mosquitto
) -> None:
    intents = f"{ROOT}/intent/#"
    with MqttClient(broker.port, ANSWERS) as plant, MqttClient(broker.port, intents) as lamp:
        understood = ask(plant, "recognize", (SAMPLES / "kitchen_light.flac").read_bytes())
        result = understood["result"]
        assert (understood["state"], result["outcome"]) == ("done", "intent")
        assert result["intent"]["name"] == "HassTurnOn"
        assert result["intent"]["slots"] == {"domain": "light", "area": "kitchen"}
        assert (result["source"], result["trigger"]) == ("mqtt", "request")
        heard = lamp.next(f"{ROOT}/intent/HassTurnOn", 10)
        assert json.loads(heard.payload)["id"] == result["id"]

        talk = ask(plant, "recognize", (SAMPLES / "weather_talk.flac").read_bytes())["result"]
        assert (talk["outcome"], talk["intent"]) == ("not_understood", None)
        silence = ask(plant, "recognize", (SAMPLES / "silence.flac").read_bytes())["result"]
        assert (silence["outcome"], silence["text"]) == ("no_speech", None)
        broken = ask(plant, "recognize", b"this is not a recording")
        assert broken["state"] == "failed"


def test_a_recording_is_transcribed_and_the_answer_goes_where_it_was_asked_for(
    daemon: DaemonProcess, broker: Mosquitto
) -> None:
    sound = (SAMPLES / "bedroom_high_voice.flac").read_bytes()
    with MqttClient(broker.port, OWN) as plant:
        plant.publish(
            f"{ROOT}/request/transcribe", sound, ResponseTopic=OWN, CorrelationData=b"job-7"
        )
        while True:
            heard = plant.next(OWN, 60)
            answer = json.loads(heard.payload)
            assert heard.correlation == b"job-7"
            if answer["state"] == "done":
                break
    assert answer["transaction"] == "job-7"
    assert answer["result"]["outcome"] == "transcript"
    assert "temperature in the bedroom" in answer["result"]["text"].lower()


def test_a_client_of_mqtt_3_puts_into_json_what_it_has_no_properties_for(
    daemon: DaemonProcess, broker: Mosquitto
) -> None:
    sound = base64.b64encode((SAMPLES / "machine_fast.flac").read_bytes()).decode()
    request = json.dumps(
        {"audio": sound, "transaction": "t-1", "reply_to": "appliance-clients/old"}
    )
    with MqttClient(
        broker.port, "appliance-clients/old", version=MQTTProtocolVersion.MQTTv311
    ) as old:
        answer = ask(old, "transcribe", request)
    assert (answer["state"], answer["transaction"]) == ("done", "t-1")
    assert "machine" in answer["result"]["text"].lower()


def test_a_question_is_answered_by_the_language_model_with_its_tokens_counted(
    daemon: DaemonProcess, broker: Mosquitto
) -> None:
    with MqttClient(broker.port, ANSWERS) as plant:
        answer = ask(plant, "answer", "Name a fruit.")
    assert answer["state"] == "done"
    assert answer["result"]["outcome"] == "answer"
    assert answer["result"]["answer"]
    assert answer["result"]["tokens"]["generated"] > 0


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "array", "minItems": 10**9, "items": {"const": 0}},
        {"type": "string", "pattern": "^((a{1000}){1000}){1000}$"},
        {"anyOf": [{"type": "string", "pattern": "^(a{99}){99}$|b"}] * 9},
    ],
)
def test_a_schema_that_no_answer_can_fit_is_refused_before_it_is_queued(
    daemon: DaemonProcess, broker: Mosquitto, schema: dict[str, Any]
) -> None:
    with MqttClient(broker.port, ANSWERS) as plant:
        answer = ask(plant, "answer", json.dumps({"text": "Count.", "schema": schema}))
    assert (answer["state"], answer["reason"]) == ("rejected", "too_large")


def test_a_text_is_parsed_while_the_language_model_writes_for_seconds(
    daemon: DaemonProcess, broker: Mosquitto
) -> None:
    numbers = {"type": "array", "minItems": 80, "maxItems": 80, "items": {"type": "integer"}}
    question = {"text": "Count.", "schema": numbers, "maximum_tokens": 600, "transaction": "q"}
    with MqttClient(broker.port, ANSWERS, f"{ROOT}/state") as plant:
        plant.publish(f"{ROOT}/request/answer", json.dumps(question))
        while json.loads(plant.next(f"{ROOT}/state", 30).payload)["activity"] != "thinking":
            pass
        plant.publish(f"{ROOT}/request/parse", "stop machine three", CorrelationData=b"p")
        ended: list[str] = []
        while len(ended) < 2:
            heard = plant.next(seconds=90)
            told = json.loads(heard.payload)
            if "/response/" in heard.topic and told["state"] != "queued":
                ended.append(told["transaction"])
    assert ended == ["p", "q"]


@pytest.mark.parametrize(
    ("operation", "payload", "reason"),
    [
        ("parse", b"\xff\xfe\xfa", "invalid"),
        ("parse", b"", "invalid"),
        ("parse", b'{"text": 7}', "invalid"),
        ("parse", b"x" * 20_000, "too_large"),
        ("transcribe", b'{"audio": "not base64!"}', "invalid"),
        ("transcribe", b"RIFF" + bytes(1_400_000), "too_large"),
        ("make_coffee", b"{}", "unsupported"),
    ],
)
def test_a_request_that_cannot_be_taken_is_rejected_with_the_reason(
    daemon: DaemonProcess, broker: Mosquitto, operation: str, payload: bytes, reason: str
) -> None:
    with MqttClient(broker.port, ANSWERS) as plant:
        answer = ask(plant, operation, payload, CorrelationData=b"id")
    assert (answer["state"], answer["reason"]) == ("rejected", reason)
    assert answer["message"]
    assert answer["transaction"] == "id"


@pytest.mark.parametrize("sound", [b"not a recording", b"RIFF\x24\x00\x00\x00WAVE"])
def test_a_payload_that_is_not_a_recording_fails_with_the_reason(
    daemon: DaemonProcess, broker: Mosquitto, sound: bytes
) -> None:
    with MqttClient(broker.port, ANSWERS) as plant:
        answer = ask(plant, "transcribe", sound)
    assert answer["state"] == "failed"
    assert answer["message"]


def test_after_all_that_bad_input_it_still_works(daemon: DaemonProcess, broker: Mosquitto) -> None:
    with MqttClient(broker.port, ANSWERS) as plant:
        assert ask(plant, "parse", "what time is it")["state"] == "done"
    assert not daemon.ended()
    assert "Traceback" not in daemon.said()


def test_a_language_model_that_is_killed_comes_back(
    daemon: DaemonProcess, broker: Mosquitto
) -> None:
    import psutil  # noqa: PLC0415

    assert daemon.process is not None
    children = psutil.Process(daemon.process.pid).children()
    for child in children:
        child.kill()
    assert children
    with MqttClient(broker.port, ANSWERS) as plant:
        answer = ask(plant, "answer", "Name a colour.")
    assert answer["state"] == "done"


def test_the_same_request_again_gets_the_same_answer_without_being_done_twice(
    daemon: DaemonProcess, broker: Mosquitto
) -> None:
    with MqttClient(broker.port, ANSWERS) as plant:
        first = ask(plant, "parse", "lights out", CorrelationData=b"once")
        again = ask(plant, "parse", "lights out", CorrelationData=b"once")
    assert first["result"] == again["result"]


def test_identity_and_health_are_on_retained_topics(
    daemon: DaemonProcess, broker: Mosquitto
) -> None:
    with MqttClient(broker.port, f"{ROOT}/#") as looker:
        told: dict[str, bytes] = {}
        while not told.keys() >= {"status", "info", "state", "health", "telemetry"}:
            heard = looker.next()
            assert heard.retain
            told[heard.topic.removeprefix(f"{ROOT}/")] = heard.payload
    assert told["status"] == b"online"
    assert "HassTurnOn" in json.loads(told["info"])["intents"]
    assert json.loads(told["state"])["activity"] == "idle"
    assert json.loads(told["health"])["mqtt"]["connected"] is True
    telemetry = json.loads(told["telemetry"])
    assert telemetry["memory_used_mb"] > 0
    assert telemetry["disk_free_mb"] > 0


def test_requests_that_were_accepted_are_answered_after_a_power_cut(
    tmp_path: Path, models_directory: Path
) -> None:
    # Given an appliance with work in its inbox that takes longer than it will live
    with (
        Mosquitto(tmp_path / "broker") as broker,
        MqttClient(broker.port, ANSWERS) as plant,
        DaemonProcess(
            tmp_path,
            models_directory,
            mqtt={"host": "127.0.0.1", "port": broker.port},
        ) as daemon,
    ):
        daemon.start()
        sound = (SAMPLES / "weather_talk.flac").read_bytes()
        sent = {f"job-{number}" for number in range(6)}
        for name in sent:
            plant.publish(f"{ROOT}/request/transcribe", sound, CorrelationData=name.encode())
        until(lambda: daemon.said().count("request") >= 1, "no request was done")
        # When the power fails, and comes back
        daemon.kill()
        daemon.start()
        # Then each of them is answered
        done: set[str] = set()
        while done != sent:
            answer = json.loads(plant.next(seconds=60).payload)
            if answer["state"] == "done":
                done.add(answer["transaction"])


def test_a_stop_in_the_middle_of_an_answer_is_quick_and_the_request_is_answered_later(
    tmp_path: Path, models_directory: Path
) -> None:
    with (
        Mosquitto(tmp_path / "broker") as broker,
        MqttClient(broker.port, ANSWERS, f"{ROOT}/status") as plant,
        MqttClient(broker.port, f"{ROOT}/state") as looker,
        DaemonProcess(
            tmp_path,
            models_directory,
            mqtt={"host": "127.0.0.1", "port": broker.port},
            language_model={
                "enabled": True,
                "maximum_tokens": 1500,
                "temperature": 1.0,
                "system_prompt": "Write a very long story.",
            },
        ) as daemon,
    ):
        daemon.start()
        plant.publish(f"{ROOT}/request/answer", "Tell me a story.", CorrelationData=b"story")
        while json.loads(looker.next().payload)["activity"] != "thinking":
            pass
        # When it is stopped while the model writes
        status, seconds = daemon.stop()
        assert status == 0, daemon.said()
        assert seconds < 5.0
        assert [heard.payload for heard in everything(plant) if heard.topic.endswith("status")][
            -1
        ] == b"stopped"
        # Then the request is still there, and is answered after the next start
        daemon.write(language_model={"maximum_tokens": 16})
        daemon.start()
        while True:
            answer = json.loads(plant.next(f"{ROOT}/response/answer", 60).payload)
            if answer["state"] != "queued":
                break
        assert (answer["state"], answer["transaction"]) == ("done", "story")


def test_the_broker_says_offline_for_an_appliance_that_died(
    tmp_path: Path, models_directory: Path
) -> None:
    with (
        Mosquitto(tmp_path / "broker") as broker,
        DaemonProcess(
            tmp_path, models_directory, mqtt={"host": "127.0.0.1", "port": broker.port}
        ) as daemon,
    ):
        daemon.start()
        with MqttClient(broker.port, f"{ROOT}/status") as looker:
            assert looker.next().payload == b"online"
            daemon.signal(signal.SIGKILL)
            assert looker.next().payload == b"offline"


def everything(client: MqttClient) -> list[Any]:
    heard = []
    while not client.heard.empty():
        heard.append(client.heard.get())
    return heard


def test_the_log_level_changes_at_run_time_and_is_published_on_info(
    daemon: DaemonProcess, broker: Mosquitto
) -> None:
    with MqttClient(broker.port, ANSWERS, f"{ROOT}/info") as plant:
        plant.publish(f"{ROOT}/request/options", '{"log_level": "warning"}')
        answer = json.loads(plant.next(f"{ROOT}/response/options").payload)
        assert answer["data"]["log_level"] == "warning"
        plant.publish(f"{ROOT}/request/options", '{"log_level": "info", "transaction": 7}')
        answer = json.loads(plant.next(f"{ROOT}/response/options").payload)
        assert (answer["data"]["log_level"], answer["transaction"]) == ("info", "7")
        # The level that writes down what was said is only for the configuration.
        plant.publish(f"{ROOT}/request/options", '{"log_level": "debug"}')
        answer = json.loads(plant.next(f"{ROOT}/response/options").payload)
        assert (answer["state"], answer["reason"]) == ("rejected", "unsupported")
        plant.publish(f"{ROOT}/request/options", '{"log_level": "loud"}')
        answer = json.loads(plant.next(f"{ROOT}/response/options").payload)
        assert (answer["state"], answer["reason"]) == ("rejected", "invalid")


def test_what_the_configuration_closes_cannot_be_opened_by_a_request(
    daemon: DaemonProcess, broker: Mosquitto
) -> None:
    attempts = (
        ("options", '{"trigger": "always"}', "invalid"),
        ("options", '{"muted": false}', "invalid"),
        ("microphone", '{"trigger": "always"}', "unsupported"),
        ("microphone", '{"muted": false}', "unsupported"),
        ("listen", "{}", "unsupported"),
    )
    with MqttClient(broker.port, ANSWERS, f"{ROOT}/info") as plant:
        info = json.loads(plant.next(f"{ROOT}/info").payload)
        assert not {"listen", "microphone"} & set(info["operations"])
        assert info["options"]["trigger"] == "off"
        for operation, payload, reason in attempts:
            plant.publish(f"{ROOT}/request/{operation}", payload)
            answer = json.loads(plant.next(f"{ROOT}/response/{operation}").payload)
            assert (answer["state"], answer["reason"]) == ("rejected", reason), payload
        plant.publish(f"{ROOT}/request/options", "{}")
        answer = json.loads(plant.next(f"{ROOT}/response/options").payload)
        assert (answer["data"]["trigger"], answer["data"]["muted"]) == ("off", False)


def test_a_check_is_answered_with_what_the_command_says(
    daemon: DaemonProcess, broker: Mosquitto
) -> None:
    with MqttClient(broker.port, ANSWERS) as plant:
        plant.publish(f"{ROOT}/request/check", b"", CorrelationData=b"c")
        answer = json.loads(plant.next(f"{ROOT}/response/check", 60).payload)
    assert (answer["state"], answer["transaction"]) == ("done", "c")
    assert answer["data"]["errors"] == 0
    assert "broker" in {line["question"] for line in answer["data"]["answers"]}


def test_a_request_that_waits_is_expired_at_its_time_and_not_when_its_turn_comes(
    daemon: DaemonProcess, broker: Mosquitto
) -> None:
    sound = (SAMPLES / "weather_talk.flac").read_bytes()
    with MqttClient(broker.port, ANSWERS) as plant:
        for _ in range(12):
            plant.publish(f"{ROOT}/request/transcribe", sound)
        # Not a parse: that is so quick that it need not wait for its turn.
        plant.publish(f"{ROOT}/request/recognize", sound, MessageExpiryInterval=1)
        states = []
        while (answer := json.loads(plant.next(seconds=60).payload))[
            "operation"
        ] != "recognize" or (answer["state"] == "queued"):
            states.append(answer["state"])
        assert answer["state"] == "expired"
        assert states.count("done") < 12
        while states.count("done") < 12:
            states.append(json.loads(plant.next(seconds=60).payload)["state"])
