"""The language model over MQTT: JSON, tokens as they come, follow-ups, and its process killed."""

from __future__ import annotations

import contextlib
import json
import os
import random
import signal
import threading
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Self

import psutil
import pytest
from support.daemon_process import SAMPLES, DaemonProcess
from support.mosquitto import Mosquitto
from support.mqtt_client import MqttClient
from support.virtual_microphone import VirtualMicrophone, virtual_microphone
from support.waiting import until

ROOT = "appliance/kitchen"
ANSWERS = f"{ROOT}/response/#"
HALL = "appliance/hall"
BUDGET = 1
"""Threads of all engines together, in the hall."""
KILLS = int(os.environ.get("APPLIANCE_MODEL_KILLS", "3"))


@pytest.fixture(scope="module")
def daemon(
    tmp_path_factory: pytest.TempPathFactory, models_directory: Path, broker: Mosquitto
) -> Iterator[DaemonProcess]:
    with DaemonProcess(
        tmp_path_factory.mktemp("owner"),
        models_directory,
        mqtt={"host": "127.0.0.1", "port": broker.port},
        language_model={"enabled": True, "maximum_tokens": 24},
    ) as running:
        yield running.start()


def ask(client: MqttClient, **fields: Any) -> dict[str, Any]:
    client.publish(f"{ROOT}/request/answer", json.dumps(fields))
    return answered(client)


def answered(client: MqttClient) -> dict[str, Any]:
    while True:
        heard = client.next(seconds=90)
        answer: dict[str, Any] = json.loads(heard.payload)
        if answer.get("state", "queued") != "queued":
            return answer


def model_process(daemon: DaemonProcess) -> int | None:
    assert daemon.process is not None
    for child in psutil.Process(daemon.process.pid).children(recursive=True):
        with contextlib.suppress(psutil.Error):
            if any("llama.server_main" in word for word in child.cmdline()):
                return child.pid
    return None


def test_an_answer_under_a_schema_is_json_of_it_or_failed(
    daemon: DaemonProcess, broker: Mosquitto
) -> None:
    schema = {"type": "object", "properties": {"on": {"type": "boolean"}}, "required": ["on"]}
    with MqttClient(broker.port, ANSWERS) as plant:
        good = ask(plant, text="Is the lamp on?", schema=schema, transaction="1")
        bad = ask(plant, text="Is the lamp on?", schema={"type": "nonsense"}, transaction="2")
    assert isinstance(json.loads(good["result"]["answer"])["on"], bool)
    assert good["result"]["tokens"]["cached"] > 10
    assert good["result"]["timings_ms"]["first_token"] > 0
    assert (bad["state"], bad["result"]["answer"]) == ("failed", None)
    assert "not a JSON Schema" in bad["message"]


def test_a_requester_that_asks_for_partial_answers_gets_them_while_they_are_written(
    daemon: DaemonProcess, broker: Mosquitto
) -> None:
    with (
        MqttClient(broker.port, f"{ROOT}/partial") as watching,
        MqttClient(broker.port, ANSWERS) as plant,
    ):
        quiet = ask(plant, text="Tell me about tea.", transaction="q")
        assert watching.silent()
        answer = ask(plant, text="Tell me about tea.", transaction="s", stream=True)
        seen = [json.loads(watching.next().payload)]
        with contextlib.suppress(AssertionError):
            while not watching.silent():
                seen.append(json.loads(watching.next().payload))
    assert quiet["result"]["answer"] == answer["result"]["answer"]
    assert {part["transaction"] for part in seen} == {"s"}
    assert len(seen) > 2
    assert answer["result"]["answer"].startswith(seen[0]["text"].strip())


def test_a_follow_up_in_a_session_is_asked_with_what_was_said_before(
    daemon: DaemonProcess, broker: Mosquitto
) -> None:
    with MqttClient(broker.port, ANSWERS) as plant:
        first = ask(plant, text="The code word is banana.", session="s", transaction="f1")
        second = ask(plant, text="Repeat it.", session="s", transaction="f2")
        alone = ask(plant, text="Repeat it.", transaction="f3")
    tokens = [answer["result"]["tokens"]["prompt"] for answer in (first, second, alone)]
    assert tokens[1] > tokens[2]


