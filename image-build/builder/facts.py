"""What an image says of itself, and the key that its updates are signed with."""

from __future__ import annotations

import functools
import re
import shutil
import subprocess
import time
from typing import TYPE_CHECKING, Any

from builder import kernel
from builder.options import REPOSITORY

if TYPE_CHECKING:
    from pathlib import Path

    from builder.stages import Build


def facts(build: Build, models: list[str]) -> dict[str, Any]:
    """What /usr/share/appliance/image.json holds."""
    return {
        "version": version(),
        "built": build_time(),
        "boards": list(build.options.boards),
        "models": models,
        "kernel": (build.folders[kernel.NAME] / "version").read_text(),
        "inputs": {name: key[:12] for name, key in build.keys.items()},
    }


def version() -> str:
    """The product's."""
    text = (REPOSITORY / "appliance/__init__.py").read_text()
    found = re.search(r'^__version__ = "(.*)"$', text, re.MULTILINE)
    assert found  # noqa: S101 (a line of this very repository)
    return found[1]


def build_time() -> str:
    """That of the last commit, where there is one: the same sources give the same image."""
    return time.strftime("%Y-%m-%dT%H:%M:%S+00:00", time.gmtime(epoch()))


@functools.cache
def epoch() -> int:
    """The same, in seconds. The system's files have it: no clock starts before it."""
    if shutil.which("git") is None:
        return int(time.time())
    said = subprocess.run(
        [
            "git",
            "-c",
            f"safe.directory={REPOSITORY}",
            "-C",
            REPOSITORY,
            "log",
            "-1",
            "--format=%ct",
        ],
        capture_output=True,
        text=True,
        check=False,
    ).stdout.strip()
    return int(said or time.time())


def signing_key(build: Build) -> Path:
    """The owner's, else one that is made once in the cache."""
    if build.options.signing_key:
        return build.options.signing_key
    key = build.options.cache / "update-signing.key"
    if not key.exists():
        build.run("openssl", "genpkey", "-algorithm", "ed25519", "-out", key)
        key.chmod(0o600)
    return key
