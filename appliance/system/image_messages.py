"""Reads the notices that the SD-card image has for the owner, such as rejected settings."""

from __future__ import annotations

import os
from pathlib import Path

import msgspec

from appliance.errors import UNREADABLE_JSON

VARIABLE = "APPLIANCE_NOTICES"
"""Environment variable with the path of another file."""

FILE = "/run/appliance-image/notices.json"
"""Written by the image at each boot."""


class Notices(msgspec.Struct):
    """The file: JSON."""

    notices: list[str] = []


def read() -> list[str]:
    """The notices, one sentence each; empty if the file is missing or unreadable."""
    try:
        content = Path(os.environ.get(VARIABLE, FILE)).read_bytes()
        return msgspec.json.decode(content, type=Notices).notices
    except (OSError, *UNREADABLE_JSON):
        return []
