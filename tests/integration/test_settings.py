"""What changes while the appliance runs: sentence files on a real disk."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
import pytest

from appliance.config import Config
from appliance.daemon import live_settings

if TYPE_CHECKING:
    from pathlib import Path

    from appliance.sentences.sentence_set import SentenceSet

SENTENCES = 'language: en\nintents:\n  {name}:\n    data:\n      - sentences: ["{words}"]\n'


def test_a_file_that_is_saved_while_the_one_before_is_compiled_comes_into_force_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "mine.yaml"
    file.write_text(SENTENCES.format(name="First", words="one"))
    monkeypatch.setattr(live_settings, "WATCH_EVERY", 0.0)
    sentences = msgspec.structs.replace(Config().sentences, folder=str(tmp_path))
    config = msgspec.structs.replace(Config(), sentences=sentences)

    def compiling(_: Config, taken: SentenceSet) -> None:
        if "Second" in taken.declared:
            file.write_text(SENTENCES.format(name="Third", words="one two three"))

    watched = live_settings.LiveSettings(tmp_path / "config.toml", config, compiling)
    file.write_text(SENTENCES.format(name="Second", words="one two"))
    for _ in range(6):
        watched.watch()
    assert list(watched.sentences.declared) == ["Third"]
