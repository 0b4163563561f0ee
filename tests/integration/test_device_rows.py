"""The rows of what Home Assistant did, if they are on this machine, through the real code."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
from measure.devices import DECISIONS, run_row

REPOSITORY = Path(__file__).parents[2]


def rows() -> list[dict[str, Any]]:
    """All rows; none without the files."""
    chosen = os.environ.get("APPLIANCE_DEVICE_ROWS")
    folder = Path(chosen) if chosen else REPOSITORY.parent / "shared" / "devices"
    return [
        json.loads(line)
        for file in sorted(folder.glob("*.jsonl"))
        for line in file.read_text("utf-8").splitlines()
        if line
    ]


ROW: dict[str, Any] = {
    "id": "own",
    "component": "light",
    "discovery_topic": "homeassistant/light/x/config",
    "config": {"name": "Lamp", "cmd_t": "lamp/set", "stat_t": "lamp"},
    "service": {"name": "light.turn_on", "data": {}},
    "expected": [
        {"topic": "lamp/set", "payload": "ON", "qos": 0, "retain": False, "compare": "text"}
    ],
    "state_in": [{"topic": "lamp", "payload": "ON"}],
    "state_expected": {"Lamp": {"state": "on"}},
    "names_expected": ["Lamp"],
}


def test_every_row_is_equal_or_decided_otherwise() -> None:
    found = rows()
    if not found:
        pytest.skip("there are no rows: set APPLIANCE_DEVICE_ROWS to their folder")
    different = {row["id"]: run_row(row) for row in found if row["id"] not in DECISIONS}
    assert {row: what for row, what in different.items() if what} == {}


def test_a_row_that_is_equal_has_no_difference() -> None:
    assert run_row(ROW) == []


@pytest.mark.parametrize(
    "wrong",
    [
        {"expected": []},
        {"expected": [{**ROW["expected"][0], "payload": "OFF"}]},
        {"expected": [{**ROW["expected"][0], "qos": 1}]},
        {"expected": [*ROW["expected"], *ROW["expected"]]},
        {"refused": True},
        {"state_after_service": {"Lamp": "on"}},
        {"state_expected": {"Lamp": {"state": "off"}}},
        {"state_expected": {"Lamp": {"state": "on", "attributes": {"color_mode": "rgb"}}}},
        {"names_expected": ["Other"]},
        {"config": {"name": "Lamp"}},
    ],
)
def test_every_kind_of_difference_is_found(wrong: dict[str, Any]) -> None:
    assert run_row({**ROW, **wrong}) != []
