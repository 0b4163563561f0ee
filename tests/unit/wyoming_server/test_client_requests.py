"""What a client gives with its requests: names that can be said, and its room."""

from __future__ import annotations

import pytest

from appliance.wyoming_server.client_requests import MOST_NAMES, names_of


def test_names_that_nobody_can_say_are_left_out() -> None:
    given = ["Lava Lamp", "0x00158d0001", "", "x" * 100, "\x00", "lava_lamp 2", "Lava Lamp"]
    assert names_of(given) == ("Lava Lamp", "lava lamp 2")


def test_a_name_that_is_too_long_costs_no_time(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[str] = []
    monkeypatch.setattr("appliance.wyoming_server.client_requests.spoken_name", seen.append)
    names_of(["a" * 20_000, "lamp"])
    assert seen == ["lamp"]


def test_the_same_names_in_another_order_are_the_same() -> None:
    assert names_of(["b lamp", "a lamp"]) == names_of(["a lamp", "b lamp"])


def test_a_long_list_of_names_is_cut_off() -> None:
    assert len(names_of([f"lamp {number}" for number in range(3 * MOST_NAMES)])) == MOST_NAMES
