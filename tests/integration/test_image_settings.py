"""The owner's folder, with the mistakes that owners make in it."""

from __future__ import annotations

import contextlib
import errno
import io
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from appliance_image import broker, config_item, report, settings, toml_text
from appliance_image.appliance_calls import Appliance
from appliance_image.report import Report
from appliance_image.system import System

from appliance import cli

REPOSITORY = Path(__file__).parent.parent.parent

SENTENCES = """language: en
intents:
  Coffee:
    data:
      - sentences: ["[a] coffee please"]
"""


class InProcessAppliance(Appliance):
    """The appliance's own commands, without a process for each."""

    def ask(
        self, *arguments: str, config: Path | None = None, timeout_s: float = 600
    ) -> subprocess.CompletedProcess[str]:
        out, err = io.StringIO(), io.StringIO()
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            status = cli.main([*arguments, "--config", f"{config}"])
        return subprocess.CompletedProcess([*arguments], status, out.getvalue(), err.getvalue())


@pytest.fixture
def system(tmp_path: Path) -> System:
    """The inside of an image, with the real appliance as judge."""
    system = System(InProcessAppliance(), tmp_path)
    for folder in (system.owner, system.etc, system.persistent, system.shipped / "mosquitto"):
        folder.mkdir(parents=True)
    (system.shipped / "sentences").mkdir()
    shutil.copy(REPOSITORY / "config.toml", system.shipped / "config.toml")
    shutil.copy(REPOSITORY / "docs/examples/mosquitto/acl", system.shipped / "mosquitto/acl")
    (tmp_path / "etc/machine-id").write_text("0123456789abcdef0123456789abcdef\n")
    return system


def owner(system: System, name: str, content: str | bytes) -> Path:
    path = system.owner / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def applied(system: System, image: str = "one") -> dict[str, settings.Outcome]:
    return {one.item: one for one in settings.apply_all(system, image=image)}


def in_force(system: System) -> toml_text.Tables:
    return toml_text.read(system.config)


def test_without_a_folder_the_image_is_as_it_was_built(system: System) -> None:
    system.owner.rmdir()
    assert applied(system) == {}
    tables = in_force(system)
    assert tables["mqtt"]["host"] == "127.0.0.1"
    assert tables["mqtt"]["username"] == tables["device"]["name"]
    assert tables["device"]["name"].startswith("appliance-")
    assert system.appliance.config_problems(system.config) == []


def test_the_judge_is_the_appliance_as_it_is_installed(system: System) -> None:
    appliance = Appliance((sys.executable, "-m", "appliance"), {"PYTHONPATH": f"{REPOSITORY}"})
    wrong = owner(system, "config.toml", "[listening]\npause_ms = -5\n")
    assert "listening.pause_ms" in appliance.config_problems(wrong)[0]
    assert appliance.config_problems(system.shipped / "config.toml") == []


def test_the_boards_own_broker_may_be_called_localhost(system: System) -> None:
    owner(system, "config.toml", '[mqtt]\nhost = "localhost"\n')
    applied(system)
    assert in_force(system)["mqtt"]["username"] == in_force(system)["device"]["name"]


def test_a_model_that_was_copied_anew_is_taken_though_it_is_as_large(system: System) -> None:
    owner(system, "models/my.gguf", b"GGUF bad")
    applied(system)
    os.utime(owner(system, "models/my.gguf", b"GGUF fin"), (2_000_000_000, 2_000_000_000))
    applied(system)
    assert (system.persistent / "models/my.gguf").read_bytes() == b"GGUF fin"


def test_two_cards_have_two_names(system: System) -> None:
    name = config_item.device_name(system)
    (system.root / "etc/machine-id").write_text("another\n")
    assert config_item.device_name(system) != name


