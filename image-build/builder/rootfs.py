"""Stage 20: Debian for arm64, from the archive, by mmdebstrap through an emulated processor.

The mmdebstrap is that of the tools: the host's own may be older, and want programs of the host.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from builder import machine, tools
from builder.options import REPOSITORY

if TYPE_CHECKING:
    from builder.stages import Build

NAME = "20-rootfs"
PACKAGES = REPOSITORY / "image-build/lists/rootfs.txt"

LEFT_OUT = ("man", "locale", "doc", "info", "lintian", "bug", "bash-completion", "zsh")
FOREIGN = (
    "-o",
    "Dir::State::status=/dev/null",
    "-o",
    "APT::Architecture=arm64",
    "-o",
    "APT::Architectures=arm64",
)


def versions(build: Build) -> list[str]:
    """Each package with its version, as the archive would install them now."""
    root = build.folders[tools.NAME] / "root"
    said = build.read(
        *("chroot", root, "apt-get", *tools.apt_words(), *FOREIGN, "--simulate"),
        *("--no-install-recommends", "install", "?essential", *tools.listed(PACKAGES)),
    )
    return sorted(
        f"{name} {version}"
        for name, version in re.findall(r"^Inst (\S+) \((\S+)", said, re.MULTILINE)
    )


def make(build: Build) -> None:
    """The tree `root`."""
    archive = machine.archive()
    machine.emulate(build.folders[tools.NAME] / "root")
    tools.inside(
        build,
        *("mmdebstrap", "--mode=root", "--architectures=arm64", "--variant=minbase"),
        *(f"--aptopt={option}" for option in machine.apt_options()),
        *(f"--dpkgopt=path-exclude=/usr/share/{name}/*" for name in LEFT_OUT),
        "--dpkgopt=path-include=/usr/share/doc/*/copyright",
        f"--include={','.join(tools.listed(PACKAGES))}",
        *(machine.SUITE, "/stage/root", *archive.lines()),
        binds={"/stage": build.here},
        env={"PATH": tools.PATH},
    )
