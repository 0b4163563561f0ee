"""The governor's decisions for random sequences of temperature and supply."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.system.governor import (
    CLEAR_S,
    DWELL_S,
    EASE_C,
    REST_C,
    RESUME_C,
    SLOWNESS,
    WARN_C,
    GovernorState,
    log_line,
    next_state,
    threads_at,
)
from appliance.values import BoardReading, Pace

CELSIUS = st.none() | st.floats(-20, 110)
MOMENTS = st.lists(
    st.tuples(st.floats(0.1, 100), CELSIUS, st.none() | st.booleans()), min_size=1, max_size=40
)


def states(
    moments: Sequence[tuple[float, float | None, bool | None]],
) -> list[tuple[float, GovernorState]]:
    state, now, found = GovernorState(), 0.0, []
    for seconds, celsius, low in moments:
        now += seconds
        state = next_state(state, BoardReading(temperature_c=celsius, under_voltage=low), now)
        found.append((now, state))
    return found


@given(MOMENTS)
def test_heat_slows_the_board_at_once(
    moments: list[tuple[float, float | None, bool | None]],
) -> None:
    for (_, celsius, _), (_, state) in zip(moments, states(moments), strict=True):
        if celsius is not None and celsius >= REST_C:
            assert state.pace is Pace.RESTING
        elif celsius is not None and celsius >= EASE_C:
            assert state.pace is not Pace.FULL


@given(MOMENTS)
def test_a_pace_does_not_rise_too_early_or_while_the_board_is_warm(
    moments: list[tuple[float, float | None, bool | None]],
) -> None:
    before, changed_at = GovernorState(), float("-inf")
    for (_, celsius, _), (now, state) in zip(moments, states(moments), strict=True):
        if SLOWNESS[state.heat] < SLOWNESS[before.heat]:
            assert celsius is not None
            assert celsius < RESUME_C
            assert now - changed_at >= DWELL_S
            assert SLOWNESS[before.heat] - SLOWNESS[state.heat] == 1
        if state.heat is not before.heat:
            changed_at = now
        before = state


@given(MOMENTS)
def test_a_weak_supply_eases_the_board_and_pauses_the_language_model_for_a_minute(
    moments: list[tuple[float, float | None, bool | None]],
) -> None:
    low_at = float("-inf")
    for (_, _, low), (now, state) in zip(moments, states(moments), strict=True):
        low_at = now if low else low_at
        assert state.low_voltage == (now - low_at < CLEAR_S)
        if state.low_voltage:
            assert state.pace is not Pace.FULL


@given(MOMENTS)
def test_every_board_returns_to_full_pace_when_it_is_cool_and_the_supply_is_right(
    moments: list[tuple[float, float | None, bool | None]],
) -> None:
    calm = [(DWELL_S, 50.0, False)] * (2 + int(CLEAR_S / DWELL_S))
    assert states([*moments, *calm])[-1][1].pace is Pace.FULL


@given(MOMENTS)
def test_the_pace_is_never_faster_than_heat_allows(
    moments: list[tuple[float, float | None, bool | None]],
) -> None:
    for _, state in states(moments):
        assert SLOWNESS[state.pace] >= SLOWNESS[state.heat]
        assert not (state.pace is Pace.RESTING and state.heat is not Pace.RESTING)


def test_a_temperature_that_swings_within_the_hysteresis_changes_the_pace_once() -> None:
    swing = [(1.0, celsius, None) for celsius in [79.0, 76.0, 78.5, 73.0] * 50]
    assert {state.pace for _, state in states(swing)} == {Pace.EASED}


def test_a_board_without_sensors_works_at_full_pace() -> None:
    assert next_state(GovernorState(), BoardReading(), 1.0) == GovernorState()


def test_a_sensor_that_fails_while_the_board_is_hot_leaves_it_resting() -> None:
    found = states([(1.0, 90.0, None), *[(100.0, None, None)] * 5])
    assert found[-1][1].pace is Pace.RESTING


@pytest.mark.parametrize(
    ("pace", "budget", "threads"),
    [
        (Pace.FULL, 4, 4),
        (Pace.EASED, 4, 2),
        (Pace.RESTING, 4, 2),
        (Pace.EASED, 1, 1),
        (Pace.EASED, 3, 1),
    ],
)
def test_an_eased_board_uses_half_its_threads_but_always_one(
    pace: Pace, budget: int, threads: int
) -> None:
    assert threads_at(pace, budget) == threads


def test_every_change_is_logged_once_with_its_reason() -> None:
    heating = [(1.0, WARN_C, None), (1.0, EASE_C, None), (1.0, REST_C, None), (1.0, 90.0, None)]
    cooling = [(DWELL_S, 60.0, None), (DWELL_S, 60.0, None), (DWELL_S, 60.0, True)]
    before, lines = GovernorState(), []
    moments = [*heating, *cooling]
    for moment, (_, state) in zip(moments, states(moments), strict=True):
        lines.append(log_line(before, state, BoardReading(temperature_c=moment[1])))
        before = state
    assert [line and line.partition(":")[0] for line in lines] == [
        "the board is warm at 75 °C",
        "pace eased at 78 °C",
        "pace resting at 82 °C",
        None,
        "pace eased again at 60 °C",
        "pace full again at 60 °C",
        "the supply's voltage is too low",
    ]
