"""The interface through which a pull reports its progress."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable


class Progress(Protocol):
    """Receives the progress; a terminal or a log."""

    def message(self, line: str) -> None:
        """One line for a person."""

    def update(self, done: int, total: int) -> None:
        """Bytes of the model in the last message."""


def with_offset(progress: Progress, before: int, total: int) -> Callable[[int], None]:
    """Reports the bytes of one file; `before` bytes of other files are done already."""
    return lambda done: progress.update(before + done, total)
