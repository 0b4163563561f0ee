"""Wait until something has happened, with a limit."""

from __future__ import annotations

import time
from typing import Any

import pytest

TIMEOUT_S = 10.0
"""After this time, what should happen is taken not to happen."""


def until(happened: Any, words: str = "it did not happen", seconds: float = TIMEOUT_S) -> Any:
    """Ask `happened` again and again; its first true answer, or a failure with `words`."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if answer := happened():
            return answer
        time.sleep(0.01)
    pytest.fail(f"{words}, in {seconds:g} s")
