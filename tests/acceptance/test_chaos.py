"""The short forms of tests/endurance: nothing lost while everything is killed, memory flat."""

from __future__ import annotations

from pathlib import Path

import pytest
from endurance import mqtt_chaos, mqtt_malformed, mqtt_rates


@pytest.mark.long
@pytest.mark.timeout(300)
@pytest.mark.parametrize(
    ("operation", "requests", "kills_apart_s"),
    [
        ("parse", 1500, (0.5, 2.0)),
        ("transcribe", 15, (0.5, 4.0)),  # a busy machine needs some seconds for a recording
    ],
)
def test_every_request_is_answered_though_daemon_and_broker_are_killed(
    tmp_path: Path,
    models_directory: Path,
    operation: str,
    requests: int,
    kills_apart_s: tuple[float, float],
) -> None:
    told = mqtt_chaos.live(
        tmp_path,
        models_directory,
        operation=operation,
        requests=requests,
        requesters=5,
        limit_s=200.0,
        every_s=kills_apart_s,
    )
    assert told["daemon killed"] >= 1, told
    assert told["lost"] == [], told
    assert told["different"] == [], told


def test_malformed_requests_are_answered_or_counted_and_memory_stays_flat(tmp_path: Path) -> None:
    told = mqtt_malformed.live(tmp_path, 1500)
    assert told["unanswered"] == 0, told
    assert told["left_in_inbox"] == 0, told
    assert told["states"]["invalid"] > 500, told
    first, last = told["memory_mb"]
    assert last - first < 20, told


def test_rates_are_measured_with_and_without_a_journal(tmp_path: Path) -> None:
    for name in ("journal", "memory"):
        (tmp_path / name).mkdir()
    told = mqtt_rates.live(tmp_path, None, 100)
    assert set(told) == {"journal", "memory", "memory / journal"}
