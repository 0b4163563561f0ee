"""The module that passes `0 tryboot` on to a Raspberry Pi's firmware, for the image's kernel."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

from builder import tools
from builder.options import REPOSITORY

if TYPE_CHECKING:
    from pathlib import Path

    from builder.stages import Build

SOURCE = REPOSITORY / "image-build/tryboot"
MODULE = "appliance_tryboot.ko"


def make(build: Build, modules: Path) -> None:
    """Build it and put it below `modules`, the kernel's own folder; depmod comes after."""
    headers, work = build.here / "headers", build.here / "tryboot"
    _fetch(build, modules.name, headers)
    shutil.copytree(SOURCE, work)
    kbuild = next((headers / "usr/lib").glob("linux-kbuild-*"))
    script = (
        f'cd "/usr/src/linux-headers-{modules.name}" && '
        "/kernel/usr/bin/make M=/tryboot ARCH=arm64 CROSS_COMPILE=aarch64-linux-gnu- "
        # As the kernel itself was; without its type information, which no module needs.
        "CC=aarch64-linux-gnu-gcc-14 CONFIG_DEBUG_INFO_BTF_MODULES= modules && "
        f"aarch64-linux-gnu-strip --strip-debug /tryboot/{MODULE}"
    )
    tools.inside(
        build,
        *("sh", "-c", script),
        binds={
            "/kernel": headers,
            "/usr/src": headers / "usr/src",
            f"/usr/lib/{kbuild.name}": kbuild,
            "/tryboot": work,
        },
    )
    (modules / "extra").mkdir()
    shutil.copy(work / MODULE, modules / "extra" / MODULE)
    shutil.rmtree(headers)
    shutil.rmtree(work)


def _fetch(build: Build, kernel: str, headers: Path) -> None:
    """The kernel's headers and what they are used with, unpacked."""
    release = kernel.removesuffix("-arm64")
    wanted = [f"linux-headers-{kernel}:arm64", f"linux-headers-{release}-common"]
    wanted += [f"linux-kbuild-{release}", "make"]
    debs = build.here / "build-debs"
    debs.mkdir()
    tools.inside(
        build,
        *("sh", "-c", 'cd /debs && exec apt-get "$@"', "sh"),
        *(*tools.apt_words(), "-o", "APT::Sandbox::User=root", "download", *wanted),
        binds={"/debs": debs},
    )
    for deb in sorted(debs.glob("*.deb")):
        build.run("dpkg-deb", "--extract", deb, headers)
    shutil.rmtree(debs)
