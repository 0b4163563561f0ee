"""`appliance check` as an owner runs it, on boards and folders in good and bad state."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from support.free_port import free_port
from support.virtual_microphone import VirtualMicrophone, virtual_microphone

from appliance import cli
from appliance.config import (
    Config,
    DeviceSettings,
    DevicesSettings,
    LanguageModelSettings,
    ListeningSettings,
    MqttSettings,
    PageSettings,
    SentenceSettings,
    SpeechSettings,
)
from appliance.doctor import OFFLINE, USUAL, context_of, examine
from appliance.doctor.check_result import CheckContext, CheckResult, CheckVerdict
from appliance.engines.llama.server_launcher import MODULE
from appliance.models import catalogue
from appliance.system.kept_faults import FaultRing
from appliance.system.local_addresses import LOCAL

REPOSITORY = Path(__file__).parents[2]
BOARDS = REPOSITORY / "tests/fixtures/boards"
ONE_MODEL = SpeechSettings(model="whisper-tiny.en", second_model="")
CHOSEN = Config(speech=ONE_MODEL)
"""As after `auto` was resolved."""


def asked(question: str, config: Config | None = None, board: str = "vm") -> list[CheckResult]:
    return list(examine(CheckContext(config or CHOSEN, root=BOARDS / board), [question]))


def said(answers: list[CheckResult]) -> list[tuple[str, str]]:
    return [(answer.verdict.value, answer.found) for answer in answers]


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """A config file that uses only tmp_path."""
    path = tmp_path / "config.toml"
    path.write_text(
        f'device.state_directory = "{tmp_path}/state"\n'
        f'device.models_directory = "{tmp_path}/models"\n'
        'listening.trigger = "off"\n'
        "language_model.enabled = false\n"
    )
    return path


@pytest.mark.parametrize(
    ("question", "board", "expected"),
    [
        ("temperature", "pi4", [("ok", "48.7 °C")]),
        ("temperature", "pi5-hot", [("error", "84.5 °C: the board slows down")]),
        ("temperature", "vm", [("not here", "this board has no temperature sensor")]),
        ("power", "pi5", [("ok", "the voltage is right, and the processor is not throttled")]),
        (
            "power",
            "pi-weak-supply",
            [
                ("error", "the supply's voltage is too low"),
                ("warning", "the processor is throttled now"),
                ("warning", "the supply offers 3 A; the board needs 5 A for full power"),
            ],
        ),
        ("power", "vm", [("not here", "this board does not monitor its supply")]),
        ("memory", "pi4", [("ok", "440 MB needed, 3195 of 3979 MB available")]),
    ],
)
def test_a_board_is_judged_by_its_sensors(
    question: str, board: str, expected: list[tuple[str, str]]
) -> None:
    assert said(asked(question, board=board)) == expected


def test_usb_ports_switched_off_at_boot_are_a_warning(tmp_path: Path) -> None:
    shown = tmp_path / "proc/device-tree/chosen/power/usb_over_current_detected"
    shown.parent.mkdir(parents=True)
    shown.write_bytes(bytes(4))
    assert [
        answer.verdict for answer in examine(CheckContext(Config(), root=tmp_path), ["power"])
    ] == [CheckVerdict.NOT_HERE]
    shown.write_bytes(b"\0\0\0\1")
    (answer,) = examine(CheckContext(Config(), root=tmp_path), ["power"])
    assert answer.verdict is CheckVerdict.WARNING
    assert "USB devices drew too much current at boot" in answer.found


@pytest.mark.parametrize(
    ("total_kb", "available_kb", "verdict"),
    [(300_000, 250_000, "error"), (1_000_000, 100_000, "warning"), (1_000_000, 600_000, "ok")],
)
def test_models_that_do_not_fit_into_memory_are_reported(
    tmp_path: Path, total_kb: int, available_kb: int, verdict: str
) -> None:
    (tmp_path / "proc").mkdir()
    meminfo = f"MemTotal: {total_kb} kB\nMemAvailable: {available_kb} kB\n"
    (tmp_path / "proc/meminfo").write_text(meminfo)
    (answer,) = examine(CheckContext(CHOSEN, root=tmp_path), ["memory"])
    assert answer.verdict == verdict


def test_a_clock_that_is_not_synchronised_is_a_warning(tmp_path: Path) -> None:
    (tmp_path / "run/systemd/timesync").mkdir(parents=True)
    (answer,) = examine(CheckContext(Config(), root=tmp_path), ["clock"])
    assert answer.verdict is CheckVerdict.WARNING
    (tmp_path / "run/systemd/timesync/synchronized").touch()
    (answer,) = examine(CheckContext(Config(), root=tmp_path), ["clock"])
    assert answer.verdict is CheckVerdict.OK


def test_a_clock_that_was_never_set_is_an_error_with_tls(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(time, "time", lambda: 86400.0)
    (plain,) = asked("clock", Config(mqtt=MqttSettings(host="broker")))
    (secure,) = asked("clock", Config(mqtt=MqttSettings(host="broker", tls=True)))
    assert (plain.verdict, secure.verdict) == (CheckVerdict.WARNING, CheckVerdict.ERROR)
    assert "TLS certificates are not valid yet" in secure.found


def test_sentences_are_counted_and_their_mistakes_have_file_and_line(tmp_path: Path) -> None:
    (answer,) = asked("sentences")
    assert answer.verdict is CheckVerdict.OK
    assert answer.found.startswith("the starter set: ")
    (tmp_path / "bad.yaml").write_text("language: en\nintents:\n  A:\n    data:\n      - {]\n")
    for broken in asked("sentences", Config(sentences=SentenceSettings(folder=str(tmp_path)))):
        assert broken.verdict is CheckVerdict.ERROR
        assert "bad.yaml:5" in broken.found


def test_the_devices_file_is_checked_if_there_is_one(tmp_path: Path) -> None:
    assert asked("devices file") == []
    file = tmp_path / "devices.yaml"
    file.write_text("devices: [{device: Oven, hide: true}]\n", "utf-8")
    (unread,) = asked("devices file", Config(devices=DevicesSettings(file=str(file))))
    assert (unread.verdict, "not read" in unread.found) == (CheckVerdict.WARNING, True)
    config = Config(devices=DevicesSettings("act", file=str(file)))
    (fine,) = asked("devices file", config)
    assert (fine.verdict, "1 entries" in fine.found) == (CheckVerdict.OK, True)
    file.write_text("devices:\n  - hide: true\n", "utf-8")
    (broken,) = asked("devices file", config)
    assert (broken.verdict, f"{file}:2: " in broken.found) == (CheckVerdict.ERROR, True)


def test_actions_that_are_not_done_because_acting_is_off_are_a_warning(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(
        'intents: {A: {data: [{sentences: ["go"]}], actions: [{topic: x}]}}', "utf-8"
    )
    folder = SentenceSettings(folder=str(tmp_path))
    idle, fine = asked("sentences", Config(sentences=folder))
    assert (idle.verdict, fine.verdict) == (CheckVerdict.WARNING, CheckVerdict.OK)
    assert 'a.yaml:1: the actions of A are not done while devices.discovery is "off"' in idle.found
    (fine,) = asked("sentences", Config(sentences=folder, devices=DevicesSettings("act")))
    assert fine.verdict is CheckVerdict.OK


def test_sentences_that_cannot_be_compiled_for_speech_are_an_error(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(
        'intents: {A: {data: [{sentences: ["(a;b;c;d;e;f;g) now"]}]}}', "utf-8"
    )
    folder = SentenceSettings(folder=str(tmp_path))
    (answer,) = asked("sentences", Config(sentences=folder))
    assert answer.verdict is CheckVerdict.ERROR
    assert "a permutation of 7 parts" in answer.found
    (answer,) = asked("sentences", Config(sentences=folder, speech=SpeechSettings(grammar=False)))
    assert answer.verdict is CheckVerdict.OK


def test_missing_tampered_and_own_models_give_different_answers(tmp_path: Path) -> None:
    def about(name: str) -> CheckResult:
        config = Config(
            device=DeviceSettings(models_directory=str(tmp_path)),
            speech=SpeechSettings(model=name, second_model=""),
            language_model=LanguageModelSettings(enabled=False),
        )
        (answer,) = asked("models", config)
        return answer

    name = "whisper-tiny.en"
    assert about(name).advice == f"run: appliance models pull {name}"
    assert "is not in" in about(name).found
    for file, published in catalogue.models()[name].files.items():
        (tmp_path / name).mkdir(exist_ok=True)
        with (tmp_path / name / file).open("wb") as empty:
            empty.truncate(published.bytes)
    tampered = about(name)
    assert tampered.verdict is CheckVerdict.ERROR
    assert "has the sha256" in tampered.found
    assert tampered.advice == f"run: appliance models pull {name}"
    assert "did you mean whisper-tiny.en" in about("whisper-tiny.eng").found
    (tmp_path / "mine").mkdir()
    assert about(f"{tmp_path}/mine").verdict is CheckVerdict.OK
    assert about(f"{tmp_path}/theirs").verdict is CheckVerdict.ERROR


def test_the_published_models_are_recognised(models_directory: Path) -> None:
    config = Config(
        device=DeviceSettings(models_directory=str(models_directory)),
        speech=ONE_MODEL,
        language_model=LanguageModelSettings(enabled=False),
    )
    (answer,) = asked("models", config)
    assert answer.verdict is CheckVerdict.OK
    assert "whisper-tiny.en" in answer.found


@pytest.mark.parametrize("folder", ["/proc/appliance", "/sys/appliance"])
def test_a_state_directory_that_is_not_writable_is_an_error(folder: str) -> None:
    (answer,) = asked("disk", Config(device=DeviceSettings(state_directory=folder)))
    assert answer.verdict is CheckVerdict.ERROR
    assert "device.state_directory" in str(answer.advice)


def test_a_check_leaves_no_files(config: Path, tmp_path: Path) -> None:
    cli.main(["check", "--config", str(config), "--json"])
    assert sorted(path.name for path in tmp_path.iterdir()) == ["config.toml"]


def test_the_microphone_is_not_checked_if_the_trigger_is_off() -> None:
    (answer,) = asked("microphone", Config(listening=ListeningSettings(trigger="off")))
    assert answer.verdict is CheckVerdict.NOT_HERE


@pytest.fixture
def quiet_room(tmp_path: Path) -> Iterator[VirtualMicrophone]:
    (tmp_path / "room").mkdir()
    with virtual_microphone(tmp_path / "room") as place:
        yield place


def test_a_muted_microphone_is_a_warning_and_alsa_prints_nothing(
    quiet_room: VirtualMicrophone, config: Path
) -> None:
    config.write_text(config.read_text().replace('"off"', '"always"'))
    done = subprocess.run(
        [sys.executable, "-m", "appliance", "check", "--json", "--config", config],
        cwd=REPOSITORY,
        env=quiet_room.environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    (answer,) = (a for a in json.loads(done.stdout)["answers"] if a["question"] == "microphone")
    assert answer["verdict"] == "warning"
    assert "every sample is the same" in answer["found"]
    assert done.stderr == ""


DAEMON = """
import socket, sys
from pathlib import Path
from appliance.system.state_lock import StateLock
with StateLock(Path(sys.argv[1])), socket.create_server((sys.argv[2], int(sys.argv[3]))) as server:
    talk = socket.create_connection(("127.0.0.1", server.getsockname()[1]))
    print("up", flush=True)
    input()
