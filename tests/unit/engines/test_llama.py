"""What is made of the lines that the language model's process writes."""

from __future__ import annotations

import threading
from collections import deque
from pathlib import Path
from typing import Any

import pytest

from appliance.config import LanguageModel
from appliance.engines.child import ChildDied
from appliance.engines.llama import Llama
from appliance.errors import EngineError, Interrupted
from appliance.values import Question

DONE = {
    "done": {"text": "Yes.", "prompt_tokens": 9, "cached_tokens": 5, "generated_tokens": 2},
}


class ScriptedChild:
    """Gives its lines one by one, then None for ever; a line that is an error is raised."""

    process_id = 1

    def __init__(self, *lines: dict[str, Any] | ChildDied) -> None:
        self.lines = deque(lines)
        self.sent: list[dict[str, Any]] = []
        self.killed = False
        self.stands_still = False

    def send(self, order: dict[str, Any]) -> None:
        self.sent.append(order)

    def receive(self, timeout: float) -> dict[str, Any] | None:
        line = self.lines.popleft() if self.lines else None
        if isinstance(line, ChildDied):
            raise line
        if line is None or "ready" in line or "id" in line:
            return line
        asked = [order["id"] for order in self.sent if "id" in order]
        return {"id": asked[-1], **line}

    def pause(self) -> None:
        self.stands_still = True

    def go_on(self) -> None:
        self.stands_still = False

    def kill(self) -> None:
        self.killed = True


class Scripted(Llama):
    """A language model whose processes are scripted, one after the other."""

    def __init__(self, *children: ScriptedChild) -> None:
        super().__init__(Path("scripted.gguf"), LanguageModel(time_limit_s=0.02), threads=1)
        self.children = deque(children)

    def _open(self) -> Any:
        return self.children.popleft()


def ready(*lines: dict[str, Any] | ChildDied) -> ScriptedChild:
    return ScriptedChild({"ready": True, "restored": False}, *lines)


def go_on() -> bool:
    return False


def test_tokens_and_then_done_are_an_answer() -> None:
    child = ready({"token": "Yes"}, {"token": "."}, DONE)
    completion = Scripted(child).complete(Question(("Well?",)), go_on)
    assert (completion.text, completion.cached_tokens, completion.generated_tokens) == (
        "Yes.",
        5,
        2,
    )
    assert completion.first_token_ms is not None
    assert [order["said"] for order in child.sent] == [("Well?",)]


def test_an_answer_without_a_token_has_no_time_to_the_first() -> None:
    assert Scripted(ready(DONE)).complete(Question(("Well?",)), go_on).first_token_ms is None


def test_writing_past_the_time_limit_fails_and_is_not_tried_again() -> None:
    child = ready({"token": "Once"})
    with pytest.raises(EngineError, match=r"not done after 0.02 s \(language_model.time_limit_s\)"):
        Scripted(child, ready(DONE)).complete(Question(("Tell",)), go_on)
    assert child.killed


def test_a_process_that_says_nothing_is_killed_and_the_text_goes_to_a_new_one() -> None:
    hung = ready()
    assert Scripted(hung, ready(DONE)).complete(Question(("Well?",)), go_on).text == "Yes."
    assert hung.killed


def test_a_text_at_which_two_processes_hang_is_given_up() -> None:
    with pytest.raises(EngineError, match=r"said nothing for 0.02 s .* twice at this text"):
        Scripted(ready(), ready(), ready(DONE)).complete(Question(("Well?",)), go_on)


def test_a_process_that_dies_while_it_opens_the_model_is_tried_once_more() -> None:
    died = ScriptedChild(ChildDied("signal 9, SIGKILL"))
    assert Scripted(died, ready(DONE)).complete(Question(("Well?",)), go_on).text == "Yes."


def test_what_the_model_refuses_is_told_and_the_process_stays() -> None:
    child = ready({"error": "the text is too long"}, DONE)
    model = Scripted(child)
    with pytest.raises(EngineError, match="the text is too long"):
        model.complete(Question(("word " * 9999,)), go_on)
    assert model.complete(Question(("Well?",)), go_on).text == "Yes."
    assert not child.killed


def test_a_stop_lets_the_process_end_its_answer_by_itself() -> None:
    child = ready({"token": "Once"}, {"token": " upon"}, DONE)
    stops = iter([False, False, True])
    model = Scripted(child)
    with pytest.raises(Interrupted):
        model.complete(Question(("Tell",)), lambda: next(stops))
    assert child.sent[-1] == {"stop": child.sent[0]["id"]}
    assert not child.killed


def test_what_two_have_paused_goes_on_when_both_are_done() -> None:
    child = ready(DONE)
    model = Scripted(child)
    model.start()
    with model.paused():
        with model.paused():
            assert child.stands_still
        assert child.stands_still
    assert not child.stands_still


def test_a_pause_by_another_thread_does_not_use_up_the_time_of_an_order() -> None:
    child = ready()
    model = Scripted(child)  # which has 0.02 s
    looks = 0

    def looked_at_from_elsewhere() -> bool:
        nonlocal looks
        looks += 1
        if looks == 3:  # the process opened its model, and was asked
            model._pauses.begin("elsewhere", child.pause)
            threading.Timer(0.3, end).start()
        return False

    def end() -> None:
        child.lines.append(DONE)
        model._pauses.end("elsewhere", child.go_on)

    assert model.complete(Question(("Well?",)), looked_at_from_elsewhere).text == "Yes."
    assert not child.killed


def test_it_may_be_paused_before_there_is_a_process() -> None:
    model = Scripted()
    with model.paused():
        assert model.process_id is None


@pytest.mark.parametrize(
    ("model", "hint"),
    [("scripted.gguf", "name another in language_model.model"), ("a-name", "models verify")],
)
def test_a_file_that_cannot_be_opened_is_told_with_what_helps(model: str, hint: str) -> None:
    scripted = Scripted(ScriptedChild({"id": 0, "error": "it is cut off"}))
    scripted._settings = LanguageModel(model=model)
    with pytest.raises(EngineError, match=f"it is cut off; .*{hint}"):
        scripted.start()
