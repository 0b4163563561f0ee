"""Tests of settings that the page keeps beside a config.toml which it may not write."""

from __future__ import annotations

from pathlib import Path

import pytest

from appliance import cli
from appliance.config import load, saved_in_force
from appliance.page.editable_config import ChangedConfig, EditableConfig
from appliance.saved_settings import may_be_saved

OWN = """\
# mine
[device]
state_directory = "{state}"
[speech]
least_confidence = 0.6
[page]
save_settings = {allowed}
"""


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "config.toml"
    (tmp_path / "state").mkdir()
    path.write_text(OWN.format(state=tmp_path / "state", allowed="true"))
    return path


def editor(config: Path) -> EditableConfig:
    return EditableConfig(config, config.parent / "state", beside=True)


def changed(file: EditableConfig, name: str, value: str) -> ChangedConfig:
    section = next(one for one in file.sections() if one.name == name.partition(".")[0])
    return file.changed(file.fields(section, file.read()[0]), {name: value})


def save(file: EditableConfig, name: str, value: str) -> None:
    new = changed(file, name, value)
    assert new.problems == ()
    file.save(new.text, file.read()[1])


def test_a_saved_setting_counts_before_the_owners_file_which_stays_as_it_is(config: Path) -> None:
    before = config.read_text()
    file = editor(config)
    save(file, "speech.least_confidence", "0.75")
    save(file, "device.area", "kitchen")
    assert config.read_text() == before
    loaded = load(config)
    assert (loaded.speech.least_confidence, loaded.device.area) == (0.75, "kitchen")
    assert saved_in_force(config).names == ("device.area", "speech.least_confidence")
    path = config.parent / "state" / "settings.toml"
    assert path.stat().st_mode & 0o777 == 0o600
    new = file.without("speech.least_confidence")
    file.save(new.text, file.read()[1])
    assert load(config).speech.least_confidence == 0.6
    assert [one.content for one in file.versions()][-1] == b""


@pytest.mark.parametrize(
    "name",
    [
        *("mqtt.host", "mqtt.username", "mqtt.operations", "page.listen", "page.save_settings"),
        *("http.listen", "wyoming.allow", "microphone.device", "listening.trigger", "log.level"),
        *("clips.keep", "device.state_directory", "sentences.folder", "devices.file"),
        *(
            "devices.discovery",
            "language_model.facts",
            "fleet.public_key",
            "home_assistant.enabled",
        ),
    ],
)
def test_what_could_open_something_is_set_in_the_owners_file_only(config: Path, name: str) -> None:
    assert not may_be_saved(name)
    file = editor(config)
    section, _, key = name.partition(".")
    described = next(one for one in file.sections() if one.name == section)
    field = next(one for one in file.fields(described, "") if one.key == key)
    assert field.why_by_hand
    found = file.changed([field], {name: f"{field.value}x"})
    assert found.problems
    (config.parent / "state" / "settings.toml").write_text(f"[{section}]\n{key} = 1\n")
    saved = saved_in_force(config)
    assert saved.names == ()
    assert f"{name} is set in config.toml only" in saved.problem


@pytest.mark.parametrize(
    "text",
    [
        "[speech]\nleast_confidence = 7\n",
        "[speech]\nnothing = 1\n",
        "not TOML",
        "speech = 1\n",
        "[speech]\nleast_confidence = 0.8\n[mqtt]\nhost = 'evil'\n",
        "#" * 200_000,
    ],
)
def test_a_damaged_file_counts_not_at_all_and_does_not_keep_the_appliance_from_its_start(
    config: Path, text: str, caplog: pytest.LogCaptureFixture
) -> None:
    path = config.parent / "state" / "settings.toml"
    path.write_text(text)
    assert load(config).speech.least_confidence == 0.6
    assert str(path) in caplog.text
    assert str(path) in saved_in_force(config).problem


def test_the_owners_file_says_whether_anything_counts(config: Path) -> None:
    save(editor(config), "speech.least_confidence", "0.75")
    config.write_text(OWN.format(state=config.parent / "state", allowed="false"))
    assert load(config).speech.least_confidence == 0.6
    assert saved_in_force(config).names == ()


def test_a_config_that_cannot_be_written_is_edited_beside_it_if_that_is_allowed(
    config: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    state = config.parent / "state"
    assert EditableConfig(config, state).path == config
    monkeypatch.setattr("os.access", lambda path, _: Path(path) not in (config, config.parent))
    file = EditableConfig(config, state)
    assert (file.path, file.why_read_only()) == (state / "settings.toml", "")
    save(file, "speech.least_confidence", "0.75")
    assert load(config).speech.least_confidence == 0.75
    config.write_text(OWN.format(state=state, allowed="false"))
    refused = EditableConfig(config, state)
    assert refused.path == config
    assert "page.save_settings" in refused.why_read_only()


def test_wrong_values_and_unknown_models_are_not_saved(config: Path) -> None:
    assert changed(editor(config), "speech.least_confidence", "7").problems
    assert changed(editor(config), "speech.model", "nothing-like-it").problems
    assert not (config.parent / "state" / "settings.toml").exists()


def test_the_operator_lists_and_removes_them(
    config: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def run(*words: str) -> tuple[int, str]:
        status = cli.main([*words, "--config", str(config)])
        return status, capsys.readouterr().out

    assert run("page", "settings") == (0, "")
    save(editor(config), "speech.least_confidence", "0.75")
    save(editor(config), "device.area", "kitchen")
    assert run("page", "settings")[1] == 'speech.least_confidence = 0.75\ndevice.area = "kitchen"\n'
    assert "# saved on the page" in run("config", "show")[1]
    assert run("page", "settings", "--remove", "device.area")[1] == (
        "speech.least_confidence = 0.75\n"
    )
    assert run("page", "settings", "--remove", "device.area")[0] == 1
    (config.parent / "state" / "settings.toml").write_text("[")
    assert "--remove-all" in run("check")[1]
    assert run("page", "settings", "--remove-all") == (0, "")
    assert not (config.parent / "state" / "settings.toml").exists()


def test_a_damaged_file_does_not_keep_the_appliance_from_its_start(config: Path) -> None:
    path = config.parent / "state" / "settings.toml"
    for content in (b"\xff", b"x = " + b"[" * 5000 + b"]" * 5000, b"x = " + b"9" * 5000):
        path.write_bytes(content)
        assert load(config).speech.least_confidence == 0.6
        assert saved_in_force(config).problem.startswith(f"{path}: ")
