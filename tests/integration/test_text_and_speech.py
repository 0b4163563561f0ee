"""One parser reads texts and speech; it gives what hassil's own `recognize_best` gives."""

from __future__ import annotations

from pathlib import Path

import pytest
from measure.text_parser import hassils_without_cache, home, ours, sampled

from appliance.sentences.sentence_set import load

DIFFERENT = {
    "füge gin zu meiner StehlampeListe hinzu",  # hassil ends a wildcard in the middle of a word
    "das Licht in Küche ein",  # hassil reads a brightness of one ("ein")
}


@pytest.mark.parametrize("language", ["starter", "de", "fr", "nl"])
def test_a_text_means_what_hassil_reads_and_can_be_spoken(tmp_path: Path, language: str) -> None:
    sentences = load(None, "en") if language == "starter" else home(language, tmp_path)
    understood = 0
    for text in sampled(sentences, 50, seed=2):
        meaning = ours(sentences, text)
        same = meaning == hassils_without_cache(sentences.intents, text)
        assert same or text in DIFFERENT, text
        assert sentences.grammar.allows(text) == (meaning is not None), text
        understood += meaning is not None
    assert understood > 25
