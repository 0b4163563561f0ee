"""An operator starts, stops, reloads and misconfigures the appliance."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
from pathlib import Path

import pytest
from support.daemon_process import DaemonProcess
from support.mosquitto import Mosquitto
from support.mqtt_client import MqttClient
from support.waiting import until

ROOT = "appliance/kitchen"


def with_sentences(folder: Path, sentence: str) -> str:
    """A folder of sentences with one intent, Tea."""
    (folder / "en").mkdir(parents=True, exist_ok=True)
    (folder / "en" / "tea.yaml").write_text(
        f"language: en\nintents: {{Tea: {{data: [{{sentences: ['{sentence}']}}]}}}}\n"
    )
    return str(folder)


def parse(client: MqttClient, text: str) -> str:
    client.publish(f"{ROOT}/request/parse", text)
    while True:
        answer = json.loads(client.next(f"{ROOT}/response/parse").payload)
        if answer["state"] != "queued":
            return str(answer["result"]["outcome"])


def test_sighup_takes_over_new_sentences_and_keeps_the_old_ones_when_the_new_are_wrong(
    tmp_path: Path, models_directory: Path
) -> None:
    folder = tmp_path / "sentences"
    with (
        Mosquitto(tmp_path / "broker") as broker,
        MqttClient(broker.port, f"{ROOT}/response/#") as plant,
        DaemonProcess(
            tmp_path,
            models_directory,
            mqtt={"host": "127.0.0.1", "port": broker.port},
            sentences={"folder": with_sentences(folder, "make some tea"), "included": False},
        ) as daemon,
    ):
        daemon.start()
        assert parse(plant, "make some tea") == "intent"
        # When the sentences change
        with_sentences(folder, "brew me a pot")
        daemon.write(telemetry={"every_s": 2.0}, requests={"maximum_waiting": 7})
        daemon.signal(signal.SIGHUP)
        until(lambda: "reloaded: 1 intents" in daemon.said(), daemon.said())
        # Then the new ones apply, and what needs a restart is logged
        assert parse(plant, "brew me a pot") == "intent"
        assert parse(plant, "make some tea") == "not_understood"
        assert "changed, but needs a restart: requests.maximum_waiting" in daemon.said()
        assert daemon.notified("RELOADING=1")
        # When a file is broken
        with_sentences(folder, "brew (me a pot")
        daemon.signal(signal.SIGHUP)
        until(lambda: "not reloaded" in daemon.said(), daemon.said())
        # Then the old ones stay, and the mistake is named
        assert "tea.yaml:2" in daemon.said()
        assert parse(plant, "brew me a pot") == "intent"
        # When the configuration is broken
        daemon.write(log={"level": "loud"})
        daemon.signal(signal.SIGHUP)
        until(lambda: "log.level" in daemon.said(), daemon.said())
        assert parse(plant, "brew me a pot") == "intent"


def test_what_was_said_is_in_the_log_only_at_debug_level(
    tmp_path: Path, models_directory: Path
) -> None:
    with (
        Mosquitto(tmp_path / "broker") as broker,
        MqttClient(broker.port, f"{ROOT}/response/#") as plant,
        DaemonProcess(
            tmp_path, models_directory, mqtt={"host": "127.0.0.1", "port": broker.port}
        ) as daemon,
    ):
        daemon.start()
        parse(plant, "the secret is seven")
        until(lambda: "answered parse request" in daemon.said(), daemon.said())
        assert "secret" not in daemon.said()
        daemon.write(log={"level": "debug"})
        daemon.signal(signal.SIGHUP)
        until(lambda: "reloaded" in daemon.said(), daemon.said())
        parse(plant, "the secret is seven")
        until(lambda: "the secret is seven" in daemon.said(), daemon.said())


def test_systemd_is_notified_of_the_start_of_life_signs_and_of_the_stop(
    tmp_path: Path, models_directory: Path, free_port: int
) -> None:
    with DaemonProcess(tmp_path, models_directory, mqtt={"embedded_port": free_port}) as daemon:
        daemon.environment["WATCHDOG_USEC"] = "1000000"
        daemon.start()
        until(lambda: daemon.notified("WATCHDOG=1"), "no sign of life")
        status, seconds = daemon.stop()
        assert (status, seconds < 5.0) == (0, True)
        assert daemon.notified("STOPPING=1")


def test_ctrl_c_stops_it_as_well(tmp_path: Path, models_directory: Path, free_port: int) -> None:
    with DaemonProcess(tmp_path, models_directory, mqtt={"embedded_port": free_port}) as daemon:
        daemon.start()
        daemon.signal(signal.SIGINT)
        assert daemon.status() == 0
        assert "Traceback" not in daemon.said()


def test_a_stop_during_the_start_is_obeyed(
    tmp_path: Path, models_directory: Path, free_port: int
) -> None:
    with DaemonProcess(tmp_path, models_directory, mqtt={"embedded_port": free_port}) as daemon:
        daemon.start(ready=False)
        until(lambda: "an embedded one listens on" in daemon.said(), daemon.said())
        status, seconds = daemon.stop()
        assert (status, seconds < 5.0) == (0, True)


def test_the_death_of_a_part_ends_the_process_with_status_1(
    tmp_path: Path, models_directory: Path, free_port: int
) -> None:
    import psutil  # noqa: PLC0415

    with DaemonProcess(tmp_path, models_directory, mqtt={"embedded_port": free_port}) as daemon:
        daemon.start()
        assert daemon.process is not None
        for child in psutil.Process(daemon.process.pid).children():
            child.kill()  # the embedded broker: without it nothing can be delivered
        assert daemon.status() == 1
        assert "broker" in daemon.said()


def test_a_second_appliance_with_the_same_state_is_refused(
    tmp_path: Path, models_directory: Path, free_port: int
) -> None:
    with DaemonProcess(tmp_path, models_directory, mqtt={"embedded_port": free_port}) as daemon:
        daemon.start()
        assert daemon.process is not None
        second = daemon.command("run")
        assert second.returncode == 69
        assert f"another appliance (pid {daemon.process.pid}) uses {daemon.state}" in second.stderr
        assert not daemon.ended()


def test_a_port_in_use_is_said_with_what_to_do(tmp_path: Path, models_directory: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with DaemonProcess(tmp_path, models_directory, mqtt={"embedded_port": port}) as daemon:
            ended = daemon.command("run")
    assert ended.returncode == 69
    assert f"port {port} is in use" in ended.stderr
    assert "mqtt.embedded_port" in ended.stderr


@pytest.mark.parametrize(
    ("section", "keys", "said"),
    [
        ("mqtt", {"hots": "broker"}, "did you mean mqtt.host"),
        ("mqtt", {"port": "1883"}, "mqtt.port: expected `int`"),
        ("listening", {"speech_threshold": 7.0}, "listening.speech_threshold"),
        ("mqqt", {"host": "broker"}, "mqqt: there is no such key"),
        ("mqtt", {"password_file": "/p"}, "mqtt.username: required with"),
    ],
)
def test_a_wrong_configuration_ends_with_status_78_and_is_explained(
    tmp_path: Path, models_directory: Path, section: str, keys: dict[str, object], said: str
) -> None:
    with DaemonProcess(tmp_path, models_directory, **{section: keys}) as daemon:
        ended = daemon.command("run")
    assert ended.returncode == 78
    assert said in ended.stderr
    assert str(daemon.config) in ended.stderr


def test_a_missing_model_is_said_with_the_command_that_brings_it(
    tmp_path: Path, free_port: int
) -> None:
    with DaemonProcess(tmp_path, tmp_path / "none", mqtt={"embedded_port": free_port}) as daemon:
        ended = daemon.command("run")
    assert ended.returncode == 69
    assert "run: appliance models pull whisper-tiny.en" in ended.stderr


@pytest.mark.parametrize("harm", ["truncated", "tampered"])
def test_a_model_that_is_not_the_published_one_is_refused(
    tmp_path: Path, models_directory: Path, harm: str
) -> None:
    models = tmp_path / "models"
    shutil.copytree(models_directory / "whisper-tiny.en", models / "whisper-tiny.en")
    path = models / "whisper-tiny.en" / "model.bin"
    with path.open("r+b") as file:
        if harm == "truncated":
            file.truncate(1_000_000)
        else:
            file.seek(1_000_000)
            file.write(b"tampered")
    with DaemonProcess(tmp_path, models) as daemon:
        ended = daemon.command("run")
    assert ended.returncode == 1
    assert "model.bin" in ended.stderr
    assert "run: appliance models pull whisper-tiny.en" in ended.stderr


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can mount a small file system")
@pytest.mark.parametrize("kind", ["read-only", "full"])
def test_a_state_directory_that_cannot_be_written_is_said(
    tmp_path: Path, models_directory: Path, free_port: int, kind: str
) -> None:
    state = tmp_path / "state"
    state.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", str(state)]
    if subprocess.run(mount, check=False, capture_output=True).returncode != 0:
        pytest.skip("this machine does not let root mount")
    try:
        if kind == "full":
            (state / "filler").write_bytes(bytes(256 * 1024))
        else:
            subprocess.run(["mount", "-o", "remount,ro", str(state)], check=True)
        with DaemonProcess(tmp_path, models_directory, mqtt={"embedded_port": free_port}) as daemon:
            ended = daemon.command("run")
        assert ended.returncode in (1, 69)
        assert str(state) in ended.stderr
        assert "Traceback" not in ended.stderr
    finally:
        subprocess.run(["umount", str(state)], check=True)


def test_ask_and_listen_give_the_same_result_as_the_daemon(
    tmp_path: Path, models_directory: Path
) -> None:
    from support.daemon_process import SAMPLES  # noqa: PLC0415

    with DaemonProcess(tmp_path, models_directory) as daemon:
        asked = daemon.command("ask", "--json", "stop machine three")
        listened = daemon.command("listen", "--json", str(SAMPLES / "machine_fast.flac"))
    assert (asked.returncode, listened.returncode) == (0, 0), asked.stderr + listened.stderr
    said, heard = json.loads(asked.stdout), json.loads(listened.stdout)
    assert said["intent"]["slots"] == heard["intent"]["slots"] == {"machine": 3}
    assert heard["timings_ms"]["total_after_speech"] > 0


def test_listen_names_what_it_cannot_decode_and_does_the_rest(
    tmp_path: Path, models_directory: Path
) -> None:
    from support.daemon_process import SAMPLES  # noqa: PLC0415

    broken = tmp_path / "broken.wav"
    broken.write_bytes(b"no sound")
    with DaemonProcess(tmp_path, models_directory) as daemon:
        ended = daemon.command("listen", str(broken), str(SAMPLES / "time_other_voice.flac"))
    assert ended.returncode == 1
    assert str(broken) in ended.stderr
    assert "HassGetCurrentTime" in ended.stdout
