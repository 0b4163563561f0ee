"""The health check of a tried slot, with the real appliance and a real model."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from appliance_image.appliance_calls import Appliance, service_state
from appliance_image.health import Health

REPOSITORY = Path(__file__).parents[2]


class HealthyAppliance(Appliance):
    """Its `check` is tested elsewhere."""

    def errors(self) -> list[str]:
        return []


@pytest.fixture
def health(tmp_path: Path, models_directory: Path) -> Health:
    config = tmp_path / "config.toml"
    config.write_text(f'[device]\nmodels_directory = "{models_directory}"\n')
    appliance = HealthyAppliance(
        (sys.executable, "-m", "appliance"), {"PYTHONPATH": f"{REPOSITORY}"}
    )
    return Health(
        appliance, base_config=config, work=tmp_path / "work", state_of_service=lambda _: "active"
    )


def test_an_appliance_that_understands_its_own_recording_is_well(health: Health) -> None:
    assert health.problem([]) is None


def test_one_whose_models_are_gone_is_not(health: Health, tmp_path: Path) -> None:
    health.base_config.write_text(f'[device]\nmodels_directory = "{tmp_path}"\n')
    assert "was not understood" in f"{health.problem([])}"


def test_one_whose_recordings_are_gone_is_not(health: Health, tmp_path: Path) -> None:
    without = Health(
        health.appliance,
        base_config=health.base_config,
        work=tmp_path,
        samples=tmp_path,
        state_of_service=lambda _: "active",
    )
    assert "could not be tried" in f"{without.problem([])}"


def test_a_configuration_that_names_no_folder_means_the_models_of_the_image(
    health: Health, tmp_path: Path
) -> None:
    health.base_config.write_text((REPOSITORY / "config.toml").read_text())
    said = f"{health.problem([])}"
    assert "/opt/appliance/models" in said or said == "None"
    assert f"{tmp_path}" not in said


@pytest.mark.parametrize("state", ["active", "failed"])
def test_the_state_of_the_service_is_told_in_whatever_order(
    state: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    systemctl = tmp_path / "systemctl"  # systemd 257 says the restarts first
    systemctl.write_text(f"#!/bin/sh\necho NRestarts=0\necho ActiveState={state}\n")
    systemctl.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}", prepend=":")
    assert service_state(20) == state
