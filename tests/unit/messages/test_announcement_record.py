"""What Home Assistant was told before: it keeps its identity, but for another machine."""

from __future__ import annotations

from pathlib import Path

import pytest

from appliance.config import Config, DeviceSettings
from appliance.messages import announcement_record
from appliance.messages.announcement_record import FILE, AnnouncedDevice


def config_of(folder: Path, name: str) -> Config:
    return Config(device=DeviceSettings(name=name, state_directory=str(folder)))


def test_a_renamed_appliance_is_the_same_device(tmp_path: Path) -> None:
    first = AnnouncedDevice.of(config_of(tmp_path, "kitchen"))
    first.keep(tmp_path)
    assert first.object_id == "appliance_kitchen"
    assert AnnouncedDevice.of(config_of(tmp_path, "galley")) == first


def test_a_copied_card_is_another_device(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    AnnouncedDevice.of(config_of(tmp_path, "kitchen")).keep(tmp_path)
    other = tmp_path / "machine-id"
    other.write_text("another")
    monkeypatch.setattr(announcement_record, "MACHINE_ID", other)
    assert AnnouncedDevice.of(config_of(tmp_path, "hall")).object_id == "appliance_hall"


def test_a_damaged_file_is_as_none(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / FILE).write_bytes(b"{")
    assert AnnouncedDevice.of(config_of(tmp_path, "hall")).object_id == "appliance_hall"
    assert "not known" in caplog.text
