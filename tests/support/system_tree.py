"""A machine's file system and a checkout for script/install, with a Python that only records."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[2]
VERSION = "9.8.7"
"""Of the checkout, unless a test says otherwise."""

PYTHON = """#!/bin/bash
# A fake Python for downloads, compilation and models; the real one does the rest.
told=__TOLD__
echo "$@" >>"$told/said"
case "$1 $2 $3 $4" in
  "-m venv "*)
    site=$3/lib/python3.12/site-packages
    mkdir -p "$3/bin" "$site/llama_cpp_python-__LLAMA__.dist-info"
    touch "$site/llama_cpp_python-__LLAMA__.dist-info/RECORD"
    cp "$0" "$3/bin/python" ;;
  "-m pip "*) ;;
  "-m appliance models pull") exit "$(cat "$told/models" 2>/dev/null || echo 0)" ;;
  "-m appliance licences --json") echo '{"bomFormat": "CycloneDX"}' ;;
  "-m appliance check --json")
    [[ -d $STATE_DIRECTORY && -f ${6} ]] || exit 1
    version=${0#*/releases/} && version=${version%.*.*/venv/*}
    cat "$told/check-$version" 2>/dev/null || echo '{"answers": []}' ;;
  *) exec __REAL__ "$@" ;;
esac
"""


class FakeSystemTree:
    """The file system of a machine without an appliance, and a checkout to install from."""

    def __init__(self, place: Path) -> None:
        self.tree = place / "a tree"
        self.checkout = place / "a checkout"
        self.told = place / "told"
        for folder in (self.tree / "etc", self.told, place / "programs", self.checkout):
            folder.mkdir(parents=True)
        shutil.copytree(REPOSITORY / "script", self.checkout / "script")
        shutil.copytree(REPOSITORY / "systemd", self.checkout / "systemd")
        (self.checkout / "appliance").mkdir()
        for name in (
            "pyproject.toml",
            "config.toml",
            "README.md",
            "LICENSE",
            "THIRD-PARTY-NOTICES.md",
        ):
            shutil.copy(REPOSITORY / name, self.checkout)
        self.be_version(VERSION)
        lock = (REPOSITORY / "script/llama-cpp-python.lock").read_text()
        text = PYTHON.replace("__TOLD__", str(self.told)).replace("__REAL__", sys.executable)
        text = text.replace("__LLAMA__", lock.removeprefix("llama-cpp-python==").split()[0])
        for name, content in {
            "python3": text,
            f"python3.{sys.version_info.minor}": text,
            "ldconfig": "#!/bin/sh\necho libportaudio.so.2 libgomp.so.1\n",
            "g++": "#!/bin/sh\n",
        }.items():
            path = place / "programs" / name
            path.write_text(content)
            path.chmod(0o755)
        self._environment = {"HOME": str(place), "PATH": f"{place}/programs:{os.environ['PATH']}"}

    def be_version(self, version: str) -> None:
        (self.checkout / "appliance/__init__.py").write_text(f'__version__ = "{version}"\n')

    def check_says(self, version: str, **errors: str) -> None:
        answers = [{"question": q, "found": f, "verdict": "error"} for q, f in errors.items()]
        (self.told / f"check-{version}").write_text(json.dumps({"answers": answers}))

    def install(self, *words: str, script: Path | None = None) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [
                "bash",
                str(script or self.checkout / "script/install"),
                "--root",
                str(self.tree),
                *words,
            ],
            env=self._environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
            timeout=60,
        )

    @property
    def in_force(self) -> str:
        """The version that the service runs."""
        release = (self.tree / "opt/appliance/.venv").resolve().parent.name
        return release.rsplit(".", 2)[0]

    @property
    def files(self) -> set[str]:
        return {
            path.relative_to(self.tree).as_posix()
            for path in self.tree.rglob("*")
            if path.is_file() and "/releases/" not in path.as_posix()
        }


@pytest.fixture
def system(tmp_path: Path) -> FakeSystemTree:
    return FakeSystemTree(tmp_path)
