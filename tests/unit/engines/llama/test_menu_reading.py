"""The first reading of a long list of intents has a time limit of its own."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import pytest

from appliance.child_process import ChildDied
from appliance.config import LanguageModelSettings
from appliance.engines.llama import language_model, suspension
from appliance.engines.llama.language_model import MENU_LIMIT_S, Llama
from appliance.engines.llama.server_launcher import ServerLauncher
from appliance.errors import EngineDied, EngineError

SCORED = {"scored": {"scores": [0.0], "prompt_tokens": 10, "cached_tokens": 8}}


class SteadyServer:
    """Gives one scripted response after the other, each after so many seconds of its own clock."""

    def __init__(
        self, monkeypatch: pytest.MonkeyPatch, responses: list[dict[str, Any]], step_s: float
    ) -> None:
        self.now = 0.0
        self._responses = responses
        self._step_s = step_s
        monkeypatch.setattr("time.monotonic", lambda: self.now)

    def next_response(self, _: int, clock: suspension.WorkClock, __: Any) -> dict[str, Any] | None:
        self.now += self._step_s
        return None if clock.left_s() <= 0 else self._responses.pop(0)


def received(server: SteadyServer) -> dict[str, Any]:
    launcher = ServerLauncher(Path("m.gguf"), LanguageModelSettings(), 1, cache_folder=None)
    model = Llama(launcher)
    return model._receive(server, 1, lambda: False, None)  # type: ignore[arg-type]


def reading(steps: int) -> list[dict[str, Any]]:
    return [{"reading": [step, steps]} for step in range(steps + 1)]


def test_a_menu_may_take_longer_than_an_answer_as_long_as_it_goes_on(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, language_model.__name__)
    server = SteadyServer(monkeypatch, [*reading(12), SCORED], 50.0)
    assert received(server) == SCORED["scored"]
    assert server.now > 10 * 60
    assert [record.args[0] for record in caplog.records] == [3, 6, 9, 12]  # type: ignore[index]


def test_a_process_that_stops_reading_hangs(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ChildDied, match="wrote nothing for 60 s"):
        received(SteadyServer(monkeypatch, [*reading(12), SCORED], 61.0))


def test_a_menu_that_takes_too_long_is_given_up_with_advice_and_without_a_restart(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    server = SteadyServer(monkeypatch, [*reading(40), SCORED], 50.0)
    with pytest.raises(EngineError, match="smaller model") as raised:
        received(server)
    assert not isinstance(raised.value, EngineDied)
    assert server.now <= MENU_LIMIT_S + 50.0
