"""Parts of the lock files."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from builder.stages import BuildError

if TYPE_CHECKING:
    from pathlib import Path


def subset(lock: Path, names: list[str]) -> str:
    """The requirements of `names` out of a lock, with their hashes and without their markers."""
    found = re.findall(
        r"^(\S+)==(\S+)[^\\\n]*\\\n((?:    --hash.*\n?)+)", lock.read_text(), re.MULTILINE
    )
    chosen = {
        name: f"{name}=={version} \\\n{hashes}" for name, version, hashes in found if name in names
    }
    if missing := [name for name in names if name not in chosen]:
        raise BuildError(f"{lock} does not name {', '.join(missing)}. Make it again: script/lock")
    return "".join(chosen.values())


def without(lock: Path, names: list[str]) -> str:
    """A lock without the requirements of `names`."""
    pattern = rf"^(?:{'|'.join(map(re.escape, names))})==[^\n]*\\\n(?:    --hash.*\n?)+"
    return re.sub(pattern, "", lock.read_text(), flags=re.MULTILINE)