def test_an_idle_process_that_was_killed_comes_back_by_itself(
    daemon: DaemonProcess, broker: Mosquitto
) -> None:
    gone = until(lambda: model_process(daemon), "there is no model", 60)
    os.kill(gone, signal.SIGKILL)
    until(lambda: model_process(daemon) not in (None, gone), "the model did not come back", 60)
    with MqttClient(broker.port, ANSWERS) as plant:
        assert ask(plant, text="Tell me about tea.", transaction="k")["state"] == "done"
    assert not daemon.ended()


class AnswerRequester:
    """Keeps some requests waiting for the model, and counts how each was answered."""

    def __init__(self, client: MqttClient) -> None:
        self._client = client
        self._sent = 0
        self.answers: dict[str, list[str]] = {}

    def keep_waiting(self, number: int) -> None:
        self._listen()
        while self._sent - len(self.answers) < number:
            self._sent += 1
            wish = {"text": f"Tell me about {self._sent}.", "transaction": f"r{self._sent}"}
            self._client.publish(f"{HALL}/request/answer", json.dumps(wish))

    def all_answered(self) -> bool:
        self._listen()
        return len(self.answers) == self._sent

    def _listen(self) -> None:
        while not self._client.heard.empty():
            answer = json.loads(self._client.heard.get().payload)
            if answer["state"] == "failed":
                assert "died" in answer["message"], answer
            if answer["state"] != "queued":
                self.answers.setdefault(answer["transaction"], []).append(answer["state"])


