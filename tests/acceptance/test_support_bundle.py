"""What an owner hands to somebody who helps: enough to help, and nothing that is private."""

from __future__ import annotations

import json
import tarfile
from pathlib import Path

from support.daemon_process import DaemonProcess
from support.mosquitto import Mosquitto
from support.mqtt_client import MqttClient

PASSWORD = 'a "secret" word'  # noqa: S105 - of a broker that lives for this test
SENTENCE = "stop machine three"
DIARY = "my secret diary entry"


def read(archive: Path) -> dict[str, str]:
    with tarfile.open(archive) as opened:
        return {
            Path(member.name).name: opened.extractfile(member).read().decode()  # type: ignore[union-attr]
            for member in opened.getmembers()
        }


def live(daemon: DaemonProcess, plant: MqttClient) -> None:
    """It was killed once, has heard a sentence, and could not do what was asked in private."""
    daemon.start().kill()
    daemon.start()
    plant.publish("appliance/kitchen/request/parse", SENTENCE)
    plant.next("appliance/kitchen/response/parse")
    order = {"text": DIARY, "schema": {"type": DIARY}}
    plant.publish("appliance/kitchen/request/answer", json.dumps(order))
    answer = plant.next("appliance/kitchen/response/answer", 60.0).payload.decode()
    assert f"not a JSON Schema: schema.type: '{DIARY}'" in answer


def test_a_bundle_has_what_helps_and_neither_secrets_nor_speech(
    tmp_path: Path, models_directory: Path
) -> None:
    (tmp_path / "password").write_text(PASSWORD)
    programs = tmp_path / "programs"
    programs.mkdir()
    (programs / "journalctl").write_text(
        f"#!/bin/sh\necho \"$@\"\necho 'the broker refuses voice-login with {PASSWORD}'\n"
        f"grep -v debug: '{tmp_path}/log'\n"  # as the journal has it from `info` on
    )
    (programs / "journalctl").chmod(0o755)
    with (
        Mosquitto(tmp_path / "broker", users={"voice-login": PASSWORD}) as broker,
        MqttClient(
            broker.port, "appliance/kitchen/#", username="voice-login", password=PASSWORD
        ) as plant,
        DaemonProcess(
            tmp_path,
            models_directory,
            log={"level": "debug"},
            language_model={"enabled": True, "load": "demand"},
            mqtt={
                "host": "127.0.0.1",
                "port": broker.port,
                "username": "voice-login",
                "password_file": str(tmp_path / "password"),
            },
        ) as daemon,
    ):
        daemon.environment["PATH"] = f"{programs}:{daemon.environment['PATH']}"
        live(daemon, plant)
        # When its owner makes a bundle
        made = daemon.command("support-bundle", "--output", str(tmp_path / "bundle.tar.gz"))
        assert made.returncode == 0, made.stderr
        again = daemon.command("support-bundle", "--output", str(tmp_path / "bundle.tar.gz"))
        assert again.returncode == 1
        assert "cannot be written: File exists" in again.stderr
        checked = daemon.command("check").stdout
    # Then it has versions, configuration, check, board, faults, the names of files, and the log
    files = read(tmp_path / "bundle.tar.gz")
    assert set(files) == {
        "versions.json",
        "config.json",
        "check.json",
        "check-offline.json",
        "board.json",
        "faults.jsonl",
        "files.txt",
        "log.txt",
    }
    assert json.loads(files["config.json"])["mqtt"]["username"] == "(hidden)"
    assert any(answer["question"] == "broker" for answer in json.loads(files["check.json"]))
    assert "it was killed or crashed" in files["faults.jsonl"]
    assert "journal.db" in files["files.txt"]
    assert "the broker refuses (hidden) with (hidden)" in files["log.txt"]
    assert "--priority=info" in files["log.txt"]
    # And no secret, and nothing that was said
    for name, text in files.items():
        assert "voice-login" not in text, name
        assert PASSWORD not in text, name
        assert SENTENCE not in text.lower(), name
        assert DIARY not in text, name
    assert "failed (not a JSON Schema), " in files["log.txt"]
    assert (tmp_path / "bundle.tar.gz").stat().st_mode & 0o777 == 0o600
    # And `check` points at the fault
    assert "1 since boot; the last: the previous run did not stop" in checked


def test_a_bundle_of_a_wrong_configuration_says_what_is_wrong_and_not_what_it_holds(
    tmp_path: Path,
) -> None:
    with DaemonProcess(tmp_path, tmp_path) as daemon:
        daemon.config.write_text('[mqtt]\npassword = "secret"\n')
        made = daemon.command("support-bundle", "--output", str(tmp_path))  # a folder does, too
    assert made.returncode == 0, made.stderr
    (bundle,) = tmp_path.glob("appliance-support-*.tar.gz")
    files = read(bundle)
    assert set(files) == {"versions.json", "config-problems.txt"}
    assert "mqtt.password: there is no such key" in files["config-problems.txt"]
    assert "secret" not in files["config-problems.txt"].replace("password_file", "")
