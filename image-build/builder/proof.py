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
    "script/llama-variants.sh",
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


PARTS = ("boot", "service", "cuts", "update", "processors")
"""Of image-build/test; a proof stands when each of them was right with what is here."""


def record(parts: dict[str, dict[str, Any]]) -> None:
    """Write down which parts were right; those that were right with the same inputs stay."""
    at = dt.datetime.now(dt.UTC).isoformat(timespec="seconds")
    inputs = digest()
    old = _written()
    proven = old.get("parts", {}) if old.get("inputs_sha256") == inputs else {}
    proven |= {name: {"at": at, **figures} for name, figures in parts.items()}
    proof = {"inputs_sha256": inputs, "parts": dict(sorted(proven.items()))}
    FILE.write_text(json.dumps(proof, indent=2) + "\n")


def state() -> tuple[int, str]:
    """0: every part was right with what is here; 69: some were; 1: it has changed since."""
    written = _written()
    if written.get("inputs_sha256") != digest():
        return 1, "The image has changed since it was proven."
    lacking = [name for name in PARTS if name not in written["parts"]]
    if lacking:
        return 69, f"Proven but for: {', '.join(lacking)}. Run: image-build/test --record"
    return 0, f"proven: {', '.join(PARTS)}"


def _written() -> dict[str, Any]:
    try:
        found: dict[str, Any] = json.loads(FILE.read_bytes())
    except (OSError, ValueError):
        return {}
    return found


def _content(path: Path) -> bytes:
    return path.read_bytes() if path.is_file() else b""


if __name__ == "__main__":
    status, sentence = state()
    print(sentence)
    sys.exit(status)
