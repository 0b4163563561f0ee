"""Another job interrupts an answer: the process is suspended, or serves it, and then writes on."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from appliance.config import LanguageModelSettings
from appliance.engines.llama import supervisor
from appliance.engines.llama.language_model import Llama
from appliance.engines.llama.server_launcher import ServerLauncher
from appliance.errors import Interrupted
from appliance.values import Question

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

LONG = Question(("Tell me a long story about a dragon and a princess.",))
SHORT = Question(("What is the capital of France?",))
MENU = "Words:\nkitchen => room\napple => fruit\nbedroom => room\nbanana => fruit\n"


def never() -> bool:
    return False


@pytest.fixture(scope="module")
def model(models_directory: Path) -> Iterator[Llama]:
    path = next((models_directory / "smollm2-135m-instruct").glob("SmolLM2*.gguf"))
    opened = Llama(
        ServerLauncher(path, LanguageModelSettings(maximum_tokens=32, time_limit_s=20.0), threads=1)
    )
    yield opened
    opened.close()


class Interrupting:
    """A `must_stop` that does something once, after a few tokens."""

    def __init__(self, what: Callable[[], None]) -> None:
        self.tokens = 0
        self.done = False
        self._what = what

    def on_token(self, _: str | None) -> None:
        self.tokens += 1

    def __call__(self) -> bool:
        if self.tokens >= 3 and not self.done:
            self.done = True
            self._what()
        return False


def state_of(model: Llama) -> str:
    stat = Path(f"/proc/{model.process_id}/stat").read_text(encoding="ascii")
    return stat.rpartition(")")[2].split()[0]


def test_a_suspended_process_stops_and_then_writes_the_same_answer(model: Llama) -> None:
    whole = model.complete(LONG, never).text
    states: list[str] = []

    def speech() -> None:
        with model.suspended():
            until = time.monotonic() + 5.0
            while state_of(model) != "T" and time.monotonic() < until:
                time.sleep(0.01)
            states.append(state_of(model))

    interrupting = Interrupting(speech)
    assert model.complete(LONG, interrupting, interrupting.on_token).text == whole
    assert states == ["T"]


def test_options_are_scored_and_questions_answered_in_the_middle_of_an_answer(
    model: Llama,
) -> None:
    whole = model.complete(LONG, never).text
    expected = model.score_options(MENU, "cherry =>", [" fruit", " room"], never).scores
    meanwhile: list[object] = []

    def speech() -> None:
        with model.suspended():
            meanwhile.append(
                model.score_options(MENU, "cherry =>", [" fruit", " room"], never).scores
            )
            meanwhile.append("Paris" in model.complete(SHORT, never).text)

    interrupting = Interrupting(speech)
    assert model.complete(LONG, interrupting, interrupting.on_token).text == whole
    assert meanwhile == [expected, True]


def test_a_request_during_suspension_goes_on_after_another_suspension(
    model: Llama,
) -> None:
    whole = model.complete(LONG, never).text
    process_id, answers = model.process_id, list[str]()

    def suspend_briefly() -> None:
        with model.suspended():
            pass

    def speech() -> None:
        nested = Interrupting(suspend_briefly)
        with model.suspended():
            answers.append(model.complete(LONG, nested, nested.on_token).text)

    interrupting = Interrupting(speech)
    assert model.complete(LONG, interrupting, interrupting.on_token).text == whole
    assert answers == [whole]
    assert model.process_id == process_id


def test_cancelling_a_suspended_answer_does_not_kill_the_process(
    model: Llama, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(supervisor, "CANCEL_TIMEOUT_S", 10.0)  # the machine may be busy
    model.complete(SHORT, never)
    process_id = model.process_id
    with contextlib.ExitStack() as somebody_speaks:

        def cancelled() -> bool:
            somebody_speaks.enter_context(model.suspended())
            return True

        with pytest.raises(Interrupted):
            model.complete(LONG, cancelled)
    assert model.process_id == process_id


def test_cancelling_an_answer_while_its_prompt_is_read_does_not_kill_the_process(
    model: Llama,
) -> None:
    model.complete(SHORT, never)
    process_id, checks = model.process_id, 0

    def cancelled() -> bool:
        nonlocal checks
        checks += 1
        return checks > 5

    with pytest.raises(Interrupted):
        model.complete(Question(("word " * 900,)), cancelled)
    assert model.process_id == process_id


def test_suspension_does_not_use_up_the_time_limit(models_directory: Path) -> None:
    path = next((models_directory / "smollm2-135m-instruct").glob("SmolLM2*.gguf"))
    model = Llama(
        ServerLauncher(path, LanguageModelSettings(maximum_tokens=8, time_limit_s=4.0), threads=1)
    )

    def speech() -> None:
        with model.suspended():
            time.sleep(4.5)

    try:
        interrupting = Interrupting(speech)
        assert model.complete(LONG, interrupting, interrupting.on_token).text
        assert interrupting.done
    finally:
        model.close()


def test_a_process_that_dies_during_a_nested_request_is_restarted_for_both(model: Llama) -> None:
    meanwhile: list[bool] = []

    def speech() -> None:
        with model.suspended():
            with contextlib.suppress(ProcessLookupError):
                os.kill(model.process_id or 0, signal.SIGKILL)
            meanwhile.append("Paris" in model.complete(SHORT, never).text)

    interrupting = Interrupting(speech)
    assert model.complete(LONG, interrupting, interrupting.on_token).text
    assert meanwhile == [True]


def test_an_idle_process_that_died_is_restarted_without_a_request(model: Llama) -> None:
    model.complete(SHORT, never)
    before = model.process_id
    assert before is not None
    os.kill(before, signal.SIGKILL)
    until = time.monotonic() + 10
    while model.process_id == before and time.monotonic() < until:
        model.restart_if_dead()
        time.sleep(0.02)
    assert model.process_id not in (None, before)
    assert "Paris" in model.complete(SHORT, never).text
