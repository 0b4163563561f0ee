"""What `appliance bench` measures of the language model."""

from __future__ import annotations

from pathlib import Path

import pytest
from support import tiny_models

from appliance.bench import prefix_speed
from appliance.config import LanguageModelSettings


def test_cold_warm_restored_and_plain_are_measured_on_the_same_prompt(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(prefix_speed, "SYSTEM", "You are the voice of a house.")
    path = tiny_models.write("smollm2", tmp_path / "tiny.gguf")
    speed = prefix_speed.measure(path, LanguageModelSettings(context_tokens=4096), threads=1)
    assert 0 < speed.cached_tokens < speed.prompt_tokens
    assert min(speed.cold_ms, speed.warm_ms, speed.restored_ms, speed.plain_ms) > 0
