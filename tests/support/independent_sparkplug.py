"""Another implementation of Sparkplug, in a folder of its own: its requirements exclude ours."""

from __future__ import annotations

import importlib
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import pytest

REQUIREMENT = (
    "pysparkplug==0.6.1 "
    "--hash=sha256:30ec197f3b091832fcec4b16330032c9c72af82f677b4e22483e988c4b39024a\n"
)


def pysparkplug(monkeypatch: pytest.MonkeyPatch) -> Any:
    """The library, without its dependencies; skips the test where it cannot be had."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "appliance"
    folder = cache / "pysparkplug-0.6.1"
    if not folder.is_dir():
        cache.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=cache) as made:
            (Path(made) / "requirements.txt").write_text(REQUIREMENT, encoding="ascii")
            install = [sys.executable, "-m", "pip", "install", "--no-deps", "--require-hashes"]
            where = ["--target", f"{made}/library", "--requirement", f"{made}/requirements.txt"]
            done = subprocess.run(
                [*install, *where], capture_output=True, text=True, check=False, timeout=120
            )
            if done.returncode:
                pytest.skip(f"pysparkplug cannot be had: {done.stderr.strip()[-200:]}")
            (Path(made) / "library").rename(folder)
    monkeypatch.syspath_prepend(str(folder))
    return importlib.import_module("pysparkplug")
