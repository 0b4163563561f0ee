"""A changed file of devices counts within two looks; a broken one changes nothing."""

from __future__ import annotations

from pathlib import Path

from appliance.devices.device_registry import DeviceRegistry
from appliance.devices.discovered_entities import DiscoveryRules
from appliance.devices.owner_file import OwnerFile, load_owner_file
from appliance.devices.owner_file_watch import OwnerFileWatch

LAMP = b'{"name": "0x00158d0001a2b3c4", "cmd_t": "a"}'


def watched(file: Path) -> tuple[OwnerFileWatch, DeviceRegistry]:
    """A registry with one lamp, and what watches its file."""
    owner = load_owner_file(file, DiscoveryRules())
    registry = DeviceRegistry(DiscoveryRules(), owner, file.with_name("devices.json"))
    registry.receive("homeassistant/light/a/config", LAMP, retained=False)
    return OwnerFileWatch(file, registry), registry


def test_a_change_counts_and_a_mistake_keeps_the_last_good_version(tmp_path: Path) -> None:
    file = tmp_path / "devices.yaml"
    file.write_text("devices: []\n", "utf-8")
    watch, registry = watched(file)
    watch.look()
    assert registry.devices[0].problem is not None
    file.write_text('devices:\n  - device: "0x*"\n    name: Big lamp\n', "utf-8")
    watch.look()
    watch.look()
    assert [one.name for one in registry.devices] == ["Big lamp"]
    assert registry.has_settled()
    file.write_text('devices:\n  - device: "0x*"\n    nmae: Lamp\n', "utf-8")
    watch.look()
    watch.look()
    assert watch.problem.startswith(f"{file}:2: ")
    assert [one.name for one in registry.devices] == ["Big lamp"]
    file.unlink()
    watch.look()
    watch.look()
    assert "cannot be read" in watch.problem
    assert [one.name for one in registry.devices] == ["Big lamp"]
    file.write_text("areas: [Hall]\n", "utf-8")
    watch.look()
    watch.look()
    assert (watch.problem, registry.owner.areas) == ("", ["Hall"])
    assert registry.devices[0].problem is not None


def test_what_changed_before_the_first_look_is_seen(tmp_path: Path) -> None:
    file = tmp_path / "devices.yaml"
    file.write_text("areas: []\n", "utf-8")
    owner = load_owner_file(file, DiscoveryRules())
    registry = DeviceRegistry(DiscoveryRules(), owner, tmp_path / "devices.json")
    file.write_text("areas: [Hall]\n", "utf-8")
    OwnerFileWatch(file, registry).look()
    assert registry.owner.areas == ["Hall"]


def test_a_file_that_is_made_later_counts_from_then_on(tmp_path: Path) -> None:
    file = tmp_path / "devices.yaml"
    registry = DeviceRegistry(DiscoveryRules(), OwnerFile(), tmp_path / "devices.json")
    watch = OwnerFileWatch(file, registry)
    watch.look()
    watch.read()
    assert watch.problem == ""
    file.write_text("areas: [Attic]\n")
    watch.read()
    assert registry.owner.areas == ["Attic"]
    file.unlink()
    watch.read()
    assert "there is no such file" in watch.problem
    assert registry.owner.areas == ["Attic"]
