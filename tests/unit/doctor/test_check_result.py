"""The doctor's conclusions from sound, sockets and errors."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import msgspec
import numpy as np
import pytest

from appliance import doctor
from appliance.commands.check import line_of
from appliance.config import Config, MqttSettings, WyomingSettings
from appliance.doctor.check_result import CheckContext, CheckResult, CheckVerdict
from appliance.doctor.models_sentences_microphone import NO_LISTEN, _sound_result, microphone
from appliance.doctor.offline import _outside_connections
from appliance.errors import EngineError
from appliance.system.memory_and_sockets import Socket

HERE = ("127.0.0.1", 40000)


def hiss(loudness: float) -> np.ndarray[tuple[int], np.dtype[np.float32]]:
    return (loudness * np.sin(np.arange(4800))).astype(np.float32)


def test_a_microphone_with_sound_is_ok() -> None:
    answer = _sound_result("USB", hiss(0.01))
    assert (answer.verdict, answer.found) == (
        CheckVerdict.OK,
        "USB works; peak -40 dBFS in 0.3 s",
    )


@pytest.mark.parametrize(
    ("sound", "found"),
    [
        (np.zeros(0, np.float32), "USB opens, but delivers no sound within 5 s"),
        (np.zeros(4800, np.float32), "USB opens, but is silent: every sample is the same"),
        (np.full(4800, 0.3, np.float32), "USB opens, but is silent: every sample is the same"),
        (hiss(0.0001), "USB is very quiet: its peak is -80 dBFS"),
    ],
)
def test_a_microphone_without_sound_is_a_warning_with_advice(
    sound: np.ndarray[tuple[int], np.dtype[np.float32]], found: str
) -> None:
    answer = _sound_result("USB", sound)
    assert (answer.verdict, answer.found) == (CheckVerdict.WARNING, found)
    assert answer.advice


@pytest.mark.parametrize(("operations", "warned"), [([], True), (["listen"], False)])
def test_a_trigger_by_request_without_the_request_listen_is_a_warning(
    operations: list[str], *, warned: bool
) -> None:
    settings = {"listening": {"trigger": "request"}, "mqtt": {"operations": operations}}
    config = msgspec.convert(settings, Config)
    findings = list(microphone(CheckContext(config, Path("config.toml"), daemon=1)))
    assert (findings[0].found == NO_LISTEN) == warned


@pytest.mark.parametrize(
    ("opened", "verdicts"),
    [
        (Socket(HERE, ("192.168.1.2", 1883), listening=False), []),
        (Socket(("127.0.0.1", 1883), None, listening=True), []),
        (Socket(("::1", 1883), None, listening=True), []),
        (Socket(("0.0.0.0", 5000), None, listening=False), []),  # noqa: S104 (not connected)
        (Socket(HERE, ("1.2.3.4", 443), listening=False), [CheckVerdict.ERROR]),
        (Socket(("0.0.0.0", 1883), None, listening=True), [CheckVerdict.ERROR]),  # noqa: S104
        (Socket(("192.168.1.7", 80), None, listening=True), [CheckVerdict.ERROR]),
        (Socket(HERE, ("9.9.9.9", 8883), listening=False), [CheckVerdict.WARNING]),
    ],
)
def test_a_connection_outside_the_local_network_is_reported(
    opened: Socket, verdicts: list[CheckVerdict]
) -> None:
    config = Config(mqtt=MqttSettings(host="9.9.9.9", port=8883))
    assert [answer.verdict for answer in _outside_connections(config, [opened])] == verdicts


def test_a_check_that_crashes_does_not_stop_the_next_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def broken(place: CheckContext) -> Iterator[CheckResult]:
        raise KeyError("x")
        yield

    def refused(place: CheckContext) -> Iterator[CheckResult]:
        raise EngineError("the model is no model; run: appliance models verify")
        yield

    monkeypatch.setattr(doctor.questions, "QUESTIONS", {"broken": broken, "refused": refused})
    first, second = doctor.examine(CheckContext(Config()), ("broken", "refused"))
    assert first.found == "the check crashed: KeyError: 'x'"
    assert second.found == "the model is no model; run: appliance models verify"
    assert {first.verdict, second.verdict} == {CheckVerdict.ERROR}


def test_a_line_has_mark_question_finding_and_advice() -> None:
    answer = CheckResult(
        question="clock",
        verdict=CheckVerdict.WARNING,
        found="it is 1970",
        advice="give it a battery",
    )
    assert line_of(answer) == "[warn] clock          it is 1970; give it a battery"


def test_the_port_for_wyoming_clients_is_expected_to_be_open_and_no_other() -> None:
    config = Config(wyoming=WyomingSettings(listen="0.0.0.0:10300", allow=["192.168.1.0/24"]))
    served = Socket(("0.0.0.0", 10300), None, listening=True)  # noqa: S104
    client = Socket(("192.168.1.5", 10300), ("192.168.1.20", 5555), listening=False)
    other = Socket(("0.0.0.0", 10301), None, listening=True)  # noqa: S104
    assert list(_outside_connections(config, [served, client])) == []
    assert [one.verdict for one in _outside_connections(config, [other])] == [CheckVerdict.ERROR]
    assert [one.verdict for one in _outside_connections(Config(), [served])] == [CheckVerdict.ERROR]
