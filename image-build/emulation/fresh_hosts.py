"""Fresh Debian machines (a container each) make the build's first stages from nothing.

Such a machine has Debian's required packages, Python and certificates. It gets nothing else but
what the build itself asks for, word for word, so a program is missed that a stage needs and nobody
names.
"""

from __future__ import annotations

import fcntl
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

from builder import kernel, machine, proof
from builder.options import REPOSITORY
from builder.stages import DONE, BuildError

if TYPE_CHECKING:
    from collections.abc import Sequence

RELEASES = {"bookworm": "Debian 12", "trixie": "Debian 13"}
LAST_STAGE = kernel.NAME
PRESENT = "python3,ca-certificates"
"""What a machine has from the installer that Debian's required packages lack."""

ADVICE = re.compile(r"^Run: (apt-get install -y [a-z0-9.+ -]+)$", re.MULTILINE)
ROUNDS = 3
"""How often the build may ask for packages until it goes on."""

LIMIT_S = 3600
SPACE_GB = 8
CERTIFICATES = Path("/etc/ssl/certs/ca-certificates.crt")
COPIED = (Path("/etc/resolv.conf"), Path("/etc/pip.conf"), CERTIFICATES)
PASSED_ON = re.compile(
    r"(https?|no|all)_proxy|PIP_(INDEX_URL|DEFAULT_TIMEOUT|PROXY)", re.IGNORECASE
)

NAMESPACES = (
    *("unshare", "--mount", "--propagation", "private", "--pid", "--ipc", "--uts", "--fork"),
    "--kill-child",
)
"""What ends takes its processes and mounts along."""

CONTAINER = """\
set -e
mount --bind "$0" "$0"  # a root that is a mount, as that of a machine
mount --rbind /dev "$0/dev"
mount -t proc proc "$0/proc"
mount -t sysfs -o ro sysfs "$0/sys"
mount -t tmpfs tmpfs "$0/run"
mount --bind "$1" "$0/checkout"
mount -o remount,ro,bind "$0/checkout"
mount --bind "$2" "$0/cache"
tree=$0
shift 2
exec chroot "$tree" "$@"
"""


def make_all(releases: Sequence[str], cache: Path, work: Path, *, record: bool) -> int:
    """Try each release; the exit status: 0 all were right, 1 not, 69 it cannot be tried here.

    Args:
        releases: code names of Debian.
        cache: that of image-build/build, which must not run meanwhile: both tell the kernel how to
            run programs for arm64.
        work: where the machines and their caches lie; they are removed afterwards.
        record: write into from-nothing.json what was right.

    """
    for folder in (cache, work):
        folder.mkdir(parents=True, exist_ok=True)
    if shutil.which("mmdebstrap") is None:
        print("This machine lacks: mmdebstrap\nRun: apt-get install -y mmdebstrap", file=sys.stderr)
        return 69
    if shutil.disk_usage(work).free < SPACE_GB * 10**9:
        print(f"{work} has not {SPACE_GB} GB free; name another disk: --work DIR", file=sys.stderr)
        return 69
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    with (cache / ".lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            print("Another build is running; try again after it.", file=sys.stderr)
            return 69
        return _try_each(releases, work, record=record)


def _try_each(releases: Sequence[str], work: Path, *, record: bool) -> int:
    failed = []
    for release in releases:
        print(f"== {release}: {RELEASES[release]}, the stages up to {LAST_STAGE}", flush=True)
        with tempfile.TemporaryDirectory(prefix=f"appliance-{release}.", dir=work) as folder:
            try:
                figures = FreshHost(release, Path(folder)).build()
            except BuildError as error:
                failed.append(release)
                print(f"  WRONG {error}", flush=True)
                continue
            finally:
                machine.forget_emulator()
        print(f"  right {json.dumps(figures)}", flush=True)
        if record:
            proof.FROM_NOTHING.record({release: figures})
    print(
        f"{len(releases) - len(failed)} right, {len(failed)} wrong: {', '.join(failed) or 'none'}"
    )
    return 1 if failed else 0


class FreshHost:
    """One machine in a folder: `root`, its tree, and `cache`, the build's, both new."""

    def __init__(self, release: str, folder: Path) -> None:
        self._release = release
        self._root, self._cache = folder / "root", folder / "cache"

    def build(self) -> dict[str, object]:
        """Seconds by stage, and what the build asked for; BuildError with what it said last."""
        machine.forget_emulator()
        began = time.monotonic()
        self._make()
        print(f"  a fresh machine: {time.monotonic() - began:.0f} s", flush=True)
        asked = []
        command = ("/checkout/image-build/build", "--cache", "/cache", "--until", LAST_STAGE)
        for _ in range(ROUNDS):
            status, said = self._run(*command)
            advice = ADVICE.search(said)
            if status == 0 or advice is None:
                break
            asked.append(advice[1].removeprefix("apt-get install -y "))
            print(f"  as it says: {advice[1]}", flush=True)
            self._run(*advice[1].split(), quiet=True)
        if status:
            raise BuildError(f"image-build/build ended with status {status}.")
        emulated = machine.emulator_is_ours()
        return {"asked_for": asked, "emulator_registered": emulated, "seconds": self._seconds()}

    def _make(self) -> None:
        archive = machine.archive()
        lines = [f"deb {archive.main} {self._release} main"]
        if archive.security:
            lines.append(f"deb {archive.security} {self._release}-security main")
        made = subprocess.run(
            [
                *(*NAMESPACES, "--mount-proc", "mmdebstrap", "--quiet"),
                *("--mode=root", "--variant=minbase"),
                *("--skip=cleanup/apt", f"--include={PRESENT}"),
                *(f"--aptopt={option}" for option in machine.apt_options()),
                *(self._release, str(self._root), *lines),
            ],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        if made.returncode:
            last = "\n".join(made.stderr.splitlines()[-10:])
            raise BuildError(f"No {RELEASES[self._release]} can be made here:\n{last}")
        for file in COPIED:
            if file.exists():
                shutil.copy(file, self._root / file.relative_to("/"))
        for place in (self._root / "checkout", self._root / "cache", self._cache):
            place.mkdir()

    def _run(self, *command: str, quiet: bool = False) -> tuple[int, str]:
        """Status and words of a command inside; its lines are shown as they come."""
        passed = {name: value for name, value in os.environ.items() if PASSED_ON.fullmatch(name)}
        process = subprocess.Popen(
            [
                *(*NAMESPACES, "sh", "-c", CONTAINER),
                *(str(self._root), str(REPOSITORY), str(self._cache), *command),
            ],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env={
                **passed,
                "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
                "HOME": "/root",
                "DEBIAN_FRONTEND": "noninteractive",
            },
        )
        limit = threading.Timer(LIMIT_S, process.kill)
        limit.start()
        said: list[str] = []
        try:
            for line in process.stdout or ():
                said.append(line)
                if not quiet:
                    print(f"  {self._release}: {line.rstrip()}", flush=True)
        finally:
            limit.cancel()
            if sys.exception() is not None:
                process.kill()
            status = process.wait()
        if status and quiet:
            raise BuildError("".join(said[-10:]))
        return status, "".join(said)

    def _seconds(self) -> dict[str, float]:
        found = (json.loads(file.read_text()) for file in sorted(self._cache.glob(f"*/{DONE}")))
        return {stage["stage"]: stage["seconds"] for stage in found}
