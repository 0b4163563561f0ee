"""Which readings differ enough to be published."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.system.sensors import DEAD_BANDS, changed
from appliance.values import BoardReading

CALM = BoardReading(
    temperature_c=50.0,
    clock_mhz=1800.0,
    clock_limit_mhz=1800.0,
    load=0.4,
    memory_available_mb=3000.0,
    memory_used_mb=180.0,
    disk_free_mb=20000.0,
    throttled=False,
    under_voltage=False,
    volts=5.1,
    watts=3.5,
    joules=10.0,
    fan_rpm=3000.0,
    supply_ma=5000,
    battery_percent=80.0,
    under_voltages=0,
    throttlings=0,
    firmware_bits=0,
    core_volts=0.84,
)


def test_the_first_reading_is_always_published() -> None:
    assert changed(None, BoardReading())


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("temperature_c", 51.9),
        ("clock_mhz", 1700.0),
        ("clock_limit_mhz", 1795.0),
        ("load", 0.8),
        ("memory_available_mb", 2750.0),
        ("memory_used_mb", 199.0),
        ("disk_free_mb", 19100.0),
        ("volts", 5.05),
        ("core_volts", 0.87),
        ("watts", 3.9),
        ("joules", 5000.0),
    ],
)
def test_a_small_change_is_not_published(field: str, value: Any) -> None:
    assert not changed(CALM, dataclasses.replace(CALM, **{field: value}))


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("temperature_c", 52.0),
        ("temperature_c", 47.5),
        ("clock_mhz", 1500.0),
        ("load", 1.2),
        ("memory_available_mb", 2600.0),
        ("memory_used_mb", 240.0),
        ("disk_free_mb", 15000.0),
        ("throttled", True),
        ("under_voltage", True),
        ("volts", 4.9),
        ("core_volts", 0.72),
        ("watts", 6.0),
    ],
)
def test_a_large_change_is_published(field: str, value: Any) -> None:
    assert changed(CALM, dataclasses.replace(CALM, **{field: value}))


@pytest.mark.parametrize("field", [*DEAD_BANDS, "throttled", "under_voltage"])
def test_a_sensor_that_appears_or_disappears_is_published(field: str) -> None:
    without = dataclasses.replace(CALM, **{field: None})
    assert changed(CALM, without)
    assert changed(without, CALM)
    assert not changed(without, without)


@given(st.floats(20, 90), st.lists(st.floats(-1, 1), max_size=200))
def test_the_published_value_is_never_off_by_more_than_the_dead_band(
    start: float, steps: list[float]
) -> None:
    told = BoardReading(temperature_c=start)
    celsius = start
    for step in steps:
        celsius += step
        now = BoardReading(temperature_c=celsius)
        if changed(told, now):
            told = now
        assert abs((told.temperature_c or 0.0) - celsius) < DEAD_BANDS["temperature_c"][0]
