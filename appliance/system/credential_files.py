"""Finds the files that the configuration names: some are systemd credentials."""

from __future__ import annotations

import os
from pathlib import Path


def located(name: str) -> Path:
    """Return the path of a configured file; a relative one may be a systemd credential."""
    path = Path(name).expanduser()
    directory = os.environ.get("CREDENTIALS_DIRECTORY")
    if directory and not path.is_absolute() and (Path(directory) / path).exists():
        return Path(directory) / path
    return path
