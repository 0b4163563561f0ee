"""What is written and what is said are read by two programs: hassil, and the grammar's parser."""

from __future__ import annotations

import json
import random
from collections.abc import Mapping
from pathlib import Path

import pytest
from measure.languages import HOUSES

from appliance.grammar.grammar import Grammar
from appliance.sentences.sentence_set import SentenceSet, load


def home_assistants(language: str, folder: Path) -> SentenceSet:
    """A fan is called "ventilateur" among others, so that a name and a kind of device compete."""
    house = HOUSES[language]
    lists = {
        "name": [
            {"in": house.lamp, "out": house.lamp, "context": {"domain": "light"}},
            {"in": house.fan, "out": house.fan, "context": {"domain": "fan"}},
        ],
        "area": list(house.areas),
        "floor": ["1"],
    }
    own = {"language": language, "lists": {name: {"values": lists[name]} for name in lists}}
    (folder / "own.yaml").write_text(json.dumps(own), "utf-8")
    return load(folder, language, builtin=True)


def folded(slots: Mapping[str, object]) -> dict[str, str]:
    return {name: f"{value}".casefold() for name, value in slots.items()}


@pytest.mark.parametrize("language", ["starter", "de", "fr", "nl"])
def test_a_sentence_means_the_same_as_text_and_as_speech(tmp_path: Path, language: str) -> None:
    starter = language == "starter"
    sentences = load(None, "en") if starter else home_assistants(language, tmp_path)
    spoken = Grammar.of(sentences.intents)
    examples = [text.replace("\N{HORIZONTAL ELLIPSIS}", "gin") for _, text in sentences.examples(2)]
    understood = 0
    for text in random.Random(2).sample(examples, 50):  # noqa: S311
        intent, readings = sentences.parse(text), spoken.readings(text)
        understood += intent is not None
        written = intent and (intent.name, folded(intent.slots))
        said = (readings[0].intent, folded(readings[0].slots)) if readings else None
        assert written == said, text
    assert understood > 25