"""


@pytest.mark.parametrize(
    ("address", "verdict"),
    [("127.0.0.1", CheckVerdict.OK), ("0.0.0.0", CheckVerdict.ERROR)],  # noqa: S104 (the wrong one)
)
def test_the_sockets_of_the_running_appliance_are_checked(
    tmp_path: Path, address: str, verdict: CheckVerdict
) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", DAEMON, tmp_path, address, "0"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(REPOSITORY)},
    ) as daemon:
        assert daemon.stdout is not None
        assert daemon.stdout.readline() == b"up\n"
        place = context_of(Config(device=DeviceSettings(state_directory=str(tmp_path))))
        offline, microphone, *sockets = examine(place, ["offline", "microphone", "sockets"])
        daemon.kill()
    assert place.daemon == daemon.pid
    assert offline.verdict is verdict
    (listens,) = (answer for answer in sockets if answer.found.startswith("listens on "))
    assert listens.verdict is verdict
    assert listens.found.startswith(f"listens on {address}:")
    assert any("127.0.0.1:" in answer.found and " to " in answer.found for answer in sockets)
    assert microphone.found.startswith(f"in use by the running appliance (pid {daemon.pid})")


def test_the_port_of_the_page_is_listed_with_whose_browsers_are_let_in(tmp_path: Path) -> None:
    port = free_port()
    with subprocess.Popen(
        [sys.executable, "-c", DAEMON, tmp_path, "0.0.0.0", str(port)],  # noqa: S104
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(REPOSITORY)},
    ) as daemon:
        assert daemon.stdout is not None
        assert daemon.stdout.readline() == b"up\n"
        config = Config(
            device=DeviceSettings(state_directory=str(tmp_path)),
            page=PageSettings(listen=f"0.0.0.0:{port}", allow=["192.168.1.0/24"]),
        )
        (listens,) = (
            answer
            for answer in examine(context_of(config), ["sockets"])
            if answer.found.startswith("listens on ")
        )
        daemon.kill()
    assert listens.verdict is CheckVerdict.OK
    assert listens.found == f"listens on 0.0.0.0:{port} for the clients in page.allow"


def document(capsys: pytest.CaptureFixture[str]) -> Any:
    return json.loads(capsys.readouterr().out)


def test_errors_give_status_1_and_one_json_document(
    config: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["check", "--config", str(config), "--json"]) == 1
    report = document(capsys)
    assert (report["ok"], report["errors"]) == (False, 1)  # the model is missing
    # These have no answer without an image, a devices file, and settings of the page.
    asked = set(USUAL) - {"image", "devices file", "page settings"}
    assert {answer["question"] for answer in report["answers"]} == {"config", *asked}


def test_warnings_give_status_0_unless_they_count_as_errors(
    config: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    only = {
        "memory": lambda _: iter(
            [CheckResult(question="x", verdict=CheckVerdict.WARNING, found="y")]
        )
    }
    monkeypatch.setattr("appliance.doctor.examine", lambda *_: only["memory"](None))
    assert cli.main(["check", "--config", str(config)]) == 0
    assert capsys.readouterr().out.endswith("\nno errors, 1 warning\n")
    assert cli.main(["check", "--config", str(config), "--warnings-as-errors"]) == 1


def test_every_mistake_of_a_wrong_config_is_reported_with_status_78(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "config.toml"
    path.write_text('device.nme = "x"\nlog.level = "loud"\n')
    assert cli.main(["check", "--config", str(path), "--json"]) == 78
    report = document(capsys)
    assert [answer["verdict"] for answer in report["answers"]] == ["error", "error"]
    assert "did you mean device.name?" in report["answers"][0]["found"]


def test_a_missing_password_file_is_an_error_of_the_broker(free_port: int) -> None:
    where = {"host": "127.0.0.1", "port": free_port, "password_file": "/nowhere/pw"}
    (answer,) = asked("broker", Config(mqtt=msgspec.convert(where, MqttSettings)))
    expected = "mqtt.password_file: /nowhere/pw: No such file or directory; put the password into"
    assert (answer.verdict, answer.found[: len(expected)]) == ("error", expected)


@pytest.mark.parametrize(
    ("more", "status", "found"),
    [
        (
            'mqtt.host = "b"\nmqtt.username = "u"\nmqtt.password_file = "/no/pw"\n',
            78,
            "mqtt.password_file: /no/pw: No such file or directory; put the password into",
        ),
        (
            'mqtt.host = "b"\nmqtt.tls = true\nmqtt.ca_file = "/no/ca.pem"\n',
            78,
            "mqtt.ca_file: /no/ca.pem: No such file or directory; put it there",
        ),
        (
            'mqtt = {host = "b", tls = true, certificate_file = "/no/c", key_file = "/no/k"}\n',
            78,
            "mqtt.key_file: /no/k: No such file or directory; put it there",
        ),
        (
            'language_model.enabled = true\nlanguage_model.adapter = "/no/lora.gguf"\n',
            78,
            "there is no /no/lora.gguf; correct language_model.adapter",
        ),
        (
            'listening.trigger = "wake_word"\nwake_word.words = ["/no/hey.json"]\n',
            78,
            "wake_word.words: there is no file /no/hey.json",
        ),
        (
            'wake_word.words = ["/no/hey.json"]\n',
            0,
            "warning: wake_word.words: there is no file /no/hey.json",
        ),
        (
            'speaking.engine = "piper"\nspeaking.voice = "/no/v.onnx"\n',
            78,
            "speaking.voice: there is no file '/no/v.onnx'",
        ),
        (
            'speaking.engine = "auto"\nspeaking.voice = "/no/v.onnx"\n',
            0,
            "warning: speaking.voice: there is no file '/no/v.onnx'",
        ),
        (
            'fleet.public_key = "/no/fleet.pub"\n',
            0,
            "warning: fleet.public_key: /no/fleet.pub cannot be read: No such file or directory",
        ),
        (
            f'fleet.public_key = "{__file__}"\n',
            0,
            "test_check.py is not a public key (PEM)",
        ),
        ('sentences.folder = "/no/sentences"\n', 78, "/no/sentences: folder does not exist"),
        (
            'speech.model = "/no/whisper"\n',
            78,
            "there is no model at /no/whisper; correct its path in config.toml",
        ),
        (
            'speech.model = "/usr"\n',
            78,
            "/usr is not a Whisper model: config.json, model.bin, tokenizer.json missing; correct",
        ),
        ('speech.second_model = "wisper-base"\n', 78, "did you mean whisper-base or "),
        (
            'speech.second_model = "smollm2-135m-instruct"\n',
            78,
            "speech.second_model: smollm2-135m-instruct is not a speech model",
        ),
        (
            'device.language = "de"\nspeech={model="whisper-base",second_model="whisper-tiny.en"}',
            78,
            "speech.second_model: whisper-tiny.en does not support 'de'",
        ),
        (
            'device.language = "ga"\nspeech.model = "whisper-base"\n',
            78,
            "speech.model: whisper-base does not support 'ga'",
        ),
        (
            'device.language = "nb"\nspeech.model = "whisper-base"\nsentences.builtin = true\n',
            0,
            "warning: model whisper-base is not in ",
        ),
        (
            'language_model.enabled = true\nlanguage_model.model = "/no/model.gguf"\n',
            78,
            "there is no model at /no/model.gguf; correct its path in config.toml",
        ),
        (
            f'language_model.enabled = true\nlanguage_model.model = "{__file__}"\n',
            78,
            "test_check.py is not a GGUF file; correct language_model.model",
        ),
        ("", 0, "warning: model whisper-tiny.en is not in "),
    ],
)
def test_a_missing_file_that_the_configuration_names_is_reported_before_the_start(
    config: Path, more: str, status: int, found: str, capsys: pytest.CaptureFixture[str]
) -> None:
    written = [line for line in config.read_text("utf-8").splitlines() if "device." in line]
    config.write_text("\n".join([*written, more]), "utf-8")
    assert cli.main(["config", "check", "--config", str(config)]) == status
    shown = capsys.readouterr()
    assert found in shown.err
    assert ("ok" in shown.out.split()) == (status == 0)


def test_config_check_compares_names_and_sizes_of_models_without_reading_them(
    config: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model = catalogue.models()["whisper-tiny.en"]
    for name, file in model.files.items():
        path = tmp_path / "models" / model.name / name
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("wb") as opened:
            opened.truncate(file.bytes)
    assert cli.main(["config", "check", "--config", str(config)]) == 0
    assert capsys.readouterr().err == ""
    assert not path.with_name(".verified.json").exists()
    path.write_bytes(b"cut off")
    assert cli.main(["config", "check", "--config", str(config)]) == 0
    told = capsys.readouterr().err
    assert "does not have the published size; run: appliance models pull whisper-tiny.en" in told


def test_check_verifies_the_models_content_and_not_also_their_sizes() -> None:
    assert "models" in USUAL
    assert "model files" not in USUAL


def test_config_check_separates_mistakes_in_the_file_from_missing_files(
    config: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = config.read_text("utf-8")
    config.write_text(text + 'sentences.folder = "/no/sentences"\n', "utf-8")
    assert cli.main(["config", "check", "--json", "--config", str(config)]) == 78
    report = document(capsys)
    assert (report["ok"], report["problems"]) == (False, [])
    assert "/no/sentences" in report["files"][0]


def test_check_has_one_line_for_all_usable_files() -> None:
    (answer,) = asked("files")
    assert said([answer]) == [("ok", "all files that the configuration names can be used")]


def test_a_file_in_place_of_the_models_directory_is_reported(tmp_path: Path) -> None:
    (tmp_path / "models").touch()
    here = Config(device=DeviceSettings(models_directory=str(tmp_path / "models")))
    (answer,) = asked("models", here)
    assert (answer.verdict, answer.advice) == (
        CheckVerdict.ERROR,
        "set device.models_directory to a folder",
    )


def test_the_journal_of_a_newer_version_is_reported_until_it_is_deleted(tmp_path: Path) -> None:
    (tmp_path / "journal.db.version-4-20261123T120000").touch()
    (tmp_path / "journal.db.version-4-20261123T120000-wal").touch()
    kept = Config(device=DeviceSettings(state_directory=str(tmp_path)))
    aside, disk = asked("disk", kept)
    assert aside.verdict is CheckVerdict.WARNING
    assert "version-4-20261123T120000: the journal of a newer version" in aside.found
    assert aside.advice == "delete it, unless you go back to that version"
    assert disk.verdict is CheckVerdict.OK


def test_offline_reports_connections_traffic_and_rules(
    config: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["check", "--offline", "--json", "--config", str(config)]) == 0
    answers = document(capsys)["answers"]
    assert [answer["question"] for answer in answers] == ["config", *OFFLINE]
    stopped = [answer["found"] for answer in answers if answer["question"] in OFFLINE[:2]]
    assert stopped == ["no appliance is running with this state directory"] * 2


@pytest.fixture
def service(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A fake systemctl that shows an installed unit; returns the root of a board."""
    programs = tmp_path / "programs"
    programs.mkdir()
    systemctl = programs / "systemctl"
    systemctl.write_text(
        "#!/bin/sh\n"
        "echo LoadState=loaded\n"
        "echo IPAddressAllow=${ALLOWED-127.0.0.0/8 192.168.0.0/16}\n"
        "echo IPAddressDeny=::/0 0.0.0.0/0\n"
        "echo RestrictAddressFamilies=AF_INET AF_UNIX\n"
    )
    systemctl.chmod(0o755)
    monkeypatch.setenv("PATH", f"{programs}:{os.environ['PATH']}")
    return tmp_path / "board"


