"""The process is killed at every step between request and answer; no request is lost."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from support.mosquitto import Mosquitto
from support.mqtt_client import MqttClient
from support.mqtt_stack import ROOT, MqttStack, answer, settings
from support.waiting import TIMEOUT_S, until

HERE = Path(__file__).parents[1]

DAEMON = """
import os, sys, time
from pathlib import Path
from support.mqtt_stack import MqttStack, settings
directory, port, step = Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
stack = MqttStack(settings(directory, port))
target, name, when = {
    "before it is accepted": (stack.journal, "accept", "before"),
    "after it is accepted": (stack.journal, "accept", "after"),
    "after it is acknowledged": (stack.link, "acknowledge", "after"),
    "before the attempt is counted": (stack.journal, "record_attempt", "before"),
    "after the attempt is counted": (stack.journal, "record_attempt", "after"),
    "before the result is on disk": (stack.journal, "commit", "before"),
    "after the result is on disk": (stack.journal, "commit", "after"),
    "after the result is published": (stack.link, "send", "after"),
    "before it leaves the disk": (stack.journal, "remove_delivered", "before"),
    "after it left the disk": (stack.journal, "remove_delivered", "after"),
    "never": (stack.journal, "close", "before"),
}[step]
true = getattr(target, name)
def deadly(*words, **more):
    if name == "send" and words[0].topic.endswith("/status"):
        return true(*words, **more)
    if when == "before":
        os._exit(9)
    true(*words, **more)
    os._exit(9)
setattr(target, name, deadly)
stack.loop.start()
while True:
    time.sleep(1)
"""

STEPS = (
    "before it is accepted",
    "after it is accepted",
    "after it is acknowledged",
    "before the attempt is counted",
    "after the attempt is counted",
    "before the result is on disk",
    "after the result is on disk",
    "after the result is published",
    "before it leaves the disk",
    "after it left the disk",
)


def _daemon(directory: Path, port: int, step: str) -> subprocess.Popen[bytes]:
    path = os.pathsep.join((str(HERE), str(HERE.parent)))
    words = [sys.executable, "-c", DAEMON, str(directory), str(port), step]
    return subprocess.Popen(words, env={**os.environ, "PYTHONPATH": path})


@pytest.mark.parametrize("step", STEPS)
def test_a_request_is_answered_after_the_process_was_killed(tmp_path: Path, step: str) -> None:
    with (
        Mosquitto(tmp_path / "broker", persistent=True) as broker,
        MqttClient(broker.port, "home/answers") as asker,
    ):
        with MqttStack(settings(tmp_path, broker.port)) as stack:
            until(lambda: stack.mqtt.health().subscribed, "no subscription")
        doomed = _daemon(tmp_path, broker.port, step)
        asker.publish(
            f"{ROOT}/request/parse", "hello", ResponseTopic="home/answers", CorrelationData=b"1"
        )
        assert doomed.wait(TIMEOUT_S) == 9
        with MqttStack(settings(tmp_path, broker.port)) as stack:
            for request in stack.journal.waiting():
                stack.work(request)
            while (told := answer(asker.next("home/answers").payload))["state"] == "queued":
                pass  # the broker sent it again while it waited
            assert (told["state"], told["result"]["text"]) == ("done", "HELLO")
            until(lambda: stack.journal.counts.outbox.rows == 0, "the outbox did not empty")
            assert stack.journal.counts.inbox.rows == 0


def test_the_last_will_publishes_offline_when_the_process_is_killed(tmp_path: Path) -> None:
    with (
        Mosquitto(tmp_path / "broker") as broker,
        MqttClient(broker.port, f"{ROOT}/status") as reader,
    ):
        daemon = _daemon(tmp_path, broker.port, "never")
        assert reader.next().payload == b"online"
        daemon.kill()
        daemon.wait(TIMEOUT_S)
        assert reader.next().payload == b"offline"
        with MqttClient(broker.port, f"{ROOT}/status") as newcomer:
            assert newcomer.next().retain
