"""Whole languages spoken to the multilingual model under Home Assistant's own sentences."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import home_assistant_intents
import numpy as np
import pytest
from hassil import Intents
from hassil.intents import TextSlotList, TextSlotValue

from appliance.audio import files
from appliance.engines.whisper import Whisper
from appliance.grammar.grammar import Grammar
from appliance.grammar.understand import Understanding
from appliance.grammar.vocabulary import Vocabulary

pytestmark = pytest.mark.timeout(180)

SPOKEN = [
    ("de", "Schalte das Licht in der Küche ein.", "Küche", "HassTurnOn"),
    ("de", "Schalte das Licht in der Küche aus.", "Küche", "HassTurnOff"),
]
"""Of espeak-ng's voices the model understands the German one; the others are tested as text."""


@pytest.fixture(scope="module")
def base(models_directory: Path) -> Whisper:
    folder = models_directory / "whisper-base"
    if not (folder / "model.bin").is_file():
        pytest.skip("the multilingual model is optional: appliance models pull whisper-base")
    return Whisper(folder, threads=1)


def grammar(language: str, area: str) -> Grammar:
    path = Path(home_assistant_intents.__file__).parent / "data" / f"{language}.json"
    lamp = TextSlotValue.from_tuple(("lamp", "lamp", {"domain": "light"}))
    lists = {
        "name": TextSlotList(name="name", values=[lamp]),
        "area": TextSlotList.from_strings([area], name="area"),
        "floor": TextSlotList.from_strings(["1"], name="floor"),
    }
    return Grammar.of(Intents.from_dict(json.loads(path.read_text("utf-8"))), lists)


@pytest.mark.parametrize(("language", "text", "area", "intent"), SPOKEN)
def test_a_language_of_home_assistant_is_understood(
    language: str, text: str, area: str, intent: str, base: Whisper, tmp_path: Path
) -> None:
    path = tmp_path / "spoken.wav"
    subprocess.run(["espeak-ng", "-v", language, "-s", "130", "-w", path, text], check=True)
    samples = files.decode(path, maximum_seconds=30.0).astype(np.float32)
    how = Understanding(vocabulary=Vocabulary.of(base.tokens, base.end), spell=base.text)
    found = how.understand(base.hear(samples, language), grammar(language, area))
    assert found.intent == intent, (found.free_text, found.text, found.refused)
