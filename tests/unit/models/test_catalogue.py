"""The catalogue is complete and consistent, and helps with a name that it does not hold."""

from __future__ import annotations

import msgspec
import pytest

from appliance.config import Config
from appliance.errors import ModelMissing
from appliance.models import catalogue
from appliance.models.catalogue import Model
from appliance.models.store import is_path

MODELS = pytest.mark.parametrize("model", catalogue.models().values(), ids=lambda m: m.name)


def test_the_models_that_the_default_config_names_are_there() -> None:
    config = Config()
    assert catalogue.find(config.speech.model).task == "speech-to-text"
    assert catalogue.find(config.language_model.model).task == "language-model"


@MODELS
def test_every_file_can_be_had_from_a_source(model: Model) -> None:
    carried = {name for package in model.packages for name in package.members}
    assert carried <= model.files.keys()
    assert model.hub is not None or carried == model.files.keys()


@MODELS
def test_what_an_engine_opens_is_a_gguf_file_or_the_folder(model: Model) -> None:
    assert (model.opened_as in model.files) == (model.form == "gguf")


@MODELS
def test_the_name_of_a_model_is_never_taken_for_a_path(model: Model) -> None:
    assert not is_path(model.name)


@pytest.mark.parametrize("name", ["/srv/models/mine", "~/mine", "./mine", "mine.gguf", "a/b"])
def test_a_path_to_the_owners_own_model_is_told_from_a_name(name: str) -> None:
    assert is_path(name)


def test_a_misspelt_name_is_answered_with_what_was_perhaps_meant() -> None:
    with pytest.raises(ModelMissing, match=r"no model is called 'wisper-base'.*mean whisper-base"):
        catalogue.find("wisper-base")


def test_a_name_like_no_other_is_answered_with_all_names() -> None:
    said = catalogue.unknown("zzz")
    assert all(name in said for name in catalogue.models())


@pytest.mark.parametrize("name", ["../etc/passwd", "a/b", ".hidden", ""])
def test_a_file_name_that_leads_out_of_the_folder_is_refused(name: str) -> None:
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert(
            {name: {"bytes": 1, "sha256": "0" * 64}}, dict[catalogue.FileName, catalogue.File]
        )


def test_each_family_of_language_models_is_known() -> None:
    pulled = {model.family for model in catalogue.models().values()}
    by_hand = {model.family for model in catalogue.by_hand().values()}
    families = {"openelm", "phi-3", "gemma", "llama-3", "mistral", "smollm2", "qwen"}
    assert families <= pulled | by_hand
    assert not catalogue.models().keys() & catalogue.by_hand().keys()


def test_a_model_that_is_fetched_by_hand_is_answered_with_how() -> None:
    with pytest.raises(ModelMissing, match=r"Phi-3-mini-4k-instruct-q4\.gguf from microsoft/"):
        catalogue.find("phi-3-mini-4k-instruct")


def test_a_model_that_must_be_converted_first_is_not_said_to_be_there_to_fetch() -> None:
    with pytest.raises(
        ModelMissing, match=r"made of apple/.* with llama\.cpp's convert_hf_to_gguf"
    ):
        catalogue.find("openelm-270m-instruct")


@pytest.mark.parametrize("model", catalogue.by_hand().values(), ids=lambda m: m.name)
def test_a_model_that_is_fetched_by_hand_says_all_that_an_owner_decides_by(
    model: catalogue.ByHand,
) -> None:
    assert model.repository.count("/") == 1
    assert model.file.endswith(".gguf")
    assert model.converted is ("gguf" not in model.repository.lower())
    assert model.file in model.whence
    assert all((model.quantisation, model.licence, model.board))
    assert model.memory_mb > model.file_mb  # the context stands beside the file
    assert model.name in catalogue.unknown(model.name)
    assert model.licence in catalogue.unknown(model.name)
