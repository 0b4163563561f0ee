"""What changes while the appliance runs: sentence files on a real disk."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
import pytest
from support.pipeline_parts import RecordedEvents

from appliance.config import Config
from appliance.daemon import reload
from appliance.pipeline.pipeline_factory import load_sentences
from appliance.sentences.active_sentences import ActiveSentences
from appliance.sentences.file_watch import FileWatch

if TYPE_CHECKING:
    from pathlib import Path

    from appliance.sentences.sentence_set import SentenceSet

SENTENCES = 'language: en\nintents:\n  {name}:\n    data:\n      - sentences: ["{words}"]\n'


def test_a_file_that_is_saved_while_the_one_before_is_compiled_becomes_active_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "mine.yaml"
    file.write_text(SENTENCES.format(name="First", words="one"))
    monkeypatch.setattr(reload, "WATCH_EVERY", 0.0)
    sentences = msgspec.structs.replace(Config().sentences, folder=str(tmp_path), included=False)
    config = msgspec.structs.replace(Config(), sentences=sentences)

    class SavedMeanwhile:
        """A pipeline; while it compiles the second file, the owner saves a third."""

        def prepare(self, sentences: SentenceSet) -> None:
            if "Second" in sentences.declared:
                file.write_text(SENTENCES.format(name="Third", words="one two three"))

    watch = FileWatch(config.sentence_folder)
    watched = reload.LiveSettings(
        tmp_path / "config.toml",
        config,
        ActiveSentences(load_sentences(config)),
        watch,
        SavedMeanwhile(),  # type: ignore[arg-type]
        RecordedEvents(),
    )
    file.write_text(SENTENCES.format(name="Second", words="one two"))
    for _ in range(6):
        watched.watch()
    assert list(watched.sentences.declared) == ["Third"]