def test_a_few_keys_of_the_owner_lie_over_those_of_the_image(system: System) -> None:
    owner(system, "config.toml", '[device]\nname = "kitchen"\n[listening]\npause_ms = 700\n')
    assert applied(system)["config.toml"].said == "2 keys of yours"
    tables = in_force(system)
    assert (tables["device"]["name"], tables["mqtt"]["username"]) == ("kitchen", "kitchen")
    assert tables["listening"]["pause_ms"] == 700
    assert tables["listening"]["trigger"] == "always"


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("config.toml", b'\xef\xbb\xbf[device]\r\nname = "kitchen"\r\n'),
        ("config.toml", '[device]\r\nname = "kitchen"\r\n'.encode("utf-16")),
        ("config.toml", b'[device]\rname = "kitchen"\r'),
        ("CONFIG.TOML", b'[device]\nname = "kitchen"'),
        ("Config.toml.txt", b'[device]\nname = "kitchen"'),
    ],
    ids=["Notepad's UTF-8", "Notepad's Unicode", "old Mac", "upper case", "hidden ending"],
)
def test_a_configuration_is_taken_as_any_editor_writes_it(
    system: System, name: str, content: str | bytes
) -> None:
    owner(system, name, content)
    assert applied(system)["config.toml"].applied
    assert in_force(system)["device"]["name"] == "kitchen"


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ("[device\nname = 'x'", "line 1"),
        ("[device]\nname = 'a b'\n", "device.name"),
        ("[listening]\npause = 5\n", "listening"),
        ("[listening]\npause_ms = 'long'\n", "listening.pause_ms"),
        ("name = 'kitchen'\n", "above the first [section]"),
        ('[speaking]\nvoice = "C:\\voices"\n', "single"),
        (b"[device]\nname = 'K\xfcche'\n", "save it as UTF-8"),
        (b"\x00\x01\x02" * 99, "no text"),
        (b"#" * 300_000, "at most"),
        ("[mqtt]\nhost = 5\n", "mqtt.host"),
        ("[[device]]\nname = 'x'\n", "device"),
        ("[device]\nname = " + "[" * 20_000, "cannot be read"),
        ("[listening]\npause_ms = " + "1" * 5_000, "cannot be read"),
    ],
)
def test_a_configuration_with_a_mistake_is_refused_with_its_reason_and_the_last_one_stays(
    system: System, content: str | bytes, told: str
) -> None:
    owner(system, "config.toml", '[device]\nname = "kitchen"\n')
    applied(system)
    owner(system, "config.toml", content)
    outcome = applied(system)["config.toml"]
    assert not outcome.applied
    assert told in outcome.said
    assert "candidate" not in outcome.said
    assert in_force(system)["device"]["name"] == "kitchen"


def test_a_folder_in_place_of_a_file_and_a_file_in_place_of_a_folder_are_refused(
    system: System,
) -> None:
    (system.owner / "config.toml").mkdir()
    owner(system, "config.toml/x", "y")
    for name in ("sentences", "models", "certificates"):
        owner(system, name, "no folder")
    outcomes = applied(system)
    assert {name for name, one in outcomes.items() if not one.applied} == {
        "config.toml",
        "sentences",
        "models",
        "certificates",
    }
    assert "a file is wanted" in outcomes["config.toml"].said
    assert "a folder is wanted" in outcomes["models"].said


def test_one_mistake_does_not_hold_up_the_rest(system: System) -> None:
    owner(system, "config.toml", "[")
    owner(system, "wifi.txt", "name: home\npassword: secret-secret\n")
    owner(system, "sentences/coffee.yaml", SENTENCES)
    outcomes = applied(system)
    assert not outcomes["config.toml"].applied
    assert outcomes["wifi.txt"].applied
    assert outcomes["sentences"].applied


def test_two_files_for_the_same_are_refused(system: System) -> None:
    owner(system, "config.toml", "")
    owner(system, "config.toml.txt", "")
    assert "leave one" in applied(system)["config.toml"].said


def test_a_misspelled_name_is_answered_with_the_right_one(system: System) -> None:
    owner(system, "wlan.txt", "")
    owner(system, "confg.toml", "")
    owner(system, ".DS_Store", "")
    owner(system, "System Volume Information/x", "")
    outcomes = applied(system)
    assert "is it meant to be config.toml?" in outcomes["confg.toml"].said
    assert set(outcomes) == {"wlan.txt", "confg.toml"}


