"""The catalogue is complete and consistent, and helps with an unknown name."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import msgspec
import pytest

from appliance.config import Config
from appliance.errors import ModelMissing
from appliance.models import catalogue
from appliance.models.catalogue import Model
from appliance.models.speech_model_choice import wanted_model, with_model
from appliance.models.store import Store, is_path

if TYPE_CHECKING:
    from pathlib import Path

MODELS = pytest.mark.parametrize("model", catalogue.models().values(), ids=lambda m: m.name)


def test_the_models_of_the_default_config_are_in_the_catalogue() -> None:
    config = with_model(Config(), wanted_model(Config()))
    assert catalogue.models()[config.speech.model].task == "speech-to-text"
    assert catalogue.models()[config.language_model.model].task == "language-model"


@MODELS
def test_every_file_has_a_source(model: Model) -> None:
    packaged = {name for package in model.packages for name in package.members}
    assert packaged <= model.files.keys()
    assert model.hub is not None or packaged == model.files.keys()


@MODELS
def test_an_engine_opens_a_gguf_file_or_the_folder(model: Model) -> None:
    assert (model.engine_path in model.files) == (model.form == "gguf")


@MODELS
def test_the_name_of_a_model_is_never_taken_for_a_path(model: Model) -> None:
    assert not is_path(model.name)


@pytest.mark.parametrize("name", ["/srv/models/mine", "~/mine", "./mine", "mine.gguf", "a/b"])
def test_a_path_is_distinguished_from_a_name(name: str) -> None:
    assert is_path(name)


def test_a_misspelt_name_is_an_error_with_a_similar_name(tmp_path: Path) -> None:
    with pytest.raises(ModelMissing, match=r"no model is called 'wisper-base'.*mean whisper-base"):
        Store(tmp_path).find("wisper-base")


def test_a_name_like_no_other_is_an_error_with_all_names() -> None:
    message = catalogue.unknown_name("zzz")
    assert all(name in message for name in catalogue.models())


@pytest.mark.parametrize("name", ["../etc/passwd", "a/b", ".hidden", ""])
def test_a_file_name_that_leaves_the_folder_is_rejected(name: str) -> None:
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert(
            {name: {"bytes": 1, "sha256": "0" * 64}}, dict[catalogue.FileName, catalogue.File]
        )


def test_each_family_of_language_models_is_known() -> None:
    pulled = {model.family for model in catalogue.models().values()}
    hub = {model.family for model in catalogue.hub_models().values()}
    families = {"openelm", "phi-3", "gemma", "llama-3", "mistral", "smollm2", "qwen", "lfm2"}
    assert families <= pulled | hub
    assert not catalogue.models().keys() & catalogue.hub_models().keys()


def test_only_a_model_to_convert_cannot_be_pulled_and_the_message_names_the_converter() -> None:
    names = set(catalogue.names_to_pull())
    assert catalogue.hub_models().keys() - names == {"openelm-270m-instruct"}
    said = catalogue.unknown_name("openelm-270m-instruct")
    assert re.search(r"converted from apple/.* with llama\.cpp's convert_hf_to_gguf", said)


def test_a_name_with_a_slip_is_answered_with_the_nearest_names() -> None:
    assert "llama-3.2-1b-instruct" in catalogue.unknown_name("llama-3.2-1b")


@pytest.mark.parametrize("model", catalogue.hub_models().values(), ids=lambda m: m.name)
def test_a_model_on_the_hub_has_all_the_facts_for_a_choice(model: catalogue.HubModel) -> None:
    assert model.repository.count("/") == 1
    if model.task == "speech-to-text":
        assert (model.form, model.file, model.chat_template) == ("ctranslate2", "model.bin", "")
        assert {"config.json", "tokenizer.json"} < {*model.further_files}
        assert model.languages == (("en",) if model.name.endswith(".en") else ("mul",))
    else:
        assert model.file.endswith(".gguf")
        assert model.converted is ("gguf" not in model.repository.lower())
        assert model.chat_template
    assert model.file in model.source
    assert all((model.quantisation, model.licence, model.board))
    assert model.memory_mb > model.file_mb  # the context needs memory, too
    assert model.accept is None or model.accept.startswith("https://")
