"""Something else goes first while the model writes: it stands still, and then writes on."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from appliance.config import LanguageModelSettings
from appliance.engines.llama import client
from appliance.engines.llama.client import Llama
from appliance.errors import Interrupted
from appliance.values import Question

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

LONG = Question(("Tell me a long story about a dragon and a princess.",))
SHORT = Question(("What is the capital of France?",))
MENU = "Words:\nkitchen => room\napple => fruit\nbedroom => room\nbanana => fruit\n"


def go_on() -> bool:
    return False


@pytest.fixture(scope="module")
def model(models_directory: Path) -> Iterator[Llama]:
    path = next((models_directory / "smollm2-135m-instruct").glob("SmolLM2*.gguf"))
    opened = Llama(path, LanguageModelSettings(maximum_tokens=32, time_limit_s=20.0), threads=1)
    yield opened
    opened.close()


class Interrupting:
    """Does something once, when a few tokens are written."""

    def __init__(self, what: Callable[[], None]) -> None:
        self.tokens = 0
        self.done = False
        self._what = what

    def tell(self, _: str | None) -> None:
        self.tokens += 1

    def __call__(self) -> bool:
        if self.tokens >= 3 and not self.done:
            self.done = True
            self._what()
        return False


def state_of(model: Llama) -> str:
    stat = Path(f"/proc/{model.process_id}/stat").read_text(encoding="ascii")
    return stat.rpartition(")")[2].split()[0]


def test_it_stands_still_while_it_is_paused_and_writes_the_same_in_the_end(model: Llama) -> None:
    whole = model.complete(LONG, go_on).text
    states: list[str] = []

    def speech() -> None:
        with model.paused():
            until = time.monotonic() + 5.0
            while state_of(model) != "T" and time.monotonic() < until:
                time.sleep(0.01)
            states.append(state_of(model))

    interrupting = Interrupting(speech)
    assert model.complete(LONG, interrupting, interrupting.tell).text == whole
    assert states == ["T"]


def test_options_are_weighed_and_questions_answered_in_the_middle_of_an_answer(
    model: Llama,
) -> None:
    whole = model.complete(LONG, go_on).text
    alone = model.weigh(MENU, "cherry =>", [" fruit", " room"], go_on).scores
    meanwhile: list[object] = []

    def speech() -> None:
        with model.paused():
            meanwhile.append(model.weigh(MENU, "cherry =>", [" fruit", " room"], go_on).scores)
            meanwhile.append("Paris" in model.complete(SHORT, go_on).text)

    interrupting = Interrupting(speech)
    assert model.complete(LONG, interrupting, interrupting.tell).text == whole
    assert meanwhile == [alone, True]


def test_what_is_asked_in_a_pause_goes_on_when_somebody_else_has_paused_meanwhile(
    model: Llama,
) -> None:
    whole = model.complete(LONG, go_on).text
    process_id, answers = model.process_id, list[str]()

    def glance() -> None:
        with model.paused():
            pass

    def speech() -> None:
        looked_at = Interrupting(glance)
        with model.paused():
            answers.append(model.complete(LONG, looked_at, looked_at.tell).text)

    interrupting = Interrupting(speech)
    assert model.complete(LONG, interrupting, interrupting.tell).text == whole
    assert answers == [whole]
    assert model.process_id == process_id


def test_an_answer_that_is_cancelled_in_a_pause_does_not_cost_the_process(
    model: Llama, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client, "LET_GO", 10.0)  # a busy machine does not count
    model.complete(SHORT, go_on)
    process_id = model.process_id
    with contextlib.ExitStack() as somebody_speaks:

        def cancelled() -> bool:
            somebody_speaks.enter_context(model.paused())
            return True

        with pytest.raises(Interrupted):
            model.complete(LONG, cancelled)
    assert model.process_id == process_id


def test_an_answer_that_is_cancelled_while_its_prompt_is_read_does_not_cost_the_process(
    model: Llama,
) -> None:
    model.complete(SHORT, go_on)
    process_id, looks = model.process_id, 0

    def cancelled() -> bool:
        nonlocal looks
        looks += 1
        return looks > 5

    with pytest.raises(Interrupted):
        model.complete(Question(("word " * 900,)), cancelled)
    assert model.process_id == process_id


def test_the_time_of_a_pause_is_not_counted_against_the_answer(models_directory: Path) -> None:
    path = next((models_directory / "smollm2-135m-instruct").glob("SmolLM2*.gguf"))
    model = Llama(path, LanguageModelSettings(maximum_tokens=8, time_limit_s=4.0), threads=1)

    def speech() -> None:
        with model.paused():
            time.sleep(4.5)

    try:
        interrupting = Interrupting(speech)
        assert model.complete(LONG, interrupting, interrupting.tell).text
        assert interrupting.done
    finally:
        model.close()


def test_a_process_that_dies_in_the_middle_is_started_again_for_both(model: Llama) -> None:
    meanwhile: list[bool] = []

    def speech() -> None:
        with model.paused():
            with contextlib.suppress(ProcessLookupError):
                os.kill(model.process_id or 0, signal.SIGKILL)
            meanwhile.append("Paris" in model.complete(SHORT, go_on).text)

    interrupting = Interrupting(speech)
    assert model.complete(LONG, interrupting, interrupting.tell).text
    assert meanwhile == [True]


def test_an_idle_process_that_died_is_started_again_without_being_asked(model: Llama) -> None:
    model.complete(SHORT, go_on)
    before = model.process_id
    assert before is not None
    os.kill(before, signal.SIGKILL)
    until = time.monotonic() + 10
    while model.process_id == before and time.monotonic() < until:
        model.look_after()
        time.sleep(0.02)
    assert model.process_id not in (None, before)
    assert "Paris" in model.complete(SHORT, go_on).text
