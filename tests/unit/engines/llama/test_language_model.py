"""The client of the language model, with scripted processes in place of real ones."""

from __future__ import annotations

import contextlib
import threading
from collections import deque
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from appliance.child_process import ChildDied
from appliance.config import LanguageModelSettings
from appliance.engines.llama.language_model import Llama
from appliance.engines.llama.server_launcher import ServerLauncher
from appliance.errors import EngineDied, EngineError, Interrupted
from appliance.values import Question

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

DONE = {
    "done": {"text": "Yes.", "prompt_tokens": 9, "cached_tokens": 5, "generated_tokens": 2},
}


class ScriptedChild:
    """Responds with its lines one by one, then with None; a line that is an error is raised."""

    process_id = 1

    def __init__(self, *lines: dict[str, Any] | ChildDied) -> None:
        self.lines = deque(lines)
        self.sent: list[dict[str, Any]] = []
        self.killed = False
        self.is_suspended = False

    def send(self, message: dict[str, Any]) -> None:
        self.sent.append(message)

    def receive(self, timeout_s: float) -> dict[str, Any] | None:
        line = self.lines.popleft() if self.lines else None
        if isinstance(line, ChildDied):
            raise line
        if line is None or "ready" in line or "id" in line:
            return line
        request_ids = [message["id"] for message in self.sent if "id" in message]
        return {"id": request_ids[-1], **line}

    def suspend(self) -> None:
        self.is_suspended = True

    def resume(self) -> None:
        self.is_suspended = False

    def alive(self) -> bool:
        return not self.killed

    def kill(self) -> None:
        self.killed = True


@dataclass(frozen=True)
class ScriptedLauncher(ServerLauncher):
    """Launches scripted processes, one after the other."""

    children: deque[ScriptedChild] = field(default_factory=deque)

    def launch(self) -> Any:
        return self.children.popleft()


def launching(
    *children: ScriptedChild, model: str = "a-name", time_limit_s: float = 0.02
) -> ScriptedLauncher:
    settings = LanguageModelSettings(model=model, time_limit_s=time_limit_s)
    return ScriptedLauncher(Path("scripted.gguf"), settings, threads=1, children=deque(children))


def scripted(*children: ScriptedChild) -> Llama:
    return Llama(launching(*children))


def ready(*lines: dict[str, Any] | ChildDied) -> ScriptedChild:
    return ScriptedChild({"ready": True, "restored": False}, *lines)


def never() -> bool:
    return False


def test_tokens_and_then_done_are_an_answer() -> None:
    child = ready({"token": "Yes"}, {"token": "."}, DONE)
    completion = scripted(child).complete(Question(("Well?",)), never)
    assert (completion.text, completion.cached_tokens, completion.generated_tokens) == (
        "Yes.",
        5,
        2,
    )
    assert completion.first_token_ms is not None
    assert [message["turns"] for message in child.sent] == [("Well?",)]


def test_an_answer_without_a_token_has_no_time_to_the_first() -> None:
    assert scripted(ready(DONE)).complete(Question(("Well?",)), never).first_token_ms is None


def test_writing_past_the_time_limit_fails_and_is_not_tried_again() -> None:
    child = ready({"token": "Once"})
    with pytest.raises(EngineError, match=r"not done after 0.02 s \(language_model.time_limit_s\)"):
        scripted(child, ready(DONE)).complete(Question(("Tell",)), never)
    assert child.killed


def test_a_process_that_writes_nothing_is_killed_and_a_new_one_gets_the_text() -> None:
    hung = ready()
    assert scripted(hung, ready(DONE)).complete(Question(("Well?",)), never).text == "Yes."
    assert hung.killed


def test_a_text_at_which_two_processes_hang_fails() -> None:
    with pytest.raises(EngineError, match=r"wrote nothing for 0.02 s .* twice at this text"):
        scripted(ready(), ready(), ready(DONE)).complete(Question(("Well?",)), never)


