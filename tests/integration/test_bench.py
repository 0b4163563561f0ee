"""`appliance bench`: measures the appliance and the baseline in turn."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from appliance.evaluation.manifest import SAMPLES

pytestmark = pytest.mark.timeout(240)


@pytest.fixture
def command(models_directory: Path, tmp_path: Path) -> list[str]:
    config = tmp_path / "config.toml"
    config.write_text(
        f'[device]\nstate_directory = "{tmp_path}"\nmodels_directory = "{models_directory}"\n'
        "threads = 1\n[language_model]\nenabled = false\n"
    )
    lines = (SAMPLES / "manifest.jsonl").read_text().splitlines()
    clip = next(json.loads(line) for line in lines if "timer_slow" in line)
    clip["audio"] = str(SAMPLES / clip["audio"])
    manifest = tmp_path / "clips.jsonl"
    manifest.write_text(json.dumps(clip) + "\n")
    start = [sys.executable, "-m", "appliance", "bench", "--config", str(config)]
    return [*start, "--clips", str(manifest), "--runs", "1"]


def test_the_report_has_times_memory_and_decoder_calls(command: list[str]) -> None:
    done = subprocess.run([*command, "--json"], check=True, capture_output=True, text=True)
    report = json.loads(done.stdout)
    [clip] = report["clips"]
    assert 0 < clip["encode_ms"] < clip["ours_ms"]
    assert clip["ratio"] == pytest.approx(clip["ours_ms"] / clip["padded_ms"], abs=0.01)
    assert clip["calls"] >= 1
    assert clip["tokens"] >= 5
    assert clip["ours_right"]
    assert 0 < report["memory_mb"] <= 1.1 * report["peak_memory_mb"]
    assert report["realtime_factor"] == pytest.approx(
        clip["ours_ms"] / 1000 / clip["seconds"], abs=0.01
    )
    assert {stage["name"] for stage in report["start"]} == {"sentences", "speech model", "grammar"}
    advice = {one["name"]: one for one in report["speech_models"]}
    assert advice["whisper-tiny.en"]["measured"]
    assert not advice["whisper-small"]["measured"]
    assert advice["whisper-small"]["realtime_factor"] > advice["whisper-tiny.en"]["realtime_factor"]
