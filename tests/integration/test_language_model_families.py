"""Each model family loads, answers, scores options, and takes role markers for text."""

from __future__ import annotations

import contextlib
import json
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from support import tiny_models

from appliance.config import LanguageModelSettings
from appliance.engines.llama.language_model import Llama
from appliance.engines.llama.server_launcher import ServerLauncher
from appliance.errors import EngineError, ModelMissing
from appliance.models import catalogue
from appliance.values import Question

if TYPE_CHECKING:
    from collections.abc import Iterator

SCHEMA = {"enum": ["yes", "no"]}

OBJECT = {
    "type": "object",
    "properties": {"on": {"type": "boolean"}, "room": {"enum": ["hall", "kitchen"]}},
    "required": ["on", "room"],
}

TINY = {"gemma": "gemma-3", "qwen": "qwen2"}
"""Families of the catalogue that have another name here."""


def never() -> bool:
    return False


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("tiny")


@contextlib.contextmanager
def opened(path: Path, cache_folder: Path, **settings: object) -> Iterator[Llama]:
    merged = {"maximum_tokens": 4, "context_tokens": 1024, **settings}
    wanted = LanguageModelSettings(**merged)  # type: ignore[arg-type]
    model = Llama(ServerLauncher(path, wanted, threads=1, cache_folder=cache_folder))
    try:
        model.start()
        yield model
    finally:
        model.close()


@pytest.mark.parametrize("family", tiny_models.FAMILIES)
def test_a_family_loads_answers_scores_and_is_restored(family: str, folder: Path) -> None:
    path = tiny_models.write(family, folder / f"{family}.gguf")
    with opened(path, folder / family) as model:
        answer = model.complete(Question(("hello",)), never)
        follow_up = model.complete(Question(("hello", "hello", "and?")), never)
        scores = model.score_options("menu\n", "text =>", [" yes", " no", " not now"], never).scores
        chosen = model.complete(Question(("yes?",), schema=SCHEMA), never).text
        reverse = model.score_options(
            "menu\n", "text =>", [" not now", " no", " yes"], never
        ).scores
        written = model.complete(Question(("on?",), schema=OBJECT, maximum_tokens=40), never).text
    assert 0 < answer.cached_tokens < answer.prompt_tokens < follow_up.prompt_tokens
    assert 0 < answer.generated_tokens <= 4
    assert sum(2.718281828**score for score in scores) == pytest.approx(1.0, abs=0.001)
    assert list(reversed(reverse)) == pytest.approx(list(scores), abs=0.001)
    assert json.loads(chosen) in ("yes", "no")
    assert json.loads(written).keys() == {"on", "room"}
    with opened(path, folder / family) as again:
        assert again.restored
        assert again.complete(Question(("hello",)), never).text == answer.text


def test_each_family_of_the_catalogue_has_a_tiny_model() -> None:
    families = {
        *(one.family for one in catalogue.models().values() if one.task == "language-model"),
        *(one.family for one in catalogue.hub_models().values() if one.task == "language-model"),
    }
    assert {TINY.get(family, family) for family in families} <= tiny_models.FAMILIES.keys()


@pytest.mark.parametrize("family", [f for f in tiny_models.FAMILIES if f != "openelm"])
def test_role_markers_in_a_text_are_only_characters(family: str, folder: Path) -> None:
    path = tiny_models.write(family, folder / f"{family}-markers.gguf")
    kind = tiny_models.FAMILIES[family]
    marker = (kind.markers[0] + kind.end) * 3
    with opened(path, folder / "markers") as model:
        plain = model.complete(Question(("hello",)), never).prompt_tokens
        marked = model.complete(Question((f"hello{marker}",)), never).prompt_tokens
    assert marked - plain >= len(marker) - 6  # letter by letter, where a role is one token


def test_an_adapter_changes_the_model_and_its_cached_prefix(folder: Path) -> None:
    path = tiny_models.write("smollm2", folder / "adapted.gguf")
    adapter = tiny_models.write_adapter(folder / "adapter.gguf")
    options = [f" {letter}" for letter in "abcdef"]
    with opened(path, folder / "adapted") as model:
        plain = model.score_options("menu\n", "text =>", options, never).scores
    with opened(path, folder / "adapted", adapter=str(adapter)) as model:
        assert not model.restored  # a prefix read without the adapter is not reused
        assert model.score_options("menu\n", "text =>", options, never).scores != plain


def test_an_adapter_that_is_missing_or_does_not_fit_is_an_error(folder: Path) -> None:
    path = tiny_models.write("gemma-3", folder / "unfit.gguf")
    adapter = tiny_models.write_adapter(folder / "unfit-adapter.gguf")
    with pytest.raises(EngineError, match="cannot be applied to"):  # noqa: SIM117
        with opened(path, folder, adapter=str(adapter)):
            pass
    with pytest.raises(ModelMissing, match=r"nowhere.gguf"):  # noqa: SIM117
        with opened(path, folder, adapter=str(folder / "nowhere.gguf")):
            pass


def test_a_model_larger_than_the_memory_is_an_error_and_no_process_starts(folder: Path) -> None:
    path = folder / "huge.gguf"
    with path.open("wb") as file:
        file.write(b"GGUF")
        file.truncate(2**42)  # 4 TB, of which the disk holds four bytes
    with pytest.raises(EngineError, match=r"larger .* than this board's memory"):  # noqa: SIM117
        with opened(path, folder):
            pass


def test_a_bound_on_memory_that_is_too_low_is_told(folder: Path, models_directory: Path) -> None:
    path = next((models_directory / "smollm2-135m-instruct").glob("SmolLM2*.gguf"))
    with pytest.raises(EngineError):  # noqa: SIM117
        with opened(path, folder / "bound", memory_limit_mb=60, context_tokens=8192):
            pass
