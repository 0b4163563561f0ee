"""What is made of the lines that the language model's process writes."""

from __future__ import annotations

import threading
from collections import deque
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from appliance.config import LanguageModelSettings
from appliance.engines.child_process import ChildDied
from appliance.engines.llama.client import Llama
from appliance.errors import EngineDied, EngineError, Interrupted
from appliance.values import Question

if TYPE_CHECKING:
    from collections.abc import Callable

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

    def alive(self) -> bool:
        return not self.killed

    def kill(self) -> None:
        self.killed = True


class Scripted(Llama):
    """A language model whose processes are scripted, one after the other."""

    def __init__(self, *children: ScriptedChild) -> None:
        super().__init__(Path("scripted.gguf"), LanguageModelSettings(time_limit_s=0.02), threads=1)
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


def test_a_process_that_dies_before_it_is_asked_says_nothing_against_the_text() -> None:
    def died() -> ScriptedChild:
        return ScriptedChild(ChildDied("signal 9, SIGKILL"))

    struck = ready(ChildDied("signal 9, SIGKILL"))
    model = Scripted(died(), struck, died(), ready(DONE))
    assert model.complete(Question(("Well?",)), go_on).text == "Yes."
    with pytest.raises(EngineError, match="before it could be asked") as error:
        Scripted(died(), died(), died()).complete(Question(("Well?",)), go_on)
    assert not isinstance(error.value, EngineDied)  # so the request is not set aside


def test_an_answer_that_is_begun_anew_says_so_before_its_first_piece() -> None:
    struck = ready({"token": "Ye"}, ChildDied("signal 9, SIGKILL"))
    pieces: list[str | None] = []
    model = Scripted(struck, ready({"token": "Yes"}, {"token": "."}, DONE))
    model.complete(Question(("Well?",)), go_on, pieces.append)
    assert pieces == ["Ye", None, "Yes", "."]


def test_a_model_that_cannot_be_opened_is_not_begun_again_and_again() -> None:
    refused = [ScriptedChild({"id": 0, "error": "it is cut off"}) for _ in range(50)]
    model = Scripted(*refused)
    with pytest.raises(EngineError, match="it is cut off"):
        model.start()
    for _ in range(200):
        model.look_after()
    assert len(model.children) == 48  # the first, and one more at once
    assert "it is cut off" in str(model.fault)
    with pytest.raises(EngineError, match="it is cut off"):
        model.complete(Question(("Well?",)), go_on)
    assert len(model.children) == 48  # nor does a request wait for what will be the same


def test_a_model_that_can_be_opened_after_all_is_so_while_nobody_asks() -> None:
    model = Scripted(ScriptedChild({"id": 0, "error": "it is cut off"}), ready(DONE))
    with pytest.raises(EngineError):
        model.start()
    model.look_after()
    model.look_after()
    assert model.fault is None
    assert model.complete(Question(("Well?",)), go_on).text == "Yes."


def test_a_process_that_dies_at_the_start_is_begun_again_later() -> None:
    model = Scripted(ScriptedChild(ChildDied("signal 9, SIGKILL")), ready(DONE))
    with pytest.raises(EngineError, match=r"died .* while it opened"):
        model.start()
    model.look_after()
    assert model.process_id is not None


def test_what_we_killed_ourselves_is_not_said_to_have_died(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("appliance.engines.llama.client.LET_GO", 0.01)
    caplog.set_level("INFO")
    hung = ready({"token": "Once"})
    model = Scripted(hung, ready(DONE))
    stops = iter([False, False, True])
    with pytest.raises(Interrupted):
        model.complete(Question(("Tell",)), lambda: next(stops))
    model.look_after()
    assert hung.killed
    assert model.process_id is not None
    assert "died" not in caplog.text


def in_a_thread(what: Callable[[], None]) -> None:
    thread = threading.Thread(target=what)
    thread.start()
    thread.join()


def test_an_order_waits_until_who_looks_at_speech_is_done() -> None:
    child = ready(DONE)
    model = Scripted(child)
    model.start()
    in_a_thread(lambda: model._pauses.begin("the ear", model._stand_still))
    still: list[tuple[bool, int]] = []

    def looks() -> bool:
        still.append((child.stands_still, len(child.sent)))
        if len(still) == 3:
            in_a_thread(lambda: model._pauses.end("the ear", model._go_on))
        return False

    assert model.complete(Question(("Well?",)), looks).text == "Yes."
    assert still[:3] == [(True, 0)] * 3
    assert not child.stands_still


def test_a_process_that_opens_its_model_stands_still_too() -> None:
    child = ready(DONE)
    model = Scripted(child)
    in_a_thread(lambda: model._pauses.begin("the ear", model._stand_still))
    model._begin()
    assert child.stands_still
    in_a_thread(lambda: model._pauses.end("the ear", model._go_on))
    assert not child.stands_still
    with model.paused():
        assert child.stands_still


def test_what_breaks_off_goes_on_for_it_and_then_stands_still_again() -> None:
    child = ready({"token": "Once"}, DONE)
    model = Scripted(child)
    stops = iter([False, False, True])
    seen: list[bool] = []

    def send(order: dict[str, Any]) -> None:
        child.sent.append(order)
        seen.append(child.stands_still)

    child.send = send  # type: ignore[method-assign]

    def stop() -> bool:
        if now := next(stops):
            in_a_thread(lambda: model._pauses.begin("the ear", model._stand_still))
        return now

    with pytest.raises(Interrupted):
        model.complete(Question(("Tell",)), stop)
    assert seen == [False, False]
    assert child.stands_still


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
    model = Scripted(child)
    model._settings = LanguageModelSettings(time_limit_s=0.3)
    looks = 0

    def looked_at_from_elsewhere() -> bool:
        nonlocal looks
        looks += 1
        if looks == 3:  # the process opened its model, and was asked
            model._pauses.begin("elsewhere", child.pause)
            threading.Timer(0.6, end).start()
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
    scripted._settings = LanguageModelSettings(model=model)
    with pytest.raises(EngineError, match=f"it is cut off; .*{hint}"):
        scripted.start()