def test_a_process_that_dies_while_opening_the_model_is_replaced_at_once() -> None:
    died = ScriptedChild(ChildDied("signal 9, SIGKILL"))
    assert scripted(died, ready(DONE)).complete(Question(("Well?",)), never).text == "Yes."


def test_a_death_before_the_request_was_received_does_not_count_against_the_text() -> None:
    def died() -> ScriptedChild:
        return ScriptedChild(ChildDied("signal 9, SIGKILL"))

    struck = ready(ChildDied("signal 9, SIGKILL"))
    model = scripted(died(), struck, died(), ready(DONE))
    assert model.complete(Question(("Well?",)), never).text == "Yes."
    with pytest.raises(EngineError, match="before it received the text") as error:
        scripted(died(), died(), died()).complete(Question(("Well?",)), never)
    assert not isinstance(error.value, EngineDied)  # so the request is not set aside


def test_an_answer_that_starts_again_reports_none_before_its_first_piece() -> None:
    struck = ready({"token": "Ye"}, ChildDied("signal 9, SIGKILL"))
    pieces: list[str | None] = []
    model = scripted(struck, ready({"token": "Yes"}, {"token": "."}, DONE))
    model.complete(Question(("Well?",)), never, pieces.append)
    assert pieces == ["Ye", None, "Yes", "."]


def test_a_model_that_does_not_open_is_not_started_again_and_again() -> None:
    refused = [ScriptedChild({"id": 0, "error": "it is cut off"}) for _ in range(50)]
    launcher = launching(*refused)
    model = Llama(launcher)
    with pytest.raises(EngineError, match="it is cut off"):
        model.start()
    for _ in range(200):
        model.restart_if_dead()
    assert len(launcher.children) == 48  # the first, and a second attempt at once
    assert "it is cut off" in str(model.fault)
    with pytest.raises(EngineError, match="it is cut off"):
        model.complete(Question(("Well?",)), never)
    assert len(launcher.children) == 48  # a request fails fast, too


def test_a_model_that_opens_at_the_second_attempt_is_ready_without_a_request() -> None:
    model = scripted(ScriptedChild({"id": 0, "error": "it is cut off"}), ready(DONE))
    with pytest.raises(EngineError):
        model.start()
    model.restart_if_dead()
    model.restart_if_dead()
    assert model.fault is None
    assert model.complete(Question(("Well?",)), never).text == "Yes."


def test_a_process_that_dies_at_the_start_is_restarted_later() -> None:
    model = scripted(ScriptedChild(ChildDied("signal 9, SIGKILL")), ready(DONE))
    with pytest.raises(EngineError, match=r"died .* while opening"):
        model.start()
    model.restart_if_dead()
    assert model.process_id is not None


