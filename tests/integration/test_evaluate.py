"""`appliance evaluate` and `bench`: the figures of a manifest, and what a bad one's errors say."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from appliance import cli
from appliance.evaluation.manifest import SAMPLES


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """Without any model, so that what must be told before one is opened is."""
    path = tmp_path / "config.toml"
    path.write_text(
        f'[device]\nstate_directory = "{tmp_path}"\nmodels_directory = "{tmp_path}/none"\n'
        "[language_model]\nenabled = false\n"
    )
    return path


def manifest(tmp_path: Path, *clips: dict[str, Any]) -> str:
    path = tmp_path / "clips.jsonl"
    path.write_text("".join(json.dumps(clip) + "\n" for clip in clips))
    return str(path)


def test_texts_are_evaluated_without_a_speech_model(
    tmp_path: Path, config: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    clips = manifest(
        tmp_path,
        {"text": "what time is it", "intent": "HassGetCurrentTime"},
        {"text": "what time is it", "intent": "HassGetCurrentDate"},
        {"text": "the weather was fine", "intent": None},
        {"text": "the weather was fine", "intent": "HassGetCurrentTime"},
    )
    assert cli.main(["evaluate", clips, "--config", str(config), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["clips"], found["correct"], found["accuracy"]) == (4, 2, 0.5)
    assert (found["wrong_action"], found["false_reject"], found["false_accept"]) == (1, 1, 0)
    assert [one["expected"] for one in found["errors"]] == [
        "HassGetCurrentDate",
        "HassGetCurrentTime",
    ]


def test_a_line_names_the_room_of_the_speaker(
    tmp_path: Path, config: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "home.yaml").write_text(
        "intents: {Light: {data: [{sentences: [lights on], "
        "requires_context: {area: {slot: true}}}]}}\n"
        "lists: {area: {values: [kitchen, hall]}}\n",
        encoding="utf-8",
    )
    expected = {"text": "lights on", "intent": "Light", "slots": {"area": "hall"}}
    clips = manifest(
        tmp_path, {**expected, "area": "hall"}, {**expected, "area": "kitchen"}, expected
    )
    options = ["--intents", str(tmp_path), "--config", str(config), "--json"]
    assert cli.main(["evaluate", clips, *options]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["correct"], found["wrong_action"], found["false_reject"]) == (1, 1, 1)


@pytest.mark.parametrize("command", ["evaluate", "calibrate"])
def test_recordings_that_are_missing_are_told_before_any_work(
    command: str, tmp_path: Path, config: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    there: dict[str, Any] = {"audio": str(next(SAMPLES.glob("*.flac"))), "intent": None}
    gone = [{"audio": f"gone/{number}.wav", "intent": None} for number in range(7)]
    clips = manifest(tmp_path, there, *gone)
    assert cli.main([command, clips, "--config", str(config)]) == 1
    told = capsys.readouterr().err
    assert told.endswith("gone/0.wav, gone/1.wav, gone/2.wav, gone/3.wav, gone/4.wav and 2 more\n")


def test_an_empty_manifest_is_told(
    tmp_path: Path, config: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["evaluate", manifest(tmp_path), "--config", str(config)]) == 1
    assert "the manifest is empty" in capsys.readouterr().err


@pytest.mark.parametrize("option", ["--runs", "--threads"])
@pytest.mark.parametrize("number", ["0", "-2", "x"])
def test_a_bench_of_nothing_is_wrong_use(
    option: str, number: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as stopped:
        cli.main(["bench", f"{option}={number}"])
    assert stopped.value.code == 2
    assert "must be a whole number, 1 or more" in capsys.readouterr().err
