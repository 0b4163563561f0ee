"""Stage 40: what the package index has as source only: llama.cpp, and lgpio for the pins."""

from __future__ import annotations

import os
import re
import shutil
from typing import TYPE_CHECKING

from builder import locks, machine, tools, wheelfile
from builder.options import REPOSITORY
from builder.stages import BuildError

if TYPE_CHECKING:
    from pathlib import Path

    from builder.stages import Build

NAME = "40-llama"
LOCK = REPOSITORY / "script/requirements.lock"
LLAMA_LOCK = REPOSITORY / "script/llama-cpp-python.lock"
SCRIPTS = (
    REPOSITORY / "image-build/builder/llama.sh",
    REPOSITORY / "script/llama-variants.sh",
)
PYTHON = "3.13"

VARIANTS = {"pi4": "armv8.0_1", "pi5": "armv8.2_2", "virt": "armv8.2_2"}
"""Cortex-A72 has neither dot products nor half floats, Cortex-A76 has both. What a board does not
have is never opened, but the first must be there for any board."""


def variants(build: Build) -> list[str]:
    """The CPU variants of ggml that the wanted boards need."""
    return sorted({VARIANTS["pi4"], *(VARIANTS[board] for board in build.options.boards)})


def make(build: Build) -> None:
    """`wheels`: llama_cpp_python and lgpio for aarch64."""
    work = build.here / "work"
    (work / "sdist").mkdir(parents=True)
    python = build.folders[tools.NAME] / "venv/bin/python"
    chosen = build.here / "work/lgpio.lock"
    chosen.write_text(locks.subset(LOCK, ["lgpio"]))
    path = {"PATH": f"{python.parent}:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"}
    for lock in (LLAMA_LOCK, chosen):
        build.run(
            *(python, "-m", "pip", "download", "--no-deps", "--no-build-isolation"),
            *("--no-binary", ":all:", "--require-hashes", "--dest", work / "sdist", "-r", lock),
            env={**_environment(), **path},
        )
    build.run(
        *(python, "-m", "pip", "download", "--python-version", PYTHON, "--only-binary", ":all:"),
        *("--require-hashes", "--dest", work / "tools", "-r", tools.BUILD_LOCK),
    )
    shutil.copy(tools.BUILD_LOCK, work / "build.lock")
    for script in SCRIPTS:
        shutil.copy(script, work)
    _fetch_headers(build, work / "headers")
    compiler = "" if machine.native() else "aarch64-linux-gnu-"
    tools.inside(
        build,
        *("/bin/bash", "/cross/llama.sh", PYTHON, compiler, " ".join(variants(build))),
        binds={"/cross": work},
        env={**_environment(), "PATH": tools.PATH, "TMPDIR": "/cross"},
    )
    wheels = build.here / "wheels"
    wheels.mkdir()
    pack_llama(next((work / "first").glob("*.whl")), work / "build", variants(build), wheels)
    pack_lgpio(work / "lgpio", wheels)
    shutil.rmtree(work)


def pack_llama(built: Path, folder: Path, wanted: list[str], wheels: Path) -> None:
    """The wheel with each library once, by its soname, and with the CPU variants that it lacks."""
    found = {path.name: path for path in folder.rglob("libggml-cpu-*.so")}
    names = [f"libggml-cpu-{name}.so" for name in wanted]
    if missing := [name for name in names if name not in found]:
        raise BuildError(f"llama.cpp was compiled without {', '.join(missing)}.")
    files = {
        name: content
        for name, content in wheelfile.read(built).items()
        if re.match(r"llama_cpp/|[^/]+\.dist-info/", name)
        and not re.search(r"/RECORD$|\.so$|\.so\.\d+\.|/libggml-cpu-", name)
    }
    files |= {f"llama_cpp/lib/{name}": found[name].read_bytes() for name in names}
    wheelfile.write(wheels / built.name, files, _info(files))


def pack_lgpio(folder: Path, wheels: Path) -> None:
    """A wheel of the extension, which the index has for older Pythons only."""
    version = re.search(r"^Version: *(\S+)", (folder / "PKG-INFO").read_text(), re.MULTILINE)
    if version is None:
        raise BuildError("lgpio's source does not say its version.")
    python = PYTHON.replace(".", "")
    tag = f"cp{python}-cp{python}-linux_aarch64"
    info = f"lgpio-{version[1]}.dist-info"
    library = next(folder.glob("_lgpio.*.so"))
    told = f"Wheel-Version: 1.0\nGenerator: image-build\nRoot-Is-Purelib: false\nTag: {tag}\n"
    files = {
        "lgpio.py": (folder / "lgpio.py").read_bytes(),
        library.name: library.read_bytes(),
        f"{info}/METADATA": (folder / "PKG-INFO").read_bytes(),
        f"{info}/WHEEL": told.encode(),
    }
    wheelfile.write(wheels / f"lgpio-{version[1]}-{tag}.whl", files, info)


def _info(files: dict[str, bytes]) -> str:
    return next(name.split("/")[0] for name in files if name.endswith(".dist-info/METADATA"))


def _environment() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}


def _fetch_headers(build: Build, folder: Path) -> None:
    """Python's headers for arm64, which the extension of lgpio includes."""
    folder.mkdir()
    tools.inside(
        build,
        *("sh", "-c", 'cd /debs && exec apt-get "$@"', "sh", *tools.apt_words()),
        *("-o", "APT::Sandbox::User=root", "download", f"libpython{PYTHON}-dev:arm64"),
        binds={"/debs": folder},
    )
    build.run("dpkg-deb", "--extract", next(folder.glob("*.deb")), folder)