def test_files_that_the_device_wrote_are_not_settings(system: System) -> None:
    owner(system, "STATUS.txt", "")
    owner(system, "ACCESS.txt", "")
    owner(system, "broker-ca.pem", "")
    assert applied(system) == {}


def test_the_same_is_not_looked_at_twice_but_under_a_new_image_it_is(
    system: System, monkeypatch: pytest.MonkeyPatch
) -> None:
    owner(system, "config.toml", "[listening]\npause_ms = 700\n")
    asked: list[Path] = []

    def judge(_: Appliance, config: Path) -> list[str]:
        asked.append(config)
        return []

    monkeypatch.setattr(Appliance, "config_problems", judge)
    first, again = applied(system), applied(system)
    assert (len(asked), first) == (1, again)
    applied(system, image="two")
    assert len(asked) == 2


def test_a_later_change_is_applied(system: System) -> None:
    owner(system, "config.toml", "[listening]\npause_ms = 700\n")
    applied(system)
    owner(system, "config.toml", "[listening]\npause_ms = 800\n")
    applied(system)
    assert in_force(system)["listening"]["pause_ms"] == 800


def test_a_file_that_was_taken_away_leaves_its_settings_in_force(system: System) -> None:
    path = owner(system, "config.toml", "[listening]\npause_ms = 700\n")
    applied(system)
    path.unlink()
    assert applied(system) == {}
    assert in_force(system)["listening"]["pause_ms"] == 700


def test_a_damaged_record_of_the_last_time_counts_as_missing(system: System) -> None:
    owner(system, "config.toml", "[listening]\npause_ms = 700\n")
    applied(system)
    (system.persistent / settings.STATE).write_text('{"config.toml": 5}')
    assert applied(system)["config.toml"].applied


def test_sentences_come_into_force_as_a_folder(system: System) -> None:
    owner(system, "Intents/Kitchen/Coffee.YAML", b"\xef\xbb\xbf" + SENTENCES.encode())
    owner(system, "Intents/readme.txt", "mine")
    assert applied(system)["sentences"].said == "1 file of sentences"
    assert (system.etc / "sentences/Kitchen/Coffee.yaml").read_text() == SENTENCES
    assert in_force(system)["sentences"]["folder"] == "/etc/appliance/sentences"


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (
            "language: en\nintents:\n  Coffee:\n    data:\n      - sentences: ['{nothing}']\n",
            "nothing",
        ),
        ("language: en\n\tintents: x", "coffee.yaml:2"),
        ("", "no sentence is declared"),
        (b"\xff\xfe\x00", "UTF-8"),
    ],
)
def test_sentences_with_a_mistake_are_refused_with_file_and_line(
    system: System, content: str | bytes, told: str
) -> None:
    owner(system, "sentences/coffee.yaml", SENTENCES)
    applied(system)
    owner(system, "sentences/coffee.yaml", content)
    outcome = applied(system)["sentences"]
    assert not outcome.applied
    assert told in outcome.said
    assert f"{system.root}" not in outcome.said
    assert (system.etc / "sentences/coffee.yaml").read_text() == SENTENCES


def test_a_folder_without_sentences_says_what_it_looks_for(system: System) -> None:
    owner(system, "sentences/coffee.doc", "x")
    assert ".yaml" in applied(system)["sentences"].said


def test_an_extra_model_is_called_by_its_bare_name(system: System) -> None:
    owner(system, "models/Mine.gguf", b"GGUF" + b"x" * 100)
    owner(system, "config.toml", '[language_model]\nmodel = "mine.gguf"\n')
    outcomes = applied(system)
    assert outcomes["models"].said == "mine.gguf"
    assert outcomes["config.toml"].applied
    assert in_force(system)["language_model"]["model"] == "/persistent/models/mine.gguf"


