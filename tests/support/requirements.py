"""What a test requires of the machine: without it a laptop skips the test, and CI fails."""

from __future__ import annotations

import os
from typing import NoReturn

import pytest


def skip_unless_ci(what: str) -> NoReturn:
    """Skip on a laptop; in CI, where script/test has set everything up, fail."""
    if os.environ.get("CI"):
        pytest.fail(what)
    pytest.skip(what)
