"""What was built and tried last, and whether the files that it was made of are still the same."""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

REPOSITORY = Path(__file__).resolve().parents[2]

NOT_INPUTS = ("proof.json", "from-nothing.json", "README.md", "__pycache__", ".pyc")


@dataclass(frozen=True, slots=True)
class Proof:
    """A file that tells which parts were right, and with which files of the repository."""

    file: str
    subject: str
    """What the sentences call it."""
    inputs: tuple[str, ...]
    """Files and folders of the repository."""
    parts: tuple[str, ...]
    """The proof is complete when each of them was right with the files that are here."""
    command: str
    """What makes it."""

    def digest(self) -> str:
        """Of names and contents of all inputs."""
        found = hashlib.sha256()
        for name in self.inputs:
            place = REPOSITORY / name
            paths = [place] if place.is_file() else sorted(place.rglob("*"))
            for path in paths:
                if any(word in path.as_posix() for word in NOT_INPUTS):
                    continue
                content = f"{path.readlink()}".encode() if path.is_symlink() else _content(path)
                head = f"{path.relative_to(REPOSITORY)} {len(content)} "
                found.update(head.encode() + content)
        return found.hexdigest()

    def record(self, parts: dict[str, dict[str, Any]]) -> None:
        """Write down which parts were right; those that were right with the same inputs stay."""
        at = dt.datetime.now(dt.UTC).isoformat(timespec="seconds")
        inputs = self.digest()
        old = self._written()
        proven = old.get("parts", {}) if old.get("inputs_sha256") == inputs else {}
        proven |= {name: {"at": at, **figures} for name, figures in parts.items()}
        proof = {"inputs_sha256": inputs, "parts": dict(sorted(proven.items()))}
        (REPOSITORY / self.file).write_text(json.dumps(proof, indent=2) + "\n")

    def state(self) -> tuple[int, str]:
        """0: every part was right with what is here; 69: some were; 1: it has changed since."""
        written = self._written()
        if not written:
            return 1, f"{self.subject} has not been proven yet. Run: {self.command}"
        if written.get("inputs_sha256") != self.digest():
            return 1, f"{self.subject} has changed since it was proven. Run: {self.command}"
        lacking = [name for name in self.parts if name not in written["parts"]]
        if lacking:
            return 69, f"Proven but for: {', '.join(lacking)}. Run: {self.command}"
        times = sorted(part["at"] for part in written["parts"].values())
        return 0, f"proven on {times[0][:10]}: {', '.join(self.parts)}"

    def _written(self) -> dict[str, Any]:
        try:
            found: dict[str, Any] = json.loads((REPOSITORY / self.file).read_bytes())
        except (OSError, ValueError):
            return {}
        return found


IMAGE = Proof(
    file="image-build/proof.json",
    subject="The image",
    # A change of the appliance's own code is tested without an image.
    inputs=(
        "image-build",
        "systemd",
        "script/requirements.lock",
        "script/llama-cpp-python.lock",
        "script/llama-variants.sh",
        "script/build.lock",
    ),
    parts=("boot", "service", "cuts", "update", "processors"),
    command="sudo image-build/test --record",
)
FROM_NOTHING = Proof(
    file="image-build/from-nothing.json",
    subject="The build from nothing",
    # Those of the stages that are made, and what carries them out.
    inputs=(
        *(f"image-build/{name}" for name in ("build", "initrd", "lists", "tryboot")),
        *(f"image-build/builder/{name}.py" for name in ("cli", "locks", "machine", "options")),
        *(f"image-build/builder/{name}.py" for name in ("stages", "tools", "rootfs", "kernel")),
        *(f"image-build/builder/{name}.py" for name in ("initrd", "tryboot")),
        "script/build.lock",
    ),
    parts=("bookworm", "trixie"),
    command="sudo image-build/test --from-nothing --record",
)


def _content(path: Path) -> bytes:
    return path.read_bytes() if path.is_file() else b""


if __name__ == "__main__":
    status, sentence = (FROM_NOTHING if "--from-nothing" in sys.argv else IMAGE).state()
    print(sentence)
    sys.exit(status)
