"""The prefix cache: in memory beside other prompts, and on disk over a restart."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from appliance.config import LanguageModelSettings
from appliance.engines.llama.language_model import Llama
from appliance.engines.llama.server_launcher import ServerLauncher
from appliance.values import Question

if TYPE_CHECKING:
    from collections.abc import Iterator

SYSTEM = "You are the voice of a house. Answer in one short sentence. " + "Be kind. " * 30
QUESTION = Question(("What is the capital of France?",))
MENU = "Words:\nkitchen => room\napple => fruit\nbedroom => room\nbanana => fruit\n"


def never() -> bool:
    return False


@pytest.fixture(scope="module")
def gguf(models_directory: Path) -> Path:
    return next((models_directory / "smollm2-135m-instruct").glob("SmolLM2*.gguf"))


@contextlib.contextmanager
def opened(gguf: Path, cache_folder: Path, system: str = SYSTEM) -> Iterator[Llama]:
    model = Llama(
        ServerLauncher(
            gguf, LanguageModelSettings(system_prompt=system), threads=1, cache_folder=cache_folder
        )
    )
    try:
        model.start()
        yield model
    finally:
        model.close()


def test_a_restart_restores_the_prefix_from_the_disk(gguf: Path, tmp_path: Path) -> None:
    with opened(gguf, tmp_path) as first:
        assert not first.restored
        answer = first.complete(QUESTION, never)
    with opened(gguf, tmp_path) as second:
        assert second.restored
        again = second.complete(QUESTION, never)
    assert again.text == answer.text
    assert again.cached_tokens == answer.cached_tokens > 80
    assert again.prompt_tokens - again.cached_tokens < 20


@pytest.mark.parametrize("harm", ["cut", "flipped", "emptied"])
def test_a_damaged_state_is_read_again_and_replaced(gguf: Path, tmp_path: Path, harm: str) -> None:
    with opened(gguf, tmp_path) as model:
        answer = model.complete(QUESTION, never).text
    (state,) = tmp_path.glob("*.prefix")
    sound = state.read_bytes()
    harmed = {
        "cut": sound[: len(sound) // 2],
        "flipped": sound[:5000] + bytes([sound[5000] ^ 1]) + sound[5001:],
        "emptied": b"",
    }
    state.write_bytes(harmed[harm])
    with opened(gguf, tmp_path) as model:
        assert not model.restored
        assert model.complete(QUESTION, never).text == answer
    assert state.read_bytes() == sound


def test_a_cache_folder_that_cannot_be_written_costs_only_time(gguf: Path) -> None:
    with opened(gguf, Path("/proc/nowhere")) as model:
        assert "Paris" in model.complete(QUESTION, never).text


def test_another_system_prompt_has_a_state_of_its_own(gguf: Path, tmp_path: Path) -> None:
    for system in ("Be brief.", "Be long.", "Be brief."):
        with opened(gguf, tmp_path, system):
            pass
    assert len(list(tmp_path.glob("*.prefix"))) == 2


def test_other_prompts_in_between_do_not_evict_the_prefix(gguf: Path, tmp_path: Path) -> None:
    long = Question(tuple("a story about a dragon, a princess and a cook " * 5 for _ in range(3)))
    with opened(gguf, tmp_path) as model:
        first = model.complete(QUESTION, never)
        model.complete(long, never)
        scored = model.score_options(MENU, "cherry =>", [" fruit", " room"], never)
        again = model.score_options(MENU, "cherry =>", [" fruit", " room"], never)
        last = model.complete(QUESTION, never)
    assert (first.cached_tokens, first.text) == (last.cached_tokens, last.text)
    assert scored.scores == again.scores
    assert again.cached_tokens > 15


def test_the_probabilities_of_options_add_up_to_one(gguf: Path, tmp_path: Path) -> None:
    options = [" fruit", " room", " fruit juice", " roommate"]
    with opened(gguf, tmp_path) as model:
        scores = model.score_options(MENU, "cherry =>", options[:2], never).scores
        many = model.score_options(
            MENU, "cherry =>", [f" {n} thing" for n in range(100)], never
        ).scores
    assert scores[0] > scores[1]
    assert sum(2.718281828**score for score in scores) == pytest.approx(1.0, abs=0.001)
    assert len(many) == 100


def test_a_follow_up_question_includes_the_conversation(gguf: Path, tmp_path: Path) -> None:
    question = Question(("The code word is banana.", "The code word is banana.", "Repeat it."))
    with opened(gguf, tmp_path, "Answer in one short sentence.") as model:
        followed = model.complete(question, never)
        without = model.complete(Question(("Repeat it.",)), never)
    assert "banana" in followed.text
    assert "banana" not in without.text
    assert followed.cached_tokens > 5