def test_a_process_that_was_killed_on_purpose_is_not_logged_as_dead(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("appliance.engines.llama.supervisor.CANCEL_TIMEOUT_S", 0.01)
    caplog.set_level("INFO")
    hung = ready({"token": "Once"})
    model = scripted(hung, ready(DONE))
    stops = iter([False, False, True])
    with pytest.raises(Interrupted):
        model.complete(Question(("Tell",)), lambda: next(stops))
    model.restart_if_dead()
    assert hung.killed
    assert model.process_id is not None
    assert "died" not in caplog.text


def in_a_thread(what: Callable[[], object]) -> None:
    thread = threading.Thread(target=what)
    thread.start()
    thread.join()


@contextlib.contextmanager
def suspended_elsewhere(model: Llama) -> Iterator[None]:
    """Another thread suspends the model."""
    suspension = model.suspended()
    in_a_thread(suspension.__enter__)
    yield
    in_a_thread(lambda: suspension.__exit__(None, None, None))


def test_a_request_waits_until_no_other_thread_suspends_the_process() -> None:
    child = ready(DONE)
    model = scripted(child)
    model.start()
    seen: list[tuple[bool, int]] = []
    with contextlib.ExitStack() as elsewhere:
        elsewhere.enter_context(suspended_elsewhere(model))

        def must_stop() -> bool:
            seen.append((child.is_suspended, len(child.sent)))
            if len(seen) == 3:
                elsewhere.close()
            return False

        assert model.complete(Question(("Well?",)), must_stop).text == "Yes."
    assert seen[:3] == [(True, 0)] * 3
    assert not child.is_suspended


def test_a_process_that_is_opening_its_model_is_suspended_too() -> None:
    child = ready(DONE)
    model = scripted(ScriptedChild(ChildDied("signal 9, SIGKILL")), child)
    with pytest.raises(EngineError):
        model.start()
    with suspended_elsewhere(model):
        model.restart_if_dead()
        assert child.is_suspended
    assert not child.is_suspended
    with model.suspended():
        assert child.is_suspended


def test_a_cancelled_process_runs_until_it_has_stopped_and_is_suspended_again() -> None:
    child = ready({"token": "Once"}, DONE)
    model = scripted(child)
    stops = iter([False, False, True])
    seen: list[bool] = []

    def send(message: dict[str, Any]) -> None:
        child.sent.append(message)
        seen.append(child.is_suspended)

    child.send = send  # type: ignore[method-assign]
    with contextlib.ExitStack() as elsewhere:

        def must_stop() -> bool:
            if now := next(stops):
                elsewhere.enter_context(suspended_elsewhere(model))
            return now

        with pytest.raises(Interrupted):
            model.complete(Question(("Tell",)), must_stop)
        assert seen == [False, False]
        assert child.is_suspended


def test_a_text_that_the_model_refuses_fails_and_the_process_stays() -> None:
    child = ready({"error": "the text is too long"}, DONE)
    model = scripted(child)
    with pytest.raises(EngineError, match="the text is too long"):
        model.complete(Question(("word " * 9999,)), never)
    assert model.complete(Question(("Well?",)), never).text == "Yes."
    assert not child.killed


def test_a_cancelled_request_ends_without_killing_the_process() -> None:
    child = ready({"token": "Once"}, {"token": " upon"}, DONE)
    stops = iter([False, False, True])
    model = scripted(child)
    with pytest.raises(Interrupted):
        model.complete(Question(("Tell",)), lambda: next(stops))
    assert child.sent[-1] == {"stop": child.sent[0]["id"]}
    assert not child.killed


def test_a_process_that_two_suspend_resumes_after_both() -> None:
    child = ready(DONE)
    model = scripted(child)
    model.start()
    with model.suspended():
        with model.suspended():
            assert child.is_suspended
        assert child.is_suspended
    assert not child.is_suspended


def test_suspension_by_another_thread_does_not_use_up_the_time_limit() -> None:
    child = ready()
    model = Llama(launching(child, time_limit_s=0.3))
    checks = 0
    elsewhere = contextlib.ExitStack()

    def resume() -> None:
        child.lines.append(DONE)
        elsewhere.close()

    def must_stop() -> bool:
        nonlocal checks
        checks += 1
        if checks == 3:  # the model is open, and the process has the request
            elsewhere.enter_context(suspended_elsewhere(model))
            threading.Timer(0.6, resume).start()
        return False

    assert model.complete(Question(("Well?",)), must_stop).text == "Yes."
    assert not child.killed


def test_suspending_without_a_process_does_nothing() -> None:
    model = scripted()
    with model.suspended():
        assert model.process_id is None


@pytest.mark.parametrize(
    ("model", "hint"),
    [("scripted.gguf", "name another in language_model.model"), ("a-name", "models verify")],
)
def test_a_file_that_does_not_open_fails_with_advice(model: str, hint: str) -> None:
    launcher = launching(ScriptedChild({"id": 0, "error": "it is cut off"}), model=model)
    with pytest.raises(EngineError, match=f"it is cut off; .*{hint}"):
        Llama(launcher).start()
