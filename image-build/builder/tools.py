"""Stage 10: a Debian of the builder's own processor with every tool, so that the host needs few."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING, Any

from builder import locks, machine
from builder.options import REPOSITORY

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from builder.stages import Build

NAME = "10-tools"
PACKAGES = REPOSITORY / "image-build/lists/tools.txt"
PATH = "/usr/sbin:/usr/bin:/sbin:/bin"
LOCK = REPOSITORY / "script/requirements.lock"
BUILD_LOCK = REPOSITORY / "script/build.lock"


def make(build: Build) -> None:
    """The tree `root`, and the virtual environment `venv` with pip and the builders of wheels."""
    archive = machine.archive()
    root = build.here / "root"
    include = listed(PACKAGES)
    include += ["gcc-14", "g++-14"] if machine.native() else CROSS
    build.run(
        *("mmdebstrap", "--mode=root", "--variant=apt", f"--include={','.join(include)}"),
        *(f"--aptopt={option}" for option in machine.apt_options()),
        *(machine.SUITE, root, *archive.lines()),
    )
    sources = "\n".join(archive.lines(backports=True)) + "\n"
    (root / "etc/apt/sources.list").write_text(sources)
    shutil.copy("/etc/resolv.conf", root / "etc/resolv.conf")
    if not machine.native():
        build.run("chroot", root, "dpkg", "--add-architecture", "arm64")
    build.run("python3", "-m", "venv", build.here / "venv")
    chosen = build.here / "builder.lock"
    chosen.write_text(locks.subset(LOCK, ["msgspec", "setuptools"]))
    pip = (
        build.here / "venv/bin/python",
        "-m",
        "pip",
        "install",
        "--require-hashes",
        "--only-binary",
        ":all:",
    )
    build.run(*pip, "-r", BUILD_LOCK, "-r", chosen)


CROSS = ["gcc-14-aarch64-linux-gnu", "g++-14-aarch64-linux-gnu", "libc6-dev-arm64-cross"]


def listed(file: Path) -> list[str]:
    """The words of a list, without its comments."""
    return [word for line in file.read_text().splitlines() for word in line.split("#")[0].split()]


def update(build: Build) -> None:
    """Look what the archive has now; with --reuse-debian, what it had at the last look."""
    root = build.folders[NAME] / "root"
    lists = root / "var/lib/apt/lists"
    if build.options.reuse_debian and any(lists.glob("*backports*Packages*")):
        return
    shutil.copy("/etc/resolv.conf", root / "etc/resolv.conf")
    build.run("chroot", root, "apt-get", *apt_words(), "update")


def apt_words() -> list[str]:
    """The host's settings as apt takes them on its command line."""
    return [word for option in machine.apt_options() for word in ("-o", _as_word(option))]


def _as_word(option: str) -> str:
    name, value = option.rstrip(";").split(" ", 1)
    return f"{name}={value.strip(chr(34))}"


def inside(build: Build, *command: str | Path, binds: Mapping[str, Path], **more: Any) -> None:
    """Run a command in the tree of tools, with folders of the host at places inside.

    The mounts are seen by the command alone, and go with it.
    """
    root = build.folders[NAME] / "root"
    for place in binds:
        (root / place.lstrip("/")).mkdir(parents=True, exist_ok=True)
    mounts = [f'mount --bind "{folder}" "{root}{place}"' for place, folder in binds.items()]
    script = "\n".join(
        [
            "set -e",
            f'mount --bind "{root}" "{root}"',  # some programs want a root that is a mount
            f'mount --bind /dev "{root}/dev"',
            f'mount -t proc proc "{root}/proc"',
            *mounts,
            f'exec chroot "{root}" "$@"',
        ]
    )
    build.run(
        "unshare", "--mount", "--propagation", "private", "sh", "-c", script, "sh", *command, **more
    )
