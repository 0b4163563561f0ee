"""Repetition is cut, emphasis is not."""

from __future__ import annotations

import pytest

from appliance.engines.whisper.repetition import looped, unlooped


@pytest.mark.parametrize(
    ("tokens", "once"),
    [
        ([1, 2, 3, 4, 1, 2, 3, 4], [1, 2, 3, 4]),
        ([1, 2, 3, 4, 1, 2, 3, 4, 1, 2], [1, 2, 3, 4]),
        ([8, 9, 1, 1, 1, 1], [8, 9, 1]),
        ([8, 1, 2, 1, 2, 1, 2], [8, 1, 2]),
    ],
)
def test_a_loop_is_said_once(tokens: list[int], once: list[int]) -> None:
    assert looped(tokens)
    assert unlooped(tokens) == once


@pytest.mark.parametrize("tokens", [[], [1], [7, 7], [7, 7, 3], [1, 2, 1, 2], [1, 2, 3]])
def test_what_people_say_twice_stays(tokens: list[int]) -> None:
    assert not looped(tokens)
    assert unlooped(tokens) == tokens
