"""Prometheus's own checker, `promtool`: the installed one, or the one of Debian's package."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from pathlib import Path

from support.requirements import skip_unless_ci

PACKAGE = "prometheus"
DOWNLOAD_S = 300.0


def promtool() -> Path:
    """The program. CI takes it out of the package, once, as the whole one starts a server."""
    if (installed := shutil.which("promtool")) is not None:
        return Path(installed)
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    program = cache / "appliance" / PACKAGE / "promtool"
    if not program.exists() and os.environ.get("CI") and shutil.which("apt-get"):
        _unpack(program)
    if not program.exists():
        skip_unless_ci(f"promtool is not here: install the package {PACKAGE}")
    return program


def _unpack(program: Path) -> None:
    """Put the program there, if the package can be had."""
    program.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=program.parent) as folder:
        download = ["apt-get", "-o", "APT::Sandbox::User=root", "download", PACKAGE]
        for command in (download, ["apt-get", "update"], download):
            subprocess.run(
                command, cwd=folder, capture_output=True, check=False, timeout=DOWNLOAD_S
            )
            if found := next(Path(folder).glob("*.deb"), None):
                subprocess.run(["dpkg-deb", "--extract", found, folder], check=True)
                (Path(folder) / "usr/bin/promtool").replace(program)
                return
