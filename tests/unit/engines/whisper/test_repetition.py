"""Repetition is removed, emphasis is not."""

from __future__ import annotations

import pytest

from appliance.engines.whisper.repetition import is_repetitive, without_repetition


@pytest.mark.parametrize(
    ("tokens", "once"),
    [
        ([1, 2, 3, 4, 1, 2, 3, 4], [1, 2, 3, 4]),
        ([1, 2, 3, 4, 1, 2, 3, 4, 1, 2], [1, 2, 3, 4]),
        ([8, 9, 1, 1, 1, 1], [8, 9, 1]),
        ([8, 1, 2, 1, 2, 1, 2], [8, 1, 2]),
    ],
)
def test_a_repetition_is_removed(tokens: list[int], once: list[int]) -> None:
    assert is_repetitive(tokens)
    assert without_repetition(tokens) == once


@pytest.mark.parametrize("tokens", [[], [1], [7, 7], [7, 7, 3], [1, 2, 1, 2], [1, 2, 3]])
def test_what_people_say_twice_stays(tokens: list[int]) -> None:
    assert not is_repetitive(tokens)
    assert without_repetition(tokens) == tokens
