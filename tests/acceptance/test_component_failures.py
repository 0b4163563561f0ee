"""A part that dies, starts late, or takes too long; sound that arrives at its own pace."""

from __future__ import annotations

import json
import subprocess
import sys
import wave
from pathlib import Path

import numpy as np
import pytest
from support.daemon_process import REPOSITORY, SAMPLES, DaemonProcess
from support.mosquitto import Mosquitto
from support.mqtt_client import MqttClient
from support.waiting import until

ROOT = "appliance/kitchen"

BROKEN = """
import sys
from appliance.{module} import {name}
def broken(self):
    raise RuntimeError("this part is broken")
{name}.turn = broken
from appliance.cli import main
sys.exit(main(sys.argv[1:]))
"""

HELD = """
import sys, time
from pathlib import Path
from appliance.engines.whisper.model import Whisper
load = Whisper.warm_up
def held(self, language):
    while not Path(sys.argv[-1]).exists():
        time.sleep(0.05)
    load(self, language)
Whisper.warm_up = held
from appliance.cli import main
sys.exit(main(sys.argv[1:-1]))
"""


@pytest.mark.parametrize(
    ("module", "name", "thread"),
    [
        ("listening.listener", "Listener", "listener"),
        ("pipeline.worker", "Worker", "worker"),
        ("requests.mqtt_thread", "MqttService", "MQTT thread"),
    ],
)
def test_a_part_that_crashes_ends_the_process_with_status_1(
    tmp_path: Path, models_directory: Path, free_port: int, module: str, name: str, thread: str
) -> None:
    with DaemonProcess(tmp_path, models_directory, mqtt={"embedded_port": free_port}) as daemon:
        daemon.write(listening={"trigger": "always"})
        program = BROKEN.format(module=module, name=name)
        ended = subprocess.run(
            [sys.executable, "-c", program, "run", "--trial", "--config", str(daemon.config)],
            cwd=REPOSITORY,
            env={**daemon.environment, "PULSE_SERVER": "unix:/nowhere"},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
    assert ended.returncode == 1
    assert f"the {thread} stopped working: this part is broken" in ended.stderr


def test_ready_is_said_only_when_the_models_are_loaded(
    tmp_path: Path, models_directory: Path, free_port: int
) -> None:
    with DaemonProcess(tmp_path, models_directory, mqtt={"embedded_port": free_port}) as daemon:
        go = tmp_path / "go"
        daemon.start(ready=False, program=HELD, last_word=str(go))
        until(lambda: "connected to the broker" in daemon.said(), daemon.said())
        assert not daemon.notified("READY=1")
        go.touch()
        until(lambda: daemon.notified("READY=1"), daemon.said(), 30)


def test_a_stop_in_the_middle_of_a_long_transcription_is_quick_and_loses_nothing(
    tmp_path: Path, models_directory: Path
) -> None:
    # Given an appliance that transcribes for longer than a stop may take
    with (
        Mosquitto(tmp_path / "broker") as broker,
        MqttClient(broker.port, f"{ROOT}/response/#", f"{ROOT}/status") as plant,
        MqttClient(broker.port, f"{ROOT}/state") as looker,
        DaemonProcess(
            tmp_path, models_directory, mqtt={"host": "127.0.0.1", "port": broker.port}
        ) as daemon,
    ):
        daemon.start()
        sound = tmp_path / "long.wav"
        last_for(sound, 60.0)
        plant.publish(f"{ROOT}/request/transcribe", sound.read_bytes(), CorrelationData=b"long")
        while json.loads(looker.next().payload)["activity"] != "thinking":
            pass
        # When it is stopped
        status, seconds = daemon.stop()
        assert (status, seconds < 5.0) == (0, True), daemon.said()
        statuses = []
        while not plant.heard.empty():
            heard = plant.heard.get()
            assert not heard.topic.endswith("transcribe"), heard.payload
            statuses.append(heard.payload)
        assert statuses[-1] == b"stopped"
        # Then the request is done after the next start, and it is not held against it
        daemon.start()
        answer = json.loads(plant.next(f"{ROOT}/response/transcribe", 90).payload)
        assert (answer["state"], answer["transaction"]) == ("done", "long")


def test_what_others_publish_among_the_results_does_not_end_a_trial(
    tmp_path: Path, models_directory: Path
) -> None:
    with (
        Mosquitto(tmp_path / "broker") as broker,
        MqttClient(broker.port) as stranger,
        DaemonProcess(
            tmp_path, models_directory, mqtt={"host": "127.0.0.1", "port": broker.port}
        ) as daemon,
    ):
        daemon.start("--trial")
        for payload in (b"hello", b"{}", b"\xff"):
            stranger.publish(f"{ROOT}/result", payload)
        until(lambda: daemon.said().count("it is not a result") == 3, daemon.said())
        assert not daemon.ended()


def test_a_trial_sees_what_is_published_on_a_broker_with_a_login(
    tmp_path: Path, models_directory: Path
) -> None:
    secret = tmp_path / "secret"
    secret.write_text("open sesame\n")
    with (
        Mosquitto(tmp_path / "broker", users={"voice": "open sesame"}) as broker,
        DaemonProcess(
            tmp_path,
            models_directory,
            mqtt={
                "host": "127.0.0.1",
                "port": broker.port,
                "username": "voice",
                "password_file": str(secret),
            },
            listening={"trigger": "always"},
        ) as daemon,
    ):
        daemon.environment["PULSE_SERVER"] = "unix:/nowhere"
        daemon.start("--trial")
        until(lambda: f"on {ROOT}/intent/HassTurnOn" in daemon.said(), daemon.said(), 30)
        assert "open sesame" not in daemon.said()


def test_changed_sentences_are_in_force_without_a_signal(
    tmp_path: Path, models_directory: Path
) -> None:
    folder = tmp_path / "sentences"
    with_tea(folder, "make some tea")
    with (
        Mosquitto(tmp_path / "broker") as broker,
        MqttClient(broker.port, f"{ROOT}/response/#") as plant,
        DaemonProcess(
            tmp_path,
            models_directory,
            mqtt={"host": "127.0.0.1", "port": broker.port},
            sentences={"folder": str(folder), "included": False},
        ) as daemon,
    ):
        daemon.start()
        with_tea(folder, "brew me a pot")
        until(lambda: "the sentences have changed: 1 intents" in daemon.said(), daemon.said(), 20)
        assert outcome(plant, "brew me a pot") == "intent"
        with_tea(folder, "brew (me a pot")
        until(
            lambda: "cannot be used, the old ones stay active" in daemon.said(), daemon.said(), 20
        )
        assert "tea.yaml:2" in daemon.said()
        assert outcome(plant, "brew me a pot") == "intent"


def test_a_disk_that_is_full_for_a_while_costs_no_answer_and_no_room(
    tmp_path: Path, models_directory: Path
) -> None:
    import os  # noqa: PLC0415

    state = tmp_path / "state"
    state.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", str(state)]
    if os.geteuid() != 0 or subprocess.run(mount, check=False, capture_output=True).returncode:
        pytest.skip("only root can mount a small file system")
    try:
        with (
            Mosquitto(tmp_path / "broker") as broker,
            MqttClient(broker.port, f"{ROOT}/response/#") as plant,
            DaemonProcess(
                tmp_path, models_directory, mqtt={"host": "127.0.0.1", "port": broker.port}
            ) as daemon,
        ):
            daemon.start()
            sound = (SAMPLES / "weather_talk.flac").read_bytes()
            for number in range(3):
                plant.publish(f"{ROOT}/request/transcribe", sound, CorrelationData=b"%d" % number)
            until(lambda: waiting(state) == 3, "not all were accepted")
            with (state / "filler").open("wb", buffering=0) as filler:
                try:
                    while filler.write(bytes(4096)):
                        pass
                except OSError:
                    pass
            done: set[str] = set()
            while len(done) < 3:
                answer = json.loads(plant.next(seconds=60).payload)
                if answer["state"] == "done":
                    done.add(answer["transaction"])
            (state / "filler").unlink()
            until(lambda: waiting(state) == 0, "the answered requests still wait", 20)
            assert outcome(plant, "what time is it") == "intent"
    finally:
        subprocess.run(["umount", "-l", str(state)], check=False)


def waiting(state: Path) -> int:
    import sqlite3  # noqa: PLC0415

    database = sqlite3.connect(f"file:{state}/journal.db?mode=ro", uri=True)
    try:
        count: int = database.execute("SELECT count(*) FROM inbox").fetchone()[0]
    finally:
        database.close()
    return count


def with_tea(folder: Path, sentence: str) -> None:
    (folder / "en").mkdir(parents=True, exist_ok=True)
    (folder / "en" / "tea.yaml").write_text(
        f"language: en\nintents: {{Tea: {{data: [{{sentences: ['{sentence}']}}]}}}}\n"
    )


def outcome(client: MqttClient, text: str) -> str:
    client.publish(f"{ROOT}/request/parse", text)
    while True:
        answer = json.loads(client.next(f"{ROOT}/response/parse", 30).payload)
        if answer["state"] != "queued":
            return str(answer["result"]["outcome"])


def last_for(path: Path, seconds: float) -> None:
    """A recording in which somebody speaks all the time."""
    from appliance.audio.decode import decode  # noqa: PLC0415

    speech = decode(SAMPLES / "weather_talk.flac", maximum_seconds=60.0)
    samples = np.tile(speech, int(seconds * 16_000 / len(speech)))
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(16_000)
        file.writeframes((samples * 32767).astype("<i2").tobytes())
