"""One parser reads texts and speech; it gives what hassil's own `recognize_best` gives."""

from __future__ import annotations

from pathlib import Path

import pytest
from hassil import recognize_best
from measure.text_parser import comparable, hassils_without_cache, home, ours, sampled

from appliance.evaluation import manifest
from appliance.sentences.sentence_set import load

pytestmark = pytest.mark.long

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
        assert sentences.grammar.allows(text) == bool(sentences.readings(text)), text
        understood += meaning is not None
    assert understood > 25


@pytest.mark.parametrize("language", ["de", "en", "es", "fr", "it", "nl"])
def test_a_command_means_in_its_room_what_hassil_reads_there(speech: Path, language: str) -> None:
    folder = speech / "assist" / language
    sentences = load(folder, language, builtin=True)
    clips = manifest.read(folder / "manifest.jsonl")
    for clip in clips:
        assert clip.text is not None
        found = recognize_best(
            clip.text,
            sentences.intents,
            best_slot_name="name",
            intent_context={"area": clip.area} if clip.area else None,
        )
        slots = {name: entity.value for name, entity in found.entities.items()} if found else {}
        expected = comparable(found.intent.name, slots) if found else None
        assert ours(sentences.in_area(clip.area), clip.text) == expected, clip.text
    assert any(clip.area for clip in clips)
