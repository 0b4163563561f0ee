"""Load, memory and disk."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING

from appliance.system.sensors.sysfs import text

if TYPE_CHECKING:
    from pathlib import Path

MB = 1_000_000


def load(root: Path) -> float | None:
    """The kernel's load average of the last minute."""
    content = text(root / "proc/loadavg")
    try:
        return None if content is None else float(content.split()[0])
    except ValueError:
        return None


def available_mb(root: Path) -> float | None:
    """Memory that is available without swapping."""
    return _meminfo_mb(root, "MemAvailable")


def total_mb(root: Path) -> float | None:
    """All memory of the board."""
    return _meminfo_mb(root, "MemTotal")


def disk_free_mb(folder: Path) -> float | None:
    """Free space on the disk of `folder`, which need not exist yet."""
    for place in (folder, *folder.parents):
        try:
            space = os.statvfs(place)
        except FileNotFoundError:
            continue
        except OSError:
            return None
        return round(space.f_bavail * space.f_frsize / MB)
    return None


def _meminfo_mb(root: Path, key: str) -> float | None:
    found = re.search(rf"^{key}:\s+(\d+) kB$", text(root / "proc/meminfo") or "", re.MULTILINE)
    return round(int(found[1]) * 1024 / MB) if found else None
