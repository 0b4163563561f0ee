"""Whole languages spoken to the multilingual model under Home Assistant's own sentences."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import home_assistant_intents
import numpy as np
import pytest
from measure.languages import HOUSES
from measure.voices import pico

from appliance.decoding.sentence_recogniser import SentenceRecogniser
from appliance.engines.whisper.model import Whisper
from appliance.errors import EngineError
from appliance.grammar.grammar import Grammar
from appliance.grammar.token_mask import TokenVocabulary

pytestmark = [pytest.mark.long, pytest.mark.timeout(180)]

SPOKEN = [
    (language, text)
    for language, texts in {
        "de": (0, 1, 2, 4, 5),
        "fr": (0, 1, 3, 6),
        "es": (0, 1, 2, 3, 5),
        "it": (0, 1, 2, 4, 5),
    }.items()
    for text in (HOUSES[language].said[index] for index in texts)
]
"""What the synthetic voices say clearly. There is none for Dutch that the model understands."""


@pytest.fixture(scope="module")
def base(models_directory: Path) -> Whisper:
    folder = models_directory / "whisper-base"
    if not (folder / "model.bin").is_file():
        pytest.skip("the multilingual model is optional: appliance models pull whisper-base")
    return Whisper(folder, threads=1)


@pytest.fixture(scope="module")
def how(base: Whisper) -> SentenceRecogniser:
    return SentenceRecogniser(vocabulary=TokenVocabulary.of(base.tokens, base.end), spell=base.text)


@cache
def grammar(language: str) -> Grammar:
    return HOUSES[language].grammar(language)


@pytest.mark.parametrize(("language", "text"), SPOKEN)
def test_a_language_of_home_assistant_is_understood(
    language: str, text: str, base: Whisper, how: SentenceRecogniser
) -> None:
    [meant, *_] = grammar(language).readings(text)
    found = how.recognise(base.encode(pico(text, language), language), grammar(language))
    assert found.reading is not None, (found.free_text, found.text, found.refused)
    assert found.reading.meaning == meant.meaning


@pytest.mark.parametrize("language", list(HOUSES))
def test_every_sentence_of_a_large_home_can_be_said(language: str) -> None:
    for text in HOUSES[language].said:
        assert grammar(language).allows(text), text
        assert grammar(language).readings(text), text


@pytest.mark.parametrize("language", ["fr", "es", "it"])
def test_talk_in_another_language_is_refused(
    language: str, base: Whisper, how: SentenceRecogniser
) -> None:
    talk = pico("The weather was fine and we walked along the river.", "en")
    assert how.recognise(base.encode(talk, language), grammar(language)).reading is None


def test_of_home_assistants_languages_the_model_lacks_two(base: Whisper) -> None:
    lacking = set()
    for language in home_assistant_intents.get_languages():
        try:
            base.encode(np.zeros(16_000, np.float32), language)
        except EngineError as error:
            assert language in str(error)  # noqa: PT017
            lacking.add(language)
    assert lacking == {"ga", "kw"}
