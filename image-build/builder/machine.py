"""The machine that builds: what it must have, and what its own apt says."""

from __future__ import annotations

import os
import platform
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from builder.stages import BuildError

NEEDED = {
    "mmdebstrap": "mmdebstrap",
    "dpkg-deb": "dpkg",
    "unshare": "util-linux",
    "apt-config": "apt",
}
SPACE_GB = 12
SUITE = "trixie"
BINFMT = Path("/proc/sys/fs/binfmt_misc")
HANDLER = BINFMT / "appliance-aarch64"
EMULATOR = Path("/run/appliance-image/qemu-aarch64")
"""A short path: the kernel takes no long one. It is held open, and not looked for again."""

MAGIC = (
    r":appliance-aarch64:M::"
    r"\x7fELF\x02\x01\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x02\x00\xb7\x00:"
    r"\xff\xff\xff\xff\xff\xff\xff\x00\xff\xff\xff\xff\xff\xff\xff\xff\xfe\xff\xff\xff:"
    f"{EMULATOR}:OCF"
)


@dataclass(frozen=True, slots=True)
class Archive:
    """Where this machine's apt has Debian from."""

    main: str
    security: str | None

    def lines(self, *, backports: bool = False) -> list[str]:
        """Lines for sources.list."""
        parts = "main non-free-firmware"
        found = [f"deb {self.main} {suite} {parts}" for suite in (SUITE, f"{SUITE}-updates")]
        if self.security:
            found.append(f"deb {self.security} {SUITE}-security {parts}")
        if backports:
            found.append(f"deb {self.main} {SUITE}-backports main")
        return found


def native() -> bool:
    """Whether programs of the image run here without emulation."""
    return platform.machine() == "aarch64"


def examine(cache: Path) -> None:
    """BuildError, with what to do, unless a build can be made here."""
    if os.geteuid() != 0:
        raise BuildError(
            "The image holds files of many users, so only root can make it.\n"
            "Run: sudo image-build/build"
        )
    missing = {package for program, package in NEEDED.items() if not shutil.which(program)}
    venv = subprocess.run(["python3", "-c", "import ensurepip"], check=False, capture_output=True)
    if venv.returncode:
        missing.add("python3-venv")
    if missing:
        names = " ".join(sorted(missing))
        raise BuildError(f"This machine lacks: {names}\nRun: apt-get install -y {names}")
    cache.mkdir(parents=True, exist_ok=True)
    free = shutil.disk_usage(cache).free // 10**9
    if free < SPACE_GB and not any(cache.glob("20-rootfs-*")):
        raise BuildError(
            f"{cache} has {free} GB free, and a build needs {SPACE_GB}.\n"
            "Make room, or name another disk with --cache."
        )


def archive() -> Archive:
    """The mirror of Debian that this machine uses."""
    found = [entry for file in _source_files() for entry in _entries(file)]
    main = next((uri for uri, suite in found if re.fullmatch(r"[a-z]+(/|-updates)?", suite)), None)
    security = next((uri for uri, suite in found if suite.endswith("-security")), None)
    if main is None:
        raise BuildError(
            "This machine's apt names no mirror of Debian (Ubuntu's does not hold Debian 13).\n"
            "Add one to /etc/apt/sources.list.d, install debian-archive-keyring, and try again."
        )
    return Archive(main, security)


def _source_files() -> list[Path]:
    base = Path("/etc/apt")
    folder = base / "sources.list.d"
    return [
        *(file for file in [base / "sources.list"] if file.exists()),
        *sorted(folder.glob("*.sources")),
        *sorted(folder.glob("*.list")),
    ]


def _entries(file: Path) -> list[tuple[str, str]]:
    """Address and suite of each line with `main`, as those of Debian have."""
    text = file.read_text()
    if file.suffix != ".sources":
        lines = [re.sub(r"\[[^]]*\]", "", line).split() for line in text.splitlines()]
        return [
            (line[1], line[2]) for line in lines if line[:1] == ["deb"] and _is_debian(line[1:])
        ]
    found = []
    for paragraph in re.split(r"\n\s*\n", text):
        fields = dict(re.findall(r"^([A-Za-z-]+):\s*(.*)$", paragraph, re.MULTILINE))
        uri = fields.get("URIs", "").split()[:1]
        for suite in fields.get("Suites", "").split():
            words = [*uri, suite, *fields.get("Components", "").split()]
            if _is_debian(words):
                found.append((uri[0], suite))
    return found


def _is_debian(words: list[str]) -> bool:
    """Of address, suite and components."""
    address = re.search(r"/debian(-security)?/?$", words[0]) if words else None
    return address is not None and "main" in words[2:]


def apt_options() -> list[str]:
    """The host's own settings that decide whether a download works at all."""
    said = subprocess.run(["apt-config", "dump"], capture_output=True, text=True, check=True).stdout
    wanted = r"^(Acquire::(?:Check-Valid-Until|Retries|https?::(?:Proxy|Timeout|CaInfo))) \"(.+)\";"
    return [f'{name} "{value}";' for name, value in re.findall(wanted, said, re.MULTILINE)]


def emulate(tools: Path) -> None:
    """Have the kernel run programs for arm64, by an emulator that is kept open.

    Args:
        tools: the tree of tools, which has the emulator.

    """
    if native() or _runs_arm64(tools):
        return
    if not _binfmt_is_there():
        raise BuildError(
            "This kernel cannot run programs of another processor (binfmt_misc is not there).\n"
            "Build on another machine, or on one with an arm64 processor, which needs no emulation."
        )
    EMULATOR.parent.mkdir(exist_ok=True)
    shutil.copy(tools / "usr/bin/qemu-aarch64", EMULATOR)
    forget_emulator()
    (BINFMT / "register").write_text(MAGIC)
    if not _runs_arm64(tools):
        raise BuildError("Programs for arm64 do not run here, even with an emulator: see dmesg.")


def forget_emulator() -> None:
    """Take back what `emulate` told the kernel."""
    if emulator_is_ours():
        HANDLER.write_text("-1")


def emulator_is_ours() -> bool:
    """Whether the kernel runs programs for arm64 by what `emulate` told it."""
    return _binfmt_is_there() and HANDLER.exists()


def _binfmt_is_there() -> bool:
    if not (BINFMT / "register").exists():
        mount = ["mount", "-t", "binfmt_misc", "none", str(BINFMT)]
        subprocess.run(mount, check=False, capture_output=True)
    return (BINFMT / "register").exists()


def _runs_arm64(tools: Path) -> bool:
    test = ["chroot", str(tools), "arch-test", "arm64"]
    return subprocess.run(test, check=False, capture_output=True).returncode == 0
