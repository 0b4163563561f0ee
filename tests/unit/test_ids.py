"""Ids sort by time and never repeat."""

from __future__ import annotations

import uuid

import pytest

from appliance.ids import Ids


def test_ids_are_uuids_of_version_7_that_sort_in_the_order_they_were_made() -> None:
    ids = Ids()
    made = [ids.new() for _ in range(500)]
    assert made == sorted(made)
    assert len(set(made)) == 500
    assert {uuid.UUID(each).version for each in made} == {7}
    assert {uuid.UUID(each).variant for each in made} == {uuid.RFC_4122}


def test_ids_are_greater_than_the_last_one_even_if_the_clock_starts_in_1970(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    before_the_reboot = Ids().new()
    monkeypatch.setattr("time.time_ns", lambda: 5_000_000)
    assert Ids(before_the_reboot).new() > before_the_reboot
