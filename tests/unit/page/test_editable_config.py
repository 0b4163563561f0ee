"""config.toml is changed key by key: what is wrong is not saved, and every other line stays."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from appliance.config import SECRETS, parse
from appliance.errors import EditRefused
from appliance.page.editable_config import ChangedConfig, EditableConfig
from appliance.page.page_texts import texts
from appliance.page.web_templates import render
from appliance.reference.described_settings import shipped_sections

OWN = """\
# mine
[device]
name = "kitchen" # here
state_directory = "{state}"

# the broker
[mqtt]
host = "localhost"  # on this board
username = "appliance"

[speech.prior]
always = 0.4
"""


@pytest.fixture
def config(tmp_path: Path) -> EditableConfig:
    path = tmp_path / "config.toml"
    path.write_text(OWN.format(state=tmp_path / "state"))
    path.chmod(0o640)
    return EditableConfig(path, tmp_path / "state")


def changed(config: EditableConfig, **typed: str) -> ChangedConfig:
    given = {name.replace("__", "."): value for name, value in typed.items()}
    section = next(iter(given)).partition(".")[0]
    described = next(one for one in config.sections() if one.name == section)
    return config.changed(config.fields(described, config.read()[0]), given)


def test_every_key_has_a_field_whose_unchanged_text_changes_nothing(config: EditableConfig) -> None:
    text, _ = config.read()
    for section in config.sections():
        fields = config.fields(section, text)
        assert fields, section.name
        assert all(field.comment and field.default for field in fields)
        same = config.changed(fields, {field.name: field.value for field in fields})
        assert (same.text, same.changed, same.problems) == (text, (), ())


def test_only_what_was_changed_is_changed(config: EditableConfig) -> None:
    before = config.read()[0]
    found = changed(config, mqtt__host="broker.local", mqtt__port="1884", mqtt__tls="false")
    assert found.changed == (("mqtt.host", '"broker.local"'), ("mqtt.port", "1884"))
    expected = before.replace(
        'host = "localhost"  # on this board', 'host = "broker.local"  # on this board'
    )
    assert [line for line in found.text.splitlines() if line != "port = 1884"] == (
        expected.splitlines()
    )
    assert parse(found.text).mqtt.port == 1884


def test_lists_tables_and_new_sections_are_written(config: EditableConfig) -> None:
    found = changed(config, wake_word__words='["okay_nabu", "alexa"]')
    assert parse(found.text).wake_word.words == ["okay_nabu", "alexa"]
    found = changed(config, speech__prior="{always = 0.5, wake_word = 0.8}")
    assert dict(parse(found.text).speech.prior)["wake_word"] == 0.8


def test_an_empty_number_is_the_default_again(config: EditableConfig) -> None:
    config.save(changed(config, mqtt__port="1884").text, config.read()[1])
    found = changed(config, mqtt__port="")
    assert "port" not in found.text
    assert parse(found.text).mqtt.port == 0


@pytest.mark.parametrize(
    ("key", "typed"),
    [
        ("mqtt__port", "many"),
        ("mqtt__port", "70000000"),
        ("device__state_directory", "/a\0b"),
        ("mqtt__port", "1\n[fleet]\nx = 1"),
        ("mqtt__host", "mqtt://broker:1"),
        ("mqtt__version", "4"),
        ("mqtt__operations", '["steal"]'),
        ("page__listen", "0.0.0.0:10480"),
        ("telemetry__every_s", "true"),
    ],
)
def test_what_config_check_refuses_is_refused(config: EditableConfig, key: str, typed: str) -> None:
    found = changed(config, **{key: typed})
    assert found.problems
    assert any(key.replace("__", ".").partition(".")[0] in one for one in found.problems)


def test_a_file_that_is_named_must_be_there(config: EditableConfig) -> None:
    found = changed(config, mqtt__host="b", mqtt__tls="true", mqtt__ca_file="/nowhere/ca.pem")
    assert any("/nowhere/ca.pem" in one for one in found.problems), found


def test_a_secret_is_written_and_never_shown(config: EditableConfig) -> None:
    for section, key in SECRETS:
        described = next(one for one in config.sections() if one.name == section)
        (field,) = (one for one in config.fields(described, config.read()[0]) if one.key == key)
        assert (field.kind, field.value, field.is_set) == ("secret", "", True)
    found = changed(config, mqtt__username="other")
    assert found.changed == (("mqtt.username", ""),)
    assert parse(found.text).mqtt.username == "other"


def test_a_save_keeps_permissions_and_the_file_before(
    config: EditableConfig, tmp_path: Path
) -> None:
    before, digest = config.read()
    config.save(changed(config, mqtt__host="broker.local").text, digest)
    assert config.path.stat().st_mode & 0o777 == 0o640
    (version,) = config.versions()
    assert version.content == before.encode()
    assert config.restored(version).text == before
    kept = next((tmp_path / "state" / "config-versions").iterdir())
    assert kept.stat().st_mode & 0o077 == 0


def test_a_file_changed_elsewhere_and_a_link_are_not_overwritten(
    config: EditableConfig, tmp_path: Path
) -> None:
    _, digest = config.read()
    config.path.write_text(config.read()[0] + "# by hand\n")
    with pytest.raises(EditRefused, match="changed elsewhere"):
        config.save("", digest)
    link = tmp_path / "link.toml"
    link.symlink_to(config.path)
    linked = EditableConfig(link, tmp_path / "state")
    with pytest.raises(EditRefused, match="link"):
        linked.save("", linked.read()[1])
    assert config.path.read_text().endswith("# by hand\n")


def test_a_text_of_several_lines_keeps_them_and_is_shown_with_them(config: EditableConfig) -> None:
    config.path.write_text(config.read()[0] + '\n[language_model]\nsystem_prompt = """a\nb"""\n')
    described = next(one for one in config.sections() if one.name == "language_model")
    fields = config.fields(described, config.read()[0])
    shown = render(
        "settings", t=texts("en"), language="en", owner=True, device="", navigation=(), path="",
        sections=[], section=described, fields=fields, digest="", read_only="", before=(), bundle=0,
        fault="", beside=False, saved=(),
    )  # fmt: skip
    assert re.search(r'<textarea [^>]*name="language_model.system_prompt"[^>]*>\na\nb</', shown)
    assert config.changed(fields, {"language_model.system_prompt": "a\r\nb"}).changed == ()
    found = config.changed(fields, {"language_model.system_prompt": "a\r\nb\r\nc"})
    assert parse(found.text).language_model.system_prompt == "a\nb\nc"


@pytest.mark.parametrize("typed", ["0x" + "f" * 5000, "[" * 5000 + "]" * 5000])
def test_endless_numbers_and_deep_brackets_are_mistakes_of_their_key(
    config: EditableConfig, typed: str
) -> None:
    found = changed(config, mqtt__keepalive_s=typed)
    assert found.problems[0].startswith("mqtt.keepalive_s: ")


def test_the_page_does_not_choose_a_file_whose_lines_leave_the_board(
    config: EditableConfig,
) -> None:
    (problem,) = changed(config, language_model__facts="/etc/hostname").problems
    assert problem.startswith("language_model.facts: answers repeat lines")
    (problem,) = changed(config, mqtt__password_file="/etc/hostname", mqtt__username="u").problems
    assert problem.startswith("mqtt.password_file: the first line")


def test_what_was_broken_by_hand_is_undone(config: EditableConfig) -> None:
    before, digest = config.read()
    config.save(changed(config, mqtt__host="broker.local").text, digest)
    config.path.write_text("not toml at all")
    with pytest.raises(EditRefused, match=rf"{config.path}: not valid TOML.*put back"):
        config.fields(config.sections()[0], config.read()[0])
    found = config.restored(config.versions()[0])
    assert (found.text, found.problems) == (before, ())
    config.save(found.text, config.read()[1])
    (problem,) = config.restored(config.versions()[0]).problems
    assert problem.startswith(f"the earlier {config.path}: not valid TOML")
    assert config.read()[0] == before


def test_the_shipped_explanations_cover_every_key() -> None:
    described = {f"{one.name}.{key.key}" for one in shipped_sections() for key in one.keys}
    assert {"mqtt.host", "page.listen", "sentences.folder", "log.level"} <= described