def test_a_second_model_of_the_owner_s_is_called_by_its_bare_name(system: System) -> None:
    for file in ("model.bin", "config.json", "tokenizer.json"):
        owner(system, f"models/whisper-mine/{file}", b"{}")
    owner(system, "config.toml", '[speech]\nsecond_model = "whisper-mine"\n')
    assert applied(system)["config.toml"].applied
    assert in_force(system)["speech"]["second_model"] == "/persistent/models/whisper-mine"


def test_a_model_that_is_too_large_for_the_card_is_refused(
    system: System, monkeypatch: pytest.MonkeyPatch
) -> None:
    with owner(system, "models/huge.gguf", b"GGUF").open("r+b") as file:
        file.truncate(2 << 30)
    monkeypatch.setattr(System, "free_bytes", lambda _: 1 << 30)
    assert "2048 MB, and 1024 MB are free" in applied(system)["models"].said
    assert not list((system.persistent / "models").glob("*"))


def test_a_card_that_fills_up_while_a_model_is_copied_leaves_the_old_one(
    system: System, monkeypatch: pytest.MonkeyPatch
) -> None:
    owner(system, "models/mine.gguf", b"GGUF old")
    applied(system)
    owner(system, "models/mine.gguf", b"GGUF newer")

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(shutil, "copyfile", full)
    outcome = applied(system)["models"]
    assert "No space left" in outcome.said
    assert (system.persistent / "models/mine.gguf").read_bytes() == b"GGUF old"
    monkeypatch.undo()
    assert applied(system)["models"].applied, "and it is tried again"


@pytest.mark.parametrize(
    ("name", "content", "told"),
    [
        ("models/mine.gguf", b"<html>not found", "no GGUF file"),
        ("models/mine.zip", b"PK", "a model ends with"),
        ("models/whisper/model.bin", b"x", "config.json"),
    ],
)
def test_a_file_that_is_not_a_model_is_refused(
    system: System, name: str, content: str | bytes, told: str
) -> None:
    owner(system, name, content)
    assert told in applied(system)["models"].said


def certificate(folder: Path, name: str) -> tuple[bytes, bytes]:
    key, pem = folder / f"{name}.key", folder / f"{name}.pem"
    subprocess.run(
        f"openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN={name} "
        f"-keyout {key} -out {pem}".split(),
        check=True,
        capture_output=True,
    )
    return pem.read_bytes(), key.read_bytes()


def test_a_broker_elsewhere_gets_the_password_and_certificates_of_the_owner(
    system: System, tmp_path: Path
) -> None:
    pem, key = certificate(tmp_path, "one")
    owner(system, "certificates/CA.PEM", pem)
    owner(system, "certificates/client.pem", pem)
    owner(system, "certificates/client.key", key)
    owner(system, "broker_password.txt", "se cret\r\n")
    owner(system, "config.toml", '[mqtt]\nhost = "192.168.1.2"\nusername = "voice"\ntls = true\n')
    assert all(one.applied for one in applied(system).values())
    mqtt = in_force(system)["mqtt"]
    assert mqtt["password_file"] == "mqtt.password"  # noqa: S105, a file's name
    assert mqtt["key_file"] == "mqtt.key"
    assert mqtt["certificate_file"] == "/etc/appliance/mqtt.certificate.pem"
    assert mqtt["username"] == "voice"
    assert (system.etc / "mqtt.password").read_text() == "se cret"
    assert (system.etc / "mqtt.key").stat().st_mode & 0o777 == 0o600
    assert not config_item.uses_own_broker(system)


@pytest.mark.parametrize(
    ("files", "told"),
    [
        ({"ca.pem": "no certificate"}, "no certificate in PEM form"),
        ({"client.pem": "PEM"}, "go together"),
        ({"client.pem": "PEM", "client.key": "KEY of another"}, "is not the unencrypted key"),
        ({"server.crt": "PEM"}, "is none of"),
    ],
)
def test_certificates_that_do_not_fit_are_refused(
    system: System, tmp_path: Path, files: dict[str, str], told: str
) -> None:
    pem, _ = certificate(tmp_path, "one")
    _, other = certificate(tmp_path, "other")
    for name, what in files.items():
        content = {"PEM": pem, "KEY of another": other}.get(what, what.encode())
        owner(system, f"certificates/{name}", content)
    assert told in applied(system)["certificates"].said
    assert not (system.etc / "mqtt.ca.pem").exists()


