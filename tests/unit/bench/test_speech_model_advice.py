"""The advice on speech models follows speed and memory, and says what is only estimated."""

from __future__ import annotations

from appliance.bench.speech_model_advice import AFFORDABLE_REALTIME_FACTOR, advise

PI_5_MB, PI_ZERO_MB = 8_200.0, 500.0


def test_a_measured_model_is_judged_by_its_own_time_and_another_by_its_size() -> None:
    found = {one.name: one for one in advise("en", {"whisper-base": 0.1}, PI_5_MB)}
    base, small = found["whisper-base"], found["whisper-small"]
    assert (base.realtime_factor, base.measured, base.affordable) == (0.1, True, True)
    assert not small.measured
    assert small.realtime_factor == 0.327  # it is 3.27 times as large
    assert small.affordable
    assert not found["distil-medium.en"].affordable
    assert "more than a second" in found["distil-medium.en"].words


def test_the_smallest_comes_first_and_only_those_that_know_the_language() -> None:
    assert [one.name for one in advise("de", {}, PI_5_MB)] == ["whisper-base", "whisper-small"]
    assert advise("en", {}, PI_5_MB)[0].name == "whisper-tiny.en"


def test_a_model_that_does_not_fit_is_not_affordable_however_fast_the_board_is() -> None:
    found = {one.name: one for one in advise("en", {"whisper-tiny.en": 0.01}, PI_ZERO_MB)}
    assert found["whisper-tiny.en"].affordable
    assert "memory" in found["whisper-small"].words
    assert not found["whisper-small"].affordable


def test_without_a_measurement_nothing_is_promised() -> None:
    assert {(one.affordable, one.words) for one in advise("en", {}, None)} == {
        (False, "not measured")
    }
    assert 0 < AFFORDABLE_REALTIME_FACTOR < 1
