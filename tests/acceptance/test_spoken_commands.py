"""Somebody speaks, and a message is on MQTT."""

from __future__ import annotations

import contextlib
import json
from dataclasses import dataclass
from pathlib import Path

import pytest
from support.daemon_process import SAMPLES, DaemonProcess
from support.free_port import free_port
from support.mosquitto import Mosquitto
from support.mqtt_client import MqttClient
from support.virtual_microphone import virtual_microphone
from support.waiting import until

ROOT = "appliance/kitchen"


def test_a_spoken_sentence_becomes_a_message_on_the_topic_of_its_intent(
    tmp_path: Path, models_directory: Path
) -> None:
    # Given a microphone, a broker, and a lamp that subscribes to its intent
    with (
        Mosquitto(tmp_path / "broker") as broker,
        virtual_microphone(tmp_path) as microphone,
        MqttClient(broker.port, f"{ROOT}/intent/HassTurnOn", f"{ROOT}/result") as lamp,
        DaemonProcess(
            tmp_path,
            models_directory,
            mqtt={"host": "127.0.0.1", "port": broker.port},
            listening={"trigger": "always"},
        ) as daemon,
    ):
        daemon.environment = microphone.environment
        daemon.start()
        # When somebody says a sentence in the room
        microphone.play(SAMPLES / "kitchen_light.flac")
        # Then the lamp hears of it, once, with the room that was named
        heard = lamp.next(f"{ROOT}/intent/HassTurnOn", 30)
        result = json.loads(heard.payload)
        assert result["intent"]["slots"] == {"area": "kitchen", "domain": "light"}
        assert result["outcome"] == "intent"
        assert result["trigger"] == "always"
        assert result["timings_ms"]["total_after_speech"] > 0
        # And the log tells the owner of the job, but not what was said
        assert "answered speech" in daemon.said()
        assert "kitchen light" not in daemon.said().lower()
        # And nothing is left on disk once the broker has acknowledged it
        until(lambda: waiting_on_disk(daemon.state) == 0, "the outbox is not empty")


@dataclass(frozen=True)
class FinishedDemo:
    """A trial that is over."""

    status: int
    said: str


TEA = "language: en\nintents: {Tea: {data: [{sentences: ['make some tea']}]}}\n"
"""A sentence file under which most samples mean nothing."""


@pytest.fixture(scope="module")
def trials(
    tmp_path_factory: pytest.TempPathFactory, models_directory: Path
) -> dict[str, FinishedDemo]:
    """`run --once` with the starter sentences and with others, side by side: it plays real time."""
    with contextlib.ExitStack() as both:
        daemons = {}
        for name in ("starter", "tea"):
            folder = tmp_path_factory.mktemp(name)
            daemons[name] = both.enter_context(DaemonProcess(folder, models_directory))
            daemons[name].write(
                mqtt={"embedded_port": free_port()}, listening={"trigger": "always"}
            )
        sentences = daemons["tea"].folder / "sentences"
        (sentences / "en").mkdir(parents=True)
        (sentences / "en/one.yaml").write_text(TEA)
        daemons["tea"].write(sentences={"folder": str(sentences), "included": False})
        for daemon in daemons.values():
            daemon.start("--once", ready=False)
        return {
            name: FinishedDemo(daemon.status(120), daemon.said())
            for name, daemon in daemons.items()
        }


@pytest.mark.long
def test_the_demo_plays_the_samples_and_ends_with_status_0_if_each_is_understood(
    trials: dict[str, FinishedDemo],
) -> None:
    trial = trials["starter"]
    assert trial.status == 0, trial.said
    assert "8 of 8 samples gave what was expected" in trial.said
    assert f"on {ROOT}/intent/HassTurnOn, " in trial.said
    assert "no connection" not in trial.said


def test_the_demo_ends_with_status_1_if_a_sample_is_not_understood_as_expected(
    trials: dict[str, FinishedDemo],
) -> None:
    trial = trials["tea"]
    assert trial.status == 1, trial.said
    assert "2 of 8 samples gave what was expected" in trial.said
    assert "not as expected: kitchen_light.flac" in trial.said


def test_what_is_said_while_the_broker_is_away_arrives_when_it_returns(
    tmp_path: Path, models_directory: Path
) -> None:
    broker = Mosquitto(tmp_path / "broker")
    with DaemonProcess(
        tmp_path,
        models_directory,
        mqtt={"host": "127.0.0.1", "port": broker.port},
        listening={"trigger": "always"},
    ) as daemon:
        # Given a broker that is not there, and a sentence that has been understood
        daemon.environment["PULSE_SERVER"] = "unix:/nowhere"
        daemon.start("--trial")
        until(lambda: "answered speech" in daemon.said(), "nothing was heard", 60)
        # When the appliance is stopped and restarted, and the broker comes
        assert daemon.stop()[0] == 0
        assert waiting_on_disk(daemon.state) >= 2
        with broker, MqttClient(broker.port, f"{ROOT}/intent/#") as lamp:
            daemon.start()
            # Then the message comes
            heard = lamp.next(seconds=60)
            assert heard.topic == f"{ROOT}/intent/HassTurnOn"


def waiting_on_disk(state: Path) -> int:
    import sqlite3  # noqa: PLC0415

    with sqlite3.connect(f"file:{state}/journal.db?mode=ro", uri=True) as database:
        count: int = database.execute("SELECT count(*) FROM outbox").fetchone()[0]
    database.close()
    return count