def test_rules_that_the_kernel_cannot_enforce_are_a_warning(service: Path) -> None:
    """With cgroup version 1, systemd accepts IPAddressDeny= but the kernel does not enforce it."""
    place = CheckContext(Config(mqtt=MqttSettings(host="127.0.0.1")), root=service)
    held = (
        "ok",
        "everything is denied except 127.0.0.0/8 192.168.0.0/16; address families AF_INET AF_UNIX",
    )
    assert said(list(examine(place, ["rules"]))) == [
        ("warning", "this kernel does not enforce the rules"),
        held,
    ]
    controllers = service / "sys/fs/cgroup/cgroup.controllers"
    controllers.parent.mkdir(parents=True)
    controllers.write_text("cpu memory pids\n")
    assert said(list(examine(place, ["rules"]))) == [held]


def test_a_broker_that_the_rules_do_not_allow_is_an_error(service: Path) -> None:
    place = CheckContext(Config(mqtt=MqttSettings(host="10.1.2.3")), root=service)
    answer = next(one for one in examine(place, ["rules"]) if one.verdict is CheckVerdict.ERROR)
    assert answer.found == "connections to the broker 10.1.2.3:1883 are not allowed"
    assert "systemctl restart appliance" in (answer.advice or "")


@pytest.mark.parametrize(("host", "told"), [("10.1.2.3", True), ("", True), ("a.b.invalid", False)])
def test_rules_that_allow_more_than_the_broker_s_address_are_a_warning(
    service: Path, host: str, *, told: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ALLOWED", " ".join(map(str, LOCAL)))
    found = said(
        list(examine(CheckContext(Config(mqtt=MqttSettings(host=host)), root=service), ["rules"]))
    )
    what = "it may connect to all local networks, although mqtt.host is one address"
    assert (("warning", what) in found) is told


@pytest.fixture
def models_process() -> Iterator[None]:
    """A child process that looks like the language model's."""
    words = [sys.executable, "-c", "import time; time.sleep(60)", MODULE]
    with subprocess.Popen(words) as process:
        yield
        process.kill()


def asked_of_the_model(state: Path, daemon: int | None) -> tuple[str, str]:
    config = Config(device=DeviceSettings(state_directory=str(state)))
    (answer,) = examine(CheckContext(config, daemon=daemon), ["language model"])
    return answer.verdict.value, answer.found


BROKEN = "the language model cannot be used, all else goes on: it is larger than memory"
LAST = f"failed 2 times since boot; the last: {BROKEN}"


def break_the_model(state: Path) -> None:
    ring = FaultRing(state)
    ring.keep("appliance.engines.llama.supervisor", "the language model process died")
    ring.keep("appliance.engines.llama.circuit_breaker", BROKEN)
    ring.keep("appliance.requests.mqtt_thread", "the broker says nothing that we understand")


def test_a_language_model_that_cannot_be_opened_is_an_error(tmp_path: Path) -> None:
    break_the_model(tmp_path)
    assert asked_of_the_model(tmp_path, os.getpid()) == ("error", f"it is not running; it {LAST}")
    assert asked_of_the_model(tmp_path, None) == ("warning", f"it {LAST}")


@pytest.mark.usefixtures("models_process")
def test_a_language_model_that_failed_and_is_running_again_is_a_warning(tmp_path: Path) -> None:
    assert asked_of_the_model(tmp_path, os.getpid()) == ("ok", "it is running")
    break_the_model(tmp_path)
    assert asked_of_the_model(tmp_path, os.getpid()) == ("warning", f"it is running now; it {LAST}")


def test_a_language_model_that_is_not_loaded_yet_is_ok(tmp_path: Path) -> None:
    told = ("ok", "it is loaded at its first use")
    assert asked_of_the_model(tmp_path, os.getpid()) == told
    off = Config(language_model=LanguageModelSettings(enabled=False))
    assert asked("language model", off)[0].verdict is CheckVerdict.NOT_HERE


def test_a_damaged_journal_is_reported_until_it_is_deleted(tmp_path: Path) -> None:
    aside = tmp_path / "journal.db.corrupt-20260101T000000"
    aside.touch()
    aside.with_name(f"{aside.name}-wal").touch()
    place = CheckContext(
        Config(device=DeviceSettings(state_directory=str(tmp_path))), root=BOARDS / "vm"
    )
    first, *_ = examine(place, ["disk"])
    assert first.verdict is CheckVerdict.WARNING
    assert first.found.startswith(f"{aside}: a damaged journal")
    for path in tmp_path.iterdir():
        path.unlink()
    assert [answer.verdict for answer in examine(place, ["disk"])] == [CheckVerdict.OK]


def test_a_model_that_stands_in_for_the_wanted_one_is_a_warning_with_the_command(
    tmp_path: Path,
) -> None:
    for file, published in catalogue.models()["whisper-base"].files.items():
        (tmp_path / "whisper-base").mkdir(exist_ok=True)
        with (tmp_path / "whisper-base" / file).open("wb") as empty:
            empty.truncate(published.bytes)
    here = Config(
        device=DeviceSettings(models_directory=str(tmp_path)),
        language_model=LanguageModelSettings(enabled=False),
    )
    *_, answer = examine(context_of(here), ["models"])
    assert answer.verdict is CheckVerdict.WARNING
    assert "whisper-tiny.en is not installed, so whisper-base is used" in answer.found
