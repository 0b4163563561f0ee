"""Whisper's habit of saying the same again and again, found in what it wrote."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence


def looped(tokens: Sequence[int]) -> bool:
    """Whether the text ends in the same words again and again."""
    return len(unlooped(tokens)) < len(tokens)


def unlooped(tokens: Sequence[int]) -> list[int]:
    """The text without what it repeats at its end.

    Twice is a loop where it is the whole text and three words or more ("no, no" stays); else
    three times are. The last time may be cut off by the limit.
    """
    for period in range(1, len(tokens) // 2 + 1):
        same = 0
        while same + period < len(tokens) and tokens[-1 - same] == tokens[-1 - same - period]:
            same += 1
        times = 1 + same / period
        whole = same + period == len(tokens)
        if times >= 3 or (whole and times >= 2 and period >= 3):  # noqa: PLR2004
            return list(tokens[: len(tokens) - same])
    return list(tokens)
