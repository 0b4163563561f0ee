"""Signed bundles over MQTT: taken by a running appliance, and rolled back if it is not well."""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING, Any

import msgspec
import pytest
from support.daemon_process import DaemonProcess
from support.mosquitto import Mosquitto
from support.mqtt_client import MqttClient
from support.waiting import until

from appliance.fleet import signature
from appliance.fleet.bundle import Bundle, SignedBundle
from appliance.pushed_bundle import read_record

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

ROOT = "appliance/kitchen"
SENTENCES = "language: en\nintents: {OpenGate: {data: [{sentences: [open the gate]}]}}\n"


class Board:
    """A board, its broker and its operator."""

    def __init__(self, folder: Path, models: Path, broker: Mosquitto) -> None:
        self.keys = folder / "keys"
        self.keys.mkdir()
        signature.make_key(self.keys / "fleet.key", self.keys / "fleet.pub")
        self.daemon = DaemonProcess(
            folder,
            models,
            mqtt={
                "host": "127.0.0.1",
                "port": broker.port,
                "operations": ["parse", "apply"],
            },
            fleet={"public_key": str(self.keys / "fleet.pub"), "trial_s": 1.0},
        )

    @property
    def record(self) -> Any:
        return read_record(self.daemon.state)

    def signed(self, serial: int, key: str = "fleet.key", **files: str) -> SignedBundle:
        content = msgspec.json.encode(Bundle(serial=serial, made_at="", files=files))
        return SignedBundle(bundle=content, signature=signature.sign(content, self.keys / key))

    def restart(self) -> None:
        """As systemd does after status 75."""
        assert self.daemon.status() == 75
        self.daemon.start()


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Mosquitto]:
    with Mosquitto(tmp_path / "broker") as running:
        yield running


@pytest.fixture
def asker(broker: Mosquitto) -> Iterator[MqttClient]:
    with MqttClient(broker.port, "appliance-clients/#") as client:
        yield client


@pytest.fixture
def board(tmp_path: Path, models_directory: Path, broker: Mosquitto) -> Iterator[Board]:
    made = Board(tmp_path, models_directory, broker)
    with made.daemon as daemon:
        daemon.start()
        yield made


def apply(asker: MqttClient, signed: SignedBundle) -> dict[str, Any]:
    request = {
        "bundle": base64.b64encode(signed.bundle).decode(),
        "signature": base64.b64encode(signed.signature).decode(),
        "reply_to": "appliance-clients/operator",
    }
    asker.publish(f"{ROOT}/request/apply", json.dumps(request))
    answer: dict[str, Any] = json.loads(asker.next("appliance-clients/operator", 60).payload)
    return answer


def outcome(asker: MqttClient, text: str) -> str:
    asker.publish(f"{ROOT}/request/parse", text, ResponseTopic="appliance-clients/parse")
    answer = json.loads(asker.next("appliance-clients/parse", 30).payload)
    return str(answer["result"]["outcome"])


def test_a_signed_bundle_is_in_force_after_a_restart_and_stays_if_all_is_well(
    board: Board, asker: MqttClient
) -> None:
    assert outcome(asker, "open the gate") == "not_understood"
    answer = apply(asker, board.signed(1, **{"sentences/gate.yaml": SENTENCES}))
    assert (answer["state"], answer["data"]) == ("done", {"serial": 1, "state": "trial"})
    board.restart()
    assert outcome(asker, "open the gate") == "intent"
    until(lambda: board.record.state == "active", board.daemon.said(), 30)
    assert "sentences/gate.yaml" not in board.daemon.config.read_text()


def test_what_is_not_signed_by_the_key_is_changed_or_is_older_is_refused(
    board: Board, asker: MqttClient
) -> None:
    signature.make_key(board.keys / "other.key", board.keys / "other.pub")
    files = {"sentences/gate.yaml": SENTENCES}
    stranger = board.signed(1, key="other.key", **files)
    good = board.signed(5, **files)
    changed = msgspec.structs.replace(good, bundle=good.bundle.replace(b"gate", b"safe"))
    for wrong in (stranger, changed):
        answer = apply(asker, wrong)
        assert answer["state"] == "rejected"
        assert "not signed by the key" in answer["message"]
    assert board.record.highest == 0
    assert apply(asker, good)["state"] == "done"
    board.restart()
    until(lambda: board.record.state == "active", board.daemon.said(), 30)
    older = apply(asker, board.signed(4, **files))
    assert "is not newer than 5" in older["message"]
    assert board.record.serial == 5
    assert not board.daemon.ended()


