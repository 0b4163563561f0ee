"""appliance models, as an owner types it."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from support.model_sources import CONFIG, WEIGHTS, PackageIndex, index, lay_down, small_model

from appliance import cli
from appliance.models import catalogue

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from appliance.models.catalogue import Model

    Typed = Callable[..., int]

__all__ = ["index"]


@pytest.fixture
def model(index: PackageIndex, monkeypatch: pytest.MonkeyPatch) -> Model:
    """The whole catalogue: one small model, in a package in reach."""
    package = index.publish("small-model", {"config.json": CONFIG, "model.bin": WEIGHTS})
    made = small_model(package)
    monkeypatch.setattr(catalogue, "models", lambda: {"small": made})
    return made


@pytest.fixture
def models(tmp_path: Path) -> Path:
    return tmp_path / "models"


@pytest.fixture
def typed(tmp_path: Path, models: Path) -> Typed:
    """Runs `appliance models WORDS` with a config that names the small model."""
    config = tmp_path / "config.toml"
    config.write_text(
        f"[device]\nmodels_directory = {json.dumps(str(models))}\n"
        '[speech]\nmodel = "small"\n[language_model]\nenabled = false\n'
    )

    def run(*words: str) -> int:
        return cli.main(["models", *words, "--config", str(config)])

    return run


Capture = pytest.CaptureFixture[str]


def test_pull_without_a_name_fetches_what_the_config_names_and_only_once(
    model: Model, typed: Typed, capsys: Capture
) -> None:
    assert typed("pull") == 0
    assert "SHA-256 correct" in capsys.readouterr().err
    assert typed("pull") == 0
    said = capsys.readouterr()
    assert "ready" in said.out
    assert said.err == ""


def test_an_unknown_name_is_wrong_use_and_answered_with_what_was_meant(
    model: Model, typed: Typed, capsys: Capture
) -> None:
    for action in ("pull", "verify", "remove"):
        assert typed(action, "smal") == 2
        assert "did you mean small?" in capsys.readouterr().err


def test_list_shows_the_state_of_each_model(
    model: Model, typed: Typed, models: Path, capsys: Capture
) -> None:
    assert typed("list", "--json") == 0
    (row,) = json.loads(capsys.readouterr().out)["models"]
    assert row["state"] == "missing"
    assert row["in_use"]
    assert row["sources"] == ["package small-model 1.0"]
    assert {"family", "licence", "bytes", "memory_mb", "languages", "files"} <= row.keys()
    (lay_down(model, models) / "model.bin").write_bytes(b"")
    assert typed("list") == 0
    text = capsys.readouterr().out
    assert "damaged" in text
    assert "model.bin has 0 bytes instead of 1024000" in text


def test_list_says_which_file_the_owner_has_to_make(
    model: Model, typed: Typed, capsys: Capture
) -> None:
    assert model.name
    assert typed("list") == 0
    (line,) = [one for one in capsys.readouterr().out.splitlines() if one.startswith("openelm")]
    assert line.endswith(
        "converted from apple/OpenELM-270M-Instruct with llama.cpp's convert_hf_to_gguf.py"
    )
    assert typed("list", "--json") == 0
    others = json.loads(capsys.readouterr().out)["hub_models"]
    assert [one["family"] for one in others if one["converted"]] == ["openelm"]


def test_verify_tells_whole_from_damaged_from_missing_by_its_exit_status(
    model: Model, typed: Typed, models: Path, capsys: Capture
) -> None:
    assert typed("verify") == 69
    weights = lay_down(model, models) / "model.bin"
    assert typed("verify") == 0
    weights.write_bytes(bytes(len(WEIGHTS)))
    assert typed("verify", "--json") == 1
    said = json.loads(capsys.readouterr().out.partition("{")[2].join(["{", ""]))
    assert "sha256" in said["models"][0]["problems"]["model.bin"]


def test_a_damaged_model_is_whole_again_after_a_pull(
    model: Model, typed: Typed, models: Path
) -> None:
    (lay_down(model, models) / "model.bin").write_bytes(WEIGHTS[:5])
    assert typed("pull", "small") == 0
    assert typed("verify", "small") == 0


def test_remove_says_what_it_freed_and_that_the_config_still_asks_for_it(
    model: Model, typed: Typed, models: Path, capsys: Capture
) -> None:
    lay_down(model, models)
    assert typed("remove", "small") == 0
    said = capsys.readouterr().out
    assert "1.0 MB freed" in said
    assert "config.toml still uses it" in said
    assert not (models / "small").exists()
    assert typed("remove", "small") == 0


def test_a_pull_that_fails_says_why_and_exits_with_1(
    model: Model, typed: Typed, index: PackageIndex, capsys: Capture
) -> None:
    next(index.folder.iterdir()).unlink()
    assert typed("pull") == 1
    assert "could not be fetched" in capsys.readouterr().err


def test_the_code_that_reaches_the_network_is_loaded_by_a_pull_alone(tmp_path: Path) -> None:
    (tmp_path / "config.toml").write_text(f'device.models_directory = "{tmp_path}"')
    program = """
import sys
from appliance import cli
for action in ("list", "verify"):
    cli.main(["models", action, "--config", sys.argv[1]])
loaded = {"appliance.models.fetch", "http.client", "huggingface_hub", "urllib.request"}
sys.exit(str(loaded & sys.modules.keys()) if loaded & sys.modules.keys() else 0)
"""
    config = str(tmp_path / "config.toml")
    subprocess.run([sys.executable, "-c", program, config], check=True)
