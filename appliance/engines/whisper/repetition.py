"""Finds and removes Whisper's repetitions at the end of a text."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence


def is_repetitive(tokens: Sequence[int]) -> bool:
    """Whether the text ends in a repetition."""
    return len(without_repetition(tokens)) < len(tokens)


def without_repetition(tokens: Sequence[int]) -> list[int]:
    """The text without the repetition at its end.

    Three times is a repetition. Twice is one if it is the whole text and has three tokens or more
    ("no, no" stays). The limit on tokens may have cut the last time off.
    """
    for period in range(1, len(tokens) // 2 + 1):
        same = 0
        while same + period < len(tokens) and tokens[-1 - same] == tokens[-1 - same - period]:
            same += 1
        times = 1 + same / period
        is_whole_text = same + period == len(tokens)
        if times >= 3 or (is_whole_text and times >= 2 and period >= 3):  # noqa: PLR2004
            return list(tokens[: len(tokens) - same])
    return list(tokens)
