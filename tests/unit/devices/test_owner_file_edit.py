"""The page changes the owner's file: one entry, and no other line of it."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import Any

import pytest

from appliance.config import Config, DeviceSettings, DevicesSettings
from appliance.devices.discovered_entities import DiscoveryRules
from appliance.devices.entity import DeviceEntity
from appliance.devices.entity_factory import make_entity
from appliance.devices.owner_file import DeviceEntry, OwnerFile, load_owner_file
from appliance.devices.owner_file_edit import (
    change_device,
    changeable_owner_file,
    planned_change,
)
from appliance.errors import DeviceConfigError

RULES = DiscoveryRules()

COMMENTED = """\
# My house.
areas: [Kitchen, "Living room"]   # rooms
devices:
  # The lamp above the table.
  - device: "0x00158d0001a2b3c4"   # zigbee
    name: Ceiling lamp             # as we call it
    aliases:
      - big light                  # the children
  # All of them:
  - device: "lock *"
    expose: true
    hide: false

own: []   # none yet
# The end.
"""


def entity(component: str = "light", name: str = "0x00158d0001a2b3c4") -> DeviceEntity:
    given = {"name": name, "command_topic": "c", "state_topic": "s"}
    return make_entity(component, f"{component} x", given)


def changed(path: Path, of: DeviceEntity, **changes: Any) -> OwnerFile:
    """Change the file; what it said and says must be the same in the file."""
    owner = change_device(path, of, changes, RULES)
    assert load_owner_file(path, RULES) == owner
    return owner


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """The owner's file."""
    file = tmp_path / "devices.yaml"
    file.write_text(COMMENTED, "utf-8")
    return file


def test_a_changed_value_changes_its_own_characters_only(path: Path) -> None:
    owner = changed(path, entity(), name='Große "Lampe"')
    assert owner.devices[0].name == 'Große "Lampe"'
    expected = COMMENTED.replace("name: Ceiling lamp  ", 'name: "Große \\"Lampe\\""  ')
    assert path.read_text("utf-8") == expected


def test_a_new_key_stands_behind_the_last_one_and_every_comment_stays(path: Path) -> None:
    owner = changed(path, entity(), area="Kitchen", confirm=True)
    assert (owner.devices[0].area, owner.devices[0].confirm) == ("Kitchen", True)
    line = "      - big light                  # the children\n"
    more = '    area: "Kitchen"\n    confirm: true\n'
    assert path.read_text("utf-8") == COMMENTED.replace(line, line + more)


def test_a_list_is_replaced_and_a_default_ends_what_was_said(path: Path) -> None:
    changed(path, entity(), aliases=["lamp one", "lamp: two"])
    owner = changed(path, entity(), name=None)
    assert owner.devices[0] == DeviceEntry("0x00158d0001a2b3c4", aliases=["lamp one", "lamp: two"])
    assert "# as we call it" in path.read_text("utf-8")


def test_a_device_without_an_entry_gets_one_that_keeps_what_held_for_it(path: Path) -> None:
    owner = changed(path, entity("lock", "Front [door]"), name="Front door", confirm=False)
    found = owner.entry_for("lock", "Front [door]")
    assert found == DeviceEntry(
        "lock Front [[]door]", name="Front door", expose=True, confirm=False
    )
    assert owner.entry_for("lock", "Back door") == DeviceEntry("lock *", expose=True)
    before, after = COMMENTED.split("  # All of them:\n")
    text = path.read_text("utf-8")
    assert text.startswith(before)
    assert text.endswith("  # All of them:\n" + after)


def test_what_no_entry_fits_comes_last(path: Path) -> None:
    owner = changed(path, entity("switch", "Pump"), hide=True)
    assert owner.devices[-1] == DeviceEntry("switch Pump", hide=True)
    kept = path.read_text("utf-8").replace('\n  - device: "switch Pump"\n    hide: true', "")
    assert kept == COMMENTED


@pytest.mark.parametrize(
    "text",
    [
        "",
        "# nothing yet\n",
        "areas: [Hall]",
        "devices: []\n",
        "devices: [{device: Oven, read_only: true}]  # flow\n",
        "devices:\n- device: Oven\n  read_only: true",
        "devices:\r\n  - device: Oven\r\n    hide: true # x\r\nareas: [Hall]\r\n",
        "\ufeffareas: [Hall]\n",
        "devices:\n  - device: Lamp\n    name:\n",
        "devices: [{device: 'light Lamp'}]\n",
        "devices:\n\n  - {device: 'LIGHT lamp', hide: true}   # x\n\n\nareas: []\n",
    ],
)
def test_every_form_of_the_file_can_be_changed_twice(tmp_path: Path, text: str) -> None:
    path = tmp_path / "devices.yaml"
    path.write_bytes(text.encode())
    lamp, oven = entity("light", "Lamp"), entity("switch", "Oven")
    changed(path, lamp, name="Big lamp")
    changed(path, oven, area="Kitchen")
    owner = changed(path, lamp, aliases=["light"], name="Lamp three")
    found = owner.entry_for("light", "Lamp")
    assert found is not None
    assert (found.name, found.aliases) == ("Lamp three", ["light"])
    assert owner.areas == (["Hall"] if "Hall" in text else [])