class Speaker(threading.Thread):
    """Says one sentence again and again, until told to stop."""

    def __init__(self, microphone: VirtualMicrophone) -> None:
        super().__init__(daemon=True)
        self._microphone = microphone
        self.stopping = threading.Event()
        self.said = 0

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Comes back when the sentence that is being said is over."""
        self.stopping.set()
        self.join()

    def run(self) -> None:
        while not self.stopping.wait(1.5):  # a pause, so that it is one sentence after the other
            self._microphone.play(SAMPLES / "kitchen_light.flac")
            self.said += 1


@pytest.fixture(scope="module")
def microphone(tmp_path_factory: pytest.TempPathFactory) -> Iterator[VirtualMicrophone]:
    with virtual_microphone(tmp_path_factory.mktemp("place")) as opened:
        yield opened


@pytest.fixture(scope="module")
def hall(
    tmp_path_factory: pytest.TempPathFactory,
    models_directory: Path,
    broker: Mosquitto,
    microphone: VirtualMicrophone,
) -> Iterator[DaemonProcess]:
    """An appliance that hears all the time."""
    with DaemonProcess(
        tmp_path_factory.mktemp("hall"),
        models_directory,
        device={"name": "hall", "threads": BUDGET},
        mqtt={"host": "127.0.0.1", "port": broker.port},
        listening={"trigger": "always"},
        language_model={"enabled": True, "maximum_tokens": 24},
    ) as daemon:
        daemon.environment = microphone.environment
        daemon.start()
        until(microphone.listeners, "nobody listens to the microphone", 30)
        yield daemon


class ThreadStateSampler(threading.Thread):
    """Looks again and again which threads of the appliance and of its model want a core."""

    def __init__(self, appliance: int, model: int) -> None:
        super().__init__(daemon=True)
        self._appliance = appliance
        self._model = model
        self._stopping = threading.Event()
        self._looks: list[tuple[set[str], list[str]]] = []
        """The threads of the appliance that want a core, and the states of the model's."""

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopping.set()
        self.join()

    def run(self) -> None:
        while not self._stopping.wait(0.01):
            running = {thread for thread, state in states(self._appliance) if state == "R"}
            self._looks.append((running, [state for _, state in states(self._model)]))

    def threads_of_the_model(self) -> int:
        """That wanted a core at once, but for a tenth of all looks."""
        counts = sorted(model.count("R") for _, model in self._looks)
        return counts[len(counts) * 9 // 10]

    def both_at_once(self) -> float:
        """Of the time in which speech is being recognised, the part in which the model runs.

        It is recognised by the thread that works most while the model stands still.
        """
        still = Counter(one for running, model in self._looks if "T" in model for one in running)
        recognises = still.most_common(1)[0][0]
        models = [model for running, model in self._looks if recognises in running]
        assert len(models) >= FEWEST_LOOKS
        return sum("R" in model for model in models) / len(models)


def states(process: int) -> Iterator[tuple[str, str]]:
    """Of each thread."""
    for task in Path(f"/proc/{process}/task").glob("*/stat"):
        with contextlib.suppress(OSError):  # it has ended meanwhile
            stat = task.read_text("ascii", "replace").rpartition(")")[2].split()
            yield task.parent.name, stat[0]


FEWEST_LOOKS = 10
"""At speech being recognised, for a share of them to mean anything."""

STORIES = 6
"""One alone may be over before the sentence is said."""


def stands_still(process: int) -> bool:
    return psutil.Process(process).status() == psutil.STATUS_STOPPED


def test_what_is_written_stands_still_as_soon_as_somebody_speaks_and_then_goes_on(
    hall: DaemonProcess, microphone: VirtualMicrophone, broker: Mosquitto
) -> None:
    process = until(lambda: model_process(hall), "there is no model", 60)
    with (
        MqttClient(broker.port, f"{HALL}/response/#") as plant,
        MqttClient(broker.port, f"{HALL}/intent/HassTurnOn") as lamp,
    ):
        for number in range(STORIES):
            wish = {"text": f"Tell me story {number}.", "maximum_tokens": 900}
            plant.publish(f"{HALL}/request/answer", json.dumps(wish))
        assert hall.process is not None
        with ThreadStateSampler(hall.process.pid, process) as watcher:
            with Speaker(microphone) as speaker:
                until(lambda: stands_still(process), "it was not paused", 20)
                assert lamp.heard.empty()  # while the sentence was still being spoken
                until(lambda: speaker.said, "nothing was said", 20)
            for _ in range(speaker.said):
                lamp.next(seconds=30)
        # The engines share one budget of threads, and are never at work both at once
        assert watcher.threads_of_the_model() == BUDGET
        assert watcher.both_at_once() < 1 / 3
        assert [answered(plant)["state"] for _ in range(STORIES)] == ["done"] * STORIES
        assert model_process(hall) == process


@pytest.mark.long
@pytest.mark.timeout(90 + 12 * KILLS)
def test_kills_of_the_model_under_load_lose_no_request_and_miss_no_speech(
    hall: DaemonProcess, microphone: VirtualMicrophone, broker: Mosquitto
) -> None:
    chance = random.Random(7)  # noqa: S311 - of moments, not of secrets
    with (
        MqttClient(broker.port, f"{HALL}/response/#") as plant,
        MqttClient(broker.port, f"{HALL}/result") as lamp,
    ):
        requester, killed = AnswerRequester(plant), 0
        # When the process is killed again and again, with somebody speaking and two who ask
        with Speaker(microphone) as speaker:
            while killed < KILLS or not speaker.said:
                process = until(lambda: model_process(hall), "the model did not come back", 60)
                in_good_time = time.monotonic() + chance.uniform(0.2, 2.5)
                while time.monotonic() < in_good_time:
                    requester.keep_waiting(2)
                    time.sleep(0.02)
                with contextlib.suppress(ProcessLookupError):
                    os.kill(process, signal.SIGKILL)
                    killed += 1
        # Then each request has one answer, and each sentence that was said is one intent
        until(requester.all_answered, "not every request was answered", 90)
        heard = spoken(lamp, speaker.said)
        states = [state for answers in requester.answers.values() for state in answers]
        assert len(states) == len(requester.answers)
        assert heard == ["HassTurnOn"] * speaker.said
        # One is at work at a time, and fails only if it is struck twice: the others are done.
        failed = states.count("failed")
        assert 2 * failed <= killed, Counter(states)
        assert states.count("done") == len(states) - failed > 0, Counter(states)
        print(f"killed {killed}, said {speaker.said}, answers {Counter(states)}")
        assert not hall.ended()


def spoken(lamp: MqttClient, number: int) -> list[str | None]:
    """The intents of what was said, `number` of them at least."""
    found: list[str | None] = []
    while len(found) < number or not lamp.silent(1.0):
        result = json.loads(lamp.next(seconds=30).payload)
        if result["source"] == "speech":
            found.append(result["intent"] and result["intent"]["name"])
    return found
