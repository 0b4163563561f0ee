"""Whether what the image is made of is what was built and booted last, and what was seen then."""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import sys
from pathlib import Path
from typing import Any

REPOSITORY = Path(__file__).resolve().parents[2]
FILE = REPOSITORY / "image-build/proof.json"

INPUTS = (
    "image-build",
    "systemd",
    "script/requirements.lock",
    "script/llama-cpp-python.lock",
    "script/build.lock",
)
"""A change of the appliance's own code is tested without an image."""

NOT_INPUTS = ("proof.json", "README.md", "__pycache__", ".pyc")


def digest() -> str:
    """Of names and contents of all that the image is made of."""
    found = hashlib.sha256()
    for name in INPUTS:
        place = REPOSITORY / name
        paths = [place] if place.is_file() else sorted(place.rglob("*"))
        for path in paths:
            if any(word in path.as_posix() for word in NOT_INPUTS):
                continue
            content = f"{path.readlink()}".encode() if path.is_symlink() else _content(path)
            head = f"{path.relative_to(REPOSITORY)} {len(content)} "
            found.update(head.encode() + content)
    return found.hexdigest()


def record(figures: dict[str, Any]) -> None:
    """Write down that this was built and booted, and how that went."""
    at = dt.datetime.now(dt.UTC).isoformat(timespec="seconds")
    proof = {"inputs_sha256": digest(), "at": at, **figures}
    FILE.write_text(json.dumps(proof, indent=2) + "\n")


def standing() -> str | None:
    """When what is here was proven, or None where it was not."""
    try:
        proof = json.loads(FILE.read_bytes())
    except (OSError, ValueError):
        return None
    return f"{proof.get('at')}" if proof.get("inputs_sha256") == digest() else None


def _content(path: Path) -> bytes:
    return path.read_bytes() if path.is_file() else b""


if __name__ == "__main__":
    proven_at = standing()
    if proven_at is None:
        print("changed since the last proof")
        sys.exit(1)
    print(f"unchanged since the proof of {proven_at}")
