"""What the model reads once: kept beside other prompts, on disk, and over a restart."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from appliance.config import LanguageModelSettings
from appliance.engines.llama.client import Llama
from appliance.values import Question

if TYPE_CHECKING:
    from collections.abc import Iterator

SYSTEM = "You are the voice of a house. Answer in one short sentence. " + "Be kind. " * 30
QUESTION = Question(("What is the capital of France?",))
MENU = "Words:\nkitchen => room\napple => fruit\nbedroom => room\nbanana => fruit\n"


def go_on() -> bool:
    return False


@pytest.fixture(scope="module")
def gguf(models_directory: Path) -> Path:
    return next((models_directory / "smollm2-135m-instruct").glob("SmolLM2*.gguf"))


@contextlib.contextmanager
def opened(gguf: Path, states: Path, system: str = SYSTEM) -> Iterator[Llama]:
    model = Llama(gguf, LanguageModelSettings(system_prompt=system), threads=1, states=states)
    try:
        model.start()
        yield model
    finally:
        model.close()


def test_the_prefix_is_read_once_in_its_life(gguf: Path, tmp_path: Path) -> None:
    with opened(gguf, tmp_path) as first:
        assert not first.restored
        told = first.complete(QUESTION, go_on)
    with opened(gguf, tmp_path) as second:
        assert second.restored
        again = second.complete(QUESTION, go_on)
    assert again.text == told.text
    assert again.cached_tokens == told.cached_tokens > 80
    assert again.prompt_tokens - again.cached_tokens < 20


@pytest.mark.parametrize("harm", ["cut", "flipped", "emptied"])
def test_a_damaged_state_is_read_anew_without_a_word(gguf: Path, tmp_path: Path, harm: str) -> None:
    with opened(gguf, tmp_path) as model:
        told = model.complete(QUESTION, go_on).text
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
        assert model.complete(QUESTION, go_on).text == told
    assert state.read_bytes() == sound


def test_a_state_directory_that_cannot_be_written_only_costs_the_reading(gguf: Path) -> None:
    with opened(gguf, Path("/proc/nowhere")) as model:
        assert "Paris" in model.complete(QUESTION, go_on).text


def test_another_system_prompt_has_a_state_of_its_own(gguf: Path, tmp_path: Path) -> None:
    for system in ("Be brief.", "Be long.", "Be brief."):
        with opened(gguf, tmp_path, system):
            pass
    assert len(list(tmp_path.glob("*.prefix"))) == 2


def test_other_prompts_in_between_lose_nothing(gguf: Path, tmp_path: Path) -> None:
    long = Question(tuple("a story about a dragon, a princess and a cook " * 5 for _ in range(3)))
    with opened(gguf, tmp_path) as model:
        first = model.complete(QUESTION, go_on)
        model.complete(long, go_on)
        weighed = model.weigh(MENU, "cherry =>", [" fruit", " room"], go_on)
        again = model.weigh(MENU, "cherry =>", [" fruit", " room"], go_on)
        last = model.complete(QUESTION, go_on)
    assert (first.cached_tokens, first.text) == (last.cached_tokens, last.text)
    assert weighed.scores == again.scores
    assert again.cached_tokens > 15


def test_options_are_weighed_and_their_probabilities_add_up(gguf: Path, tmp_path: Path) -> None:
    options = [" fruit", " room", " fruit juice", " roommate"]
    with opened(gguf, tmp_path) as model:
        scores = model.weigh(MENU, "cherry =>", options[:2], go_on).scores
        many = model.weigh(MENU, "cherry =>", [f" {n} thing" for n in range(100)], go_on).scores
    assert scores[0] > scores[1]
    assert sum(2.718281828**score for score in scores) == pytest.approx(1.0, abs=0.001)
    assert len(many) == 100


def test_a_follow_up_knows_what_was_said_before(gguf: Path, tmp_path: Path) -> None:
    question = Question(("The code word is banana.", "The code word is banana.", "Repeat it."))
    with opened(gguf, tmp_path, "Answer in one short sentence.") as model:
        followed = model.complete(question, go_on)
        alone = model.complete(Question(("Repeat it.",)), go_on)
    assert "banana" in followed.text
    assert "banana" not in alone.text
    assert followed.cached_tokens > 5