def test_the_broker_is_configured_once_and_keeps_its_secrets(system: System) -> None:
    owner(system, "config.toml", '[device]\nname = "kitchen"\n')
    applied(system)
    broker.furnish(system, "kitchen")
    first = (system.etc / "broker.password").read_text()
    pem = (system.root / "etc/mosquitto/certs/server.pem").read_bytes()
    broker.furnish(system, "kitchen")
    assert (system.etc / "broker.password").read_text() == first
    assert (system.root / "etc/mosquitto/certs/server.pem").read_bytes() == pem
    hashed = (system.root / "etc/mosquitto/passwords").read_text()
    assert first not in hashed
    assert hashed.startswith("kitchen:$7$")
    assert (system.etc / "broker.password").stat().st_mode & 0o777 == 0o600


def test_the_certificate_is_by_the_authority_that_the_owner_gets_and_for_the_name(
    system: System,
) -> None:
    broker.furnish(system, "kitchen_2")
    certs = system.root / "etc/mosquitto/certs"
    checked = subprocess.run(
        "openssl verify -x509_strict -purpose sslserver -verify_hostname kitchen-2.local "
        f"-CAfile {certs / 'ca.pem'} {certs / 'server.pem'}".split(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert checked.returncode == 0, checked.stderr


def test_a_new_name_gets_a_new_certificate_by_the_same_authority(system: System) -> None:
    broker.furnish(system, "kitchen")
    certs = system.root / "etc/mosquitto/certs"
    before = {name: (certs / name).read_bytes() for name in ("ca.pem", "server.pem")}
    broker.furnish(system, "bedroom")
    assert (certs / "ca.pem").read_bytes() == before["ca.pem"]
    assert (certs / "server.pem").read_bytes() != before["server.pem"]


@pytest.mark.parametrize(
    ("root", "line"),
    [
        ("", "pattern readwrite appliance/%u/#"),
        ("plant/line 1/{device}", "pattern readwrite plant/line 1/%u/#"),
        ("plant/{device}/voice", "topic readwrite plant/kitchen/voice/#"),
    ],
)
def test_the_access_list_is_for_the_topics_that_the_owner_chose(
    system: System, root: str, line: str
) -> None:
    owner(
        system,
        "config.toml",
        f'[device]\nname = "kitchen"\n[mqtt]\nroot = "{root}"\n'.replace('[mqtt]\nroot = ""\n', ""),
    )
    applied(system)
    text = broker.access_list(system, "kitchen")
    assert line in text.splitlines()
    assert "user kitchen" in text.splitlines()


def test_the_page_says_in_plain_words_what_was_refused(system: System) -> None:
    owner(system, "config.toml", "[")
    told = Report("kitchen", {"version": "1.0"}, "a", list(applied(system).values()))
    page = told.page("2026-11-23")
    assert "REFUSED   config.toml: " in page
    assert told.problems[0].startswith("config.toml was refused")
    report.show(system, told)
    assert "config.toml was refused" in (system.run / "notices.json").read_text()


def test_the_light_of_the_board_blinks_while_something_was_refused(tmp_path: Path) -> None:
    led = tmp_path / "ACT"
    led.mkdir()
    for name in ("trigger", "delay_on", "delay_off"):
        (led / name).write_text("none [mmc0] timer")
    report.light(tmp_path, unwell=False)
    assert (led / "trigger").read_text() == "none [mmc0] timer"
    report.light(tmp_path, unwell=True)
    assert (led / "trigger").read_text() == "timer"
    (led / "trigger").write_text("none mmc0 [timer]")
    report.light(tmp_path, unwell=False)
    assert (led / "trigger").read_text() == "heartbeat"