def test_a_bundle_with_a_mistake_never_comes_into_force(board: Board, asker: MqttClient) -> None:
    answer = apply(asker, board.signed(1, **{"sentences/gate.yaml": "intents: [\n"}))
    assert answer["state"] == "rejected"
    assert "gate.yaml:" in answer["message"]
    mistaken = apply(asker, board.signed(2, **{"settings.toml": "[cascade]\nrepair = 7\n"}))
    assert "cascade.repair" in mistaken["message"]
    login = apply(asker, board.signed(3, **{"settings.toml": '[mqtt]\nusername = "x"\n'}))
    assert "mqtt may not be in a bundle" in login["message"]
    assert outcome(asker, "open the gate") == "not_understood"
    assert board.record.serial == 0


def test_a_bundle_with_which_the_appliance_cannot_start_is_taken_back(
    board: Board, asker: MqttClient
) -> None:
    settings = '[speech]\nmodel = "whisper-that-is-not-here"\n'
    answer = apply(asker, board.signed(1, **{"settings.toml": settings}))
    assert answer["state"] == "done", answer
    assert board.daemon.status() == 75
    board.daemon.start(ready=False)
    assert board.daemon.status() == 75, board.daemon.said()
    board.daemon.start()
    assert (board.record.serial, board.record.state) == (0, "taken_back")
    assert "whisper-that-is-not-here" in board.record.reason
    assert outcome(asker, "open the gate") == "not_understood"


@pytest.mark.long
def test_a_bundle_on_trial_when_the_board_crashes_again_and_again_is_taken_back(
    board: Board, asker: MqttClient
) -> None:
    board.daemon.write(fleet={"public_key": str(board.keys / "fleet.pub"), "trial_s": 600.0})
    board.daemon.stop()
    board.daemon.start()
    assert apply(asker, board.signed(1, **{"sentences/gate.yaml": SENTENCES}))["state"] == "done"
    assert board.daemon.status() == 75
    for _ in range(3):
        board.daemon.start()
        assert board.record.serial == 1
        board.daemon.kill()
    board.daemon.start()
    assert (board.record.serial, board.record.state) == (0, "taken_back")


def test_without_a_key_no_bundle_is_taken(board: Board, asker: MqttClient) -> None:
    board.daemon.stop()
    board.daemon.write(fleet={"public_key": "", "trial_s": 1.0})
    board.daemon.start()
    answer = apply(asker, board.signed(1, **{"sentences/gate.yaml": SENTENCES}))
    assert (answer["state"], answer["reason"]) == ("rejected", "unsupported")


def test_the_command_lists_boards_and_pushes_a_bundle(
    board: Board, asker: MqttClient, tmp_path: Path
) -> None:
    folder = tmp_path / "new"
    folder.mkdir()
    (folder / "gate.yaml").write_text(SENTENCES)
    listed = board.daemon.command("fleet", "list", "--json", "--seconds", "1")
    (line,) = listed.stdout.splitlines()
    assert json.loads(line)["root"] == ROOT
    assert json.loads(line)["bundle_state"] == "none"
    file, key = str(tmp_path / "7.bundle"), str(board.keys / "fleet.key")
    made = board.daemon.command(
        *("fleet", "bundle", file, "--serial", "7", "--key", key, "--sentences", str(folder))
    )
    assert made.returncode == 0, made.stderr
    pushed = board.daemon.command_in_background("fleet", "push", file, "--seconds", "1")
    board.restart()
    out, err = pushed.communicate(timeout=90)
    assert (pushed.returncode, f"{ROOT}: active" in out) == (0, True), out + err
    assert outcome(asker, "open the gate") == "intent"
