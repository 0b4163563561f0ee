"""`auto` is the speech model for the language, or the one that is installed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from appliance import config as configuration
from appliance.models import catalogue
from appliance.models.speech_model_choice import usable_model, wanted_model, with_usable_model

if TYPE_CHECKING:
    from pathlib import Path

    from appliance.config import Config

TINY, BASE = "whisper-tiny.en", "whisper-base"


def config_with(folder: Path, installed: tuple[str, ...], text: str = "") -> Config:
    """Empty files of the published sizes stand for the models."""
    for name in installed:
        (folder / name).mkdir()
        for file, published in catalogue.models()[name].files.items():
            with (folder / name / file).open("wb") as empty:
                empty.truncate(published.bytes)
    return configuration.parse(f"device.models_directory = '{folder}'\n{text}")


@pytest.mark.parametrize(
    ("language", "model"), [("en", TINY), ("en-GB", TINY), ("de", BASE), ("pt-BR", BASE)]
)
def test_each_language_has_a_model_that_knows_it(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, language: str, model: str
) -> None:
    here = config_with(tmp_path, (TINY, BASE), f"device.language = '{language}'")
    assert with_usable_model(here).speech.model == wanted_model(here) == model
    assert not caplog.text


def test_the_start_does_without_the_english_model_if_the_multilingual_one_is_there(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    assert with_usable_model(config_with(tmp_path, (BASE,))).speech.model == BASE
    assert "appliance models pull whisper-tiny.en" in caplog.text


def test_without_any_the_wanted_one_is_named_so_that_the_start_says_what_to_pull(
    tmp_path: Path,
) -> None:
    assert usable_model(config_with(tmp_path, ())) == TINY
    german = config_with(tmp_path, (TINY,), "device.language = 'de'")
    assert usable_model(german) == BASE


def test_a_name_that_is_not_auto_is_kept_even_if_it_is_not_installed(tmp_path: Path) -> None:
    assert usable_model(config_with(tmp_path, (TINY,), "speech.model = '/srv/mine'")) == "/srv/mine"


def test_a_model_is_never_its_own_second_opinion(tmp_path: Path) -> None:
    text = "device.language = 'de'\nspeech.second_model = 'whisper-base'"
    speech = with_usable_model(config_with(tmp_path, (TINY, BASE), text)).speech
    assert (speech.model, speech.second_model) == (BASE, "")