def test_a_file_that_does_not_exist_is_made(tmp_path: Path) -> None:
    path = tmp_path / "devices.yaml"
    changed(path, entity("light", "Lamp"), area="Hall")
    assert path.read_text("utf-8") == 'devices:\n  - device: "light Lamp"\n    area: "Hall"\n'
    assert stat.S_IMODE(path.stat().st_mode) == 0o640


def test_permissions_and_a_link_stay(tmp_path: Path, path: Path) -> None:
    path.chmod(0o664)
    link = tmp_path / "link.yaml"
    link.symlink_to(path)
    changed(link, entity(), hide=True)
    assert link.is_symlink()
    assert stat.S_IMODE(path.stat().st_mode) == 0o664


@pytest.mark.parametrize(
    "changes",
    [{"name": ""}, {"name": "x" * 90}, {"hide": "yes"}, {"colour": "red"}, {"device": "x"}],
)
def test_a_value_that_is_not_allowed_changes_nothing(path: Path, changes: dict[str, Any]) -> None:
    with pytest.raises(DeviceConfigError):
        change_device(path, entity(), changes, RULES)
    assert path.read_text("utf-8") == COMMENTED


@pytest.mark.parametrize(
    "text",
    [
        "devices: [",
        "areas: 7\n",
        "{areas: []}\n",
        "x: &a [{device: Lamp}]\ndevices: *a\n",
        "devices:\n  - device: Lamp\n    name: |\n      big\n    hide: false\n",
    ],
)
def test_a_form_that_cannot_be_kept_is_left_to_a_person(tmp_path: Path, text: str) -> None:
    path = tmp_path / "devices.yaml"
    path.write_text(text, "utf-8")
    with pytest.raises(DeviceConfigError):
        change_device(path, entity("light", "Lamp"), {"name": "x"}, RULES)
    assert path.read_text("utf-8") == text


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    path = tmp_path / "missing" / "devices.yaml"
    with pytest.raises(DeviceConfigError, match="cannot be written: No such file"):
        change_device(path, entity(), {"hide": True}, RULES)


def test_a_file_of_a_signed_bundle_is_not_changed(tmp_path: Path) -> None:
    def config(file: str) -> Config:
        device = DeviceSettings(state_directory=str(tmp_path))
        return Config(device=device, devices=DevicesSettings(file=file))

    own = tmp_path / "devices.yaml"
    assert changeable_owner_file(config(str(own))) == own
    with pytest.raises(DeviceConfigError, match="signed bundle"):
        changeable_owner_file(config(f"{tmp_path}/fleet/bundles/3/devices.yaml"))


def test_without_a_configured_file_the_page_makes_one_in_the_state_directory(
    tmp_path: Path,
) -> None:
    config = Config(device=DeviceSettings(state_directory=str(tmp_path)))
    assert config.devices_file is None
    path = changeable_owner_file(config)
    owner = change_device(path, entity(), {"aliases": ["big lamp"]}, RULES)
    assert config.devices_file == path == tmp_path / "devices.yaml"
    assert load_owner_file(config.devices_file, RULES) == owner


def test_a_planned_change_writes_nothing(path: Path) -> None:
    before = path.read_text()
    planned = planned_change(path, entity(), {"aliases": ["big lamp"]}, RULES)
    assert path.read_text() == before
    assert change_device(path, entity(), {"aliases": ["big lamp"]}, RULES) == planned


def test_the_file_keeps_its_owner(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    given = []
    monkeypatch.setattr(os, "chown", lambda _, user, group: given.append((user, group)))
    changed(path, entity(), area="Kitchen")
    assert given == [(path.stat().st_uid, path.stat().st_gid)]


def test_a_file_that_is_not_there_is_refused_with_the_next_step(tmp_path: Path) -> None:
    path = tmp_path / "devices.yaml"
    with pytest.raises(DeviceConfigError, match=f"make an empty one: touch {path}"):
        load_owner_file(path, RULES)
    path.touch()
    assert load_owner_file(path, RULES) == OwnerFile()
