"""Stage 50: the Python packages of the lock file, for aarch64; nothing is emulated."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

from builder import llama, locks, tools

if TYPE_CHECKING:
    from pathlib import Path

    from builder.stages import Build

NAME = "50-wheels"

GLIBC = range(17, 42)
"""Wheels for any C library up to Debian 13's 2.41 run on it."""

LEFT_OUT = (
    "bin",
    "**/__pycache__",
    "**/tests",
    "**/*.pyi",
    "**/*.pyx",
    "**/*.pxd",
    "**/include",
    "**/*.a",
)


def make(build: Build) -> None:
    """`site`: what goes into site-packages, compiled for the image's Python."""
    site = build.here / "site"
    chosen = build.here / "wheels.lock"
    chosen.write_text(locks.without(llama.LOCK, ["lgpio"]))
    built = sorted((build.folders[llama.NAME] / "wheels").glob("*.whl"))
    _install(build, site, "--require-hashes", "-r", chosen)
    _install(build, site, "--no-index", *built)
    for library in (site / "llama_cpp/lib").glob("*.so.0"):
        library.with_suffix("").symlink_to(library.name)
    for pattern in LEFT_OUT:
        for path in sorted(site.glob(pattern)):
            if path.is_dir():
                shutil.rmtree(path)
            else:
                path.unlink(missing_ok=True)
    compile_all(build, site, "/opt/appliance/.venv/lib/python3.13/site-packages")


def _install(build: Build, site: Path, *what: str | Path) -> None:
    python = build.folders[tools.NAME] / "venv/bin/python"
    platforms = [
        "linux_aarch64",
        "manylinux2014_aarch64",
        *(f"manylinux_2_{minor}_aarch64" for minor in GLIBC),
    ]
    build.run(
        *(python, "-m", "pip", "install", "--target", site, "--no-deps", "--only-binary", ":all:"),
        *("--implementation", "cp", "--python-version", llama.PYTHON, "--no-compile"),
        *(word for platform in platforms for word in ("--platform", platform)),
        *what,
    )


def compile_all(build: Build, folder: Path, place: str) -> None:
    """Byte code beside each file: the system is read-only and could never write it.

    Judged by nothing: neither times nor hashes are looked at when it is loaded.
    """
    tools.inside(
        build,
        *("python3", "-m", "compileall", "-q", "-f", "-j", "2"),
        *("--invalidation-mode", "unchecked-hash"),
        *("-s", "/tree", "-p", place, "/tree"),
        binds={"/tree": folder},
    )
