"""What the system around the appliance wants its owner to know, such as settings it refused."""

from __future__ import annotations

import os
from pathlib import Path

import msgspec

VARIABLE = "APPLIANCE_NOTICES"
"""Names another file."""

FILE = "/run/appliance-image/notices.json"
"""The image writes it at each start."""


class Notices(msgspec.Struct):
    """The file: JSON."""

    notices: list[str] = []


def read() -> list[str]:
    """One sentence each; none where there is no such file, or it cannot be read."""
    try:
        content = Path(os.environ.get(VARIABLE, FILE)).read_bytes()
        return msgspec.json.decode(content, type=Notices).notices
    except (OSError, msgspec.MsgspecError):
        return []
