"""Stage 30: the kernel that runs both boards, its modules, the initrd, the boards' firmware."""

from __future__ import annotations

import gzip
import lzma
import re
import shutil
from typing import TYPE_CHECKING

from builder import initrd, tools, tryboot
from builder.options import REPOSITORY
from builder.stages import BuildError

if TYPE_CHECKING:
    from pathlib import Path

    from builder.stages import Build

NAME = "30-kernel"
HERE = REPOSITORY / "image-build"
DROPPED = HERE / "lists/modules-dropped.txt"
INITRD_MODULES = HERE / "lists/modules-initrd.txt"
KERNEL = "linux-image-arm64"
PARTS = ("base", "binary", "modules")
"""Device trees and the list of what is built in, the kernel itself, the modules."""
OTHERS = ("busybox-static:arm64", "raspi-firmware")


def versions(build: Build) -> dict[str, str]:
    """The packages to unpack, with their versions: the kernel's as backports has it now."""
    shown = _show(build, f"{KERNEL}:arm64/trixie-backports")
    name = re.search(r"linux-image-(\d\S+-arm64)", _field(shown, "Depends"))
    if name is None:
        raise BuildError(f"{KERNEL} of trixie-backports depends on no kernel: {shown}")
    version = _field(shown, "Version")
    kernel = {f"linux-{part}-{name[1]}:arm64": version for part in PARTS}
    return kernel | {other: _field(_show(build, other), "Version") for other in OTHERS}


def _show(build: Build, package: str) -> str:
    root = build.folders[tools.NAME] / "root"
    said = build.read("chroot", root, "apt-cache", "show", package)
    return said.strip().split("\n\n")[0]


def _field(shown: str, name: str) -> str:
    found = re.search(rf"^{name}: (.*)$", shown, re.MULTILINE)
    return found[1] if found else ""


def make(build: Build) -> None:
    """`root` (modules, Wi-Fi's settings), `boot` (vmlinuz, initrd, dtbs, firmware), `debs`."""
    debs = build.here / "debs"
    debs.mkdir()
    wanted = [f"{name}={version}" for name, version in versions(build).items()]
    tools.inside(
        build,
        *("sh", "-c", 'cd /debs && exec apt-get "$@"', "sh"),
        *(*tools.apt_words(), "-o", "APT::Sandbox::User=root", "download", *wanted),
        binds={"/debs": debs},
    )
    (build.here / "unpacked").mkdir()
    for deb in sorted(debs.glob("*.deb")):
        build.run("dpkg-deb", "--extract", deb, build.here / "unpacked" / deb.name.split("_")[0])
    _lay_out(build, build.here / "unpacked", build.here / "root", build.here / "boot")
    shutil.rmtree(build.here / "unpacked")


def _lay_out(build: Build, unpacked: Path, root: Path, boot: Path) -> None:
    (root / "usr/lib").mkdir(parents=True)
    boot.mkdir()
    tree = next(unpacked.glob("linux-modules-*"))
    version = next((tree / "usr/lib/modules").iterdir()).name
    modules = root / "usr/lib/modules" / version
    for part in unpacked.glob("linux-*"):
        if (part / "usr/lib/modules").is_dir():
            shutil.copytree(
                part / "usr/lib/modules" / version, modules, symlinks=True, dirs_exist_ok=True
            )
    kernel = (modules / "vmlinuz").read_bytes()
    (modules / "vmlinuz").unlink()
    (boot / "vmlinuz").write_bytes(gzip.compress(kernel, 9, mtime=0))
    _copy_dtbs(unpacked, boot)
    _trim(modules)
    tryboot.make(build, modules)
    tools.inside(
        build,
        *("depmod", "--basedir", "/tree", "--moduledir", "/usr/lib/modules", version),
        binds={"/tree": root},
    )
    busybox = unpacked / "busybox-static/usr/bin/busybox"
    content = initrd.content(HERE / "initrd/init", busybox, modules, tools.listed(INITRD_MODULES))
    (boot / "initrd").write_bytes(lzma.compress(content, lzma.FORMAT_XZ, check=lzma.CHECK_CRC32))
    firmware = unpacked / "raspi-firmware/usr/lib"
    for name in ("start4.elf", "fixup4.dat", "start4x.elf", "fixup4x.dat"):
        shutil.copy(firmware / "raspi-firmware" / name, boot / name)
    _copy_copyrights(unpacked, root / "usr/share/doc")
    (build.here / "version").write_text(version)


def _copy_copyrights(unpacked: Path, place: Path) -> None:
    """The kernel's packages share one, which lies in linux-base."""
    shared = next(unpacked.glob("linux-base-*/usr/share/doc/*/copyright"), None)
    for package in unpacked.iterdir():
        own = next(package.glob("usr/share/doc/*/copyright"), None)
        text = own or (shared if package.name.startswith("linux-") else None)
        if text:
            (place / package.name).mkdir(parents=True)
            shutil.copy(text, place / package.name / "copyright")


def _copy_dtbs(unpacked: Path, boot: Path) -> None:
    found = [path for path in unpacked.rglob("*.dtb") if re.match(r"bcm27(11|12)", path.name)]
    if not found:
        raise BuildError("The kernel's package has no device tree of a Raspberry Pi 4 or 5.")
    for path in found:
        shutil.copy(path, boot / path.name)


def _trim(modules: Path) -> None:
    """Take away what no board of ours can have; a pattern with ! keeps what others would take."""
    patterns = tools.listed(DROPPED)
    kept = {
        path
        for word in patterns
        if word[0] == "!"
        for pattern in (f"kernel/{word[1:]}.ko*", f"kernel/{word[1:]}/**/*.ko*")
        for path in modules.glob(pattern)
    }
    for word in patterns:
        if word[0] == "!":
            continue
        for path in modules.glob(f"kernel/{word}"):
            for module in [path] if path.is_file() else sorted(path.rglob("*.ko*")):
                if module not in kept:
                    module.unlink()
