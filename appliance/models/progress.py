"""Show: where a pull tells how it goes on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable


class Progress(Protocol):
    """A person's terminal or a log."""

    def say(self, line: str) -> None:
        """One line for a person."""

    def progress(self, done: int, total: int) -> None:
        """Bytes of what was announced last, so far and in all."""


def onward(show: Progress, before: int, total: int) -> Callable[[int], None]:
    """What counts the bytes of one piece, `before` bytes of the others being there already."""
    return lambda done: show.progress(before + done, total)
