"""`appliance calibrate` on the shipped recordings, with the real model."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from appliance import cli
from appliance.config import SpeechSettings
from appliance.evaluation.manifest import SAMPLES


@pytest.fixture
def config(tmp_path: Path, models_directory: Path) -> Path:
    path = tmp_path / "config.toml"
    path.write_text(
        f'[device]\nstate_directory = "{tmp_path}"\nmodels_directory = "{models_directory}"\n'
    )
    return path


@pytest.mark.timeout(120)
def test_calibrate_prints_lines_for_the_config_and_their_uncertainty(
    config: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    manifest = SAMPLES / "manifest.jsonl"
    assert cli.main(["calibrate", str(manifest), "--config", str(config)]) == 0
    printed = capsys.readouterr().out
    assert "fewer than 30 clips" in printed
    assert "confidence   results   right" in printed
    assert "# before: " in printed
    assert "each clip with settings from the others" in printed
    speech = tomllib.loads(printed)["speech"]
    assert speech["least_confidence"] == pytest.approx(SpeechSettings().least_confidence, abs=0.1)
    assert len(speech["calibration"]) == 5
    config.write_text(config.read_text() + printed)
    assert cli.main(["config", "check", "--config", str(config)]) == 0


def test_a_manifest_without_recordings_is_an_error_that_says_so(
    tmp_path: Path, config: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    manifest = tmp_path / "m.jsonl"
    manifest.write_text('{"text": "turn on the light", "intent": "HassTurnOn"}\n')
    assert cli.main(["calibrate", str(manifest), "--config", str(config)]) != 0
    assert "no line has both `audio` and `intent`" in capsys.readouterr().err
