"""The command: examine the machine, make the stages, say where the image is."""

from __future__ import annotations

import fcntl
import sys
import time
from typing import TYPE_CHECKING

from builder import image, kernel, llama, machine, manifest, rootfs, system, tools, wheels
from builder.options import REPOSITORY, Options, parse
from builder.stages import Build, BuildError, Stage, make

if TYPE_CHECKING:
    from pathlib import Path

HERE = REPOSITORY / "image-build"
BUILDER = HERE / "builder"

STAGES = [
    Stage(
        tools.NAME,
        "a Debian of its own with the tools",
        tools.make,
        (BUILDER / "tools.py", tools.PACKAGES, tools.BUILD_LOCK),
    ),
    Stage(
        rootfs.NAME,
        "Debian 13 for arm64",
        rootfs.make,
        (BUILDER / "rootfs.py", rootfs.PACKAGES),
        inputs=rootfs.versions,
    ),
    Stage(
        kernel.NAME,
        "kernel, initrd and firmware",
        kernel.make,
        (
            BUILDER / "kernel.py",
            BUILDER / "tryboot.py",
            REPOSITORY / "image-build/tryboot",
            BUILDER / "initrd.py",
            HERE / "initrd",
            kernel.DROPPED,
            kernel.INITRD_MODULES,
        ),
        inputs=kernel.versions,
    ),
    Stage(
        llama.NAME,
        "llama.cpp for the boards' processors",
        llama.make,
        (BUILDER / "llama.py", BUILDER / "wheelfile.py", *llama.SCRIPTS, llama.LLAMA_LOCK),
        inputs=llama.variants,
    ),
    Stage(
        wheels.NAME,
        "Python packages for arm64",
        wheels.make,
        (BUILDER / "wheels.py", llama.LOCK),
        after=(llama.NAME,),
    ),
    Stage(
        system.NAME,
        "the system with the appliance and its models",
        system.make,
        (BUILDER / "system.py", BUILDER / "facts.py", *system.sources()),
        after=(rootfs.NAME, kernel.NAME, wheels.NAME),
        inputs=system.inputs,
    ),
    Stage(
        image.NAME,
        "partitions and card image",
        image.make,
        (BUILDER / "image.py", BUILDER / "firmware.py"),
        after=(kernel.NAME, system.NAME),
    ),
    Stage(
        manifest.NAME,
        "bill of materials, checksums, block map",
        manifest.make,
        tuple(BUILDER / f"{name}.py" for name in ("manifest", "licences", "blockmap")),
        after=(kernel.NAME, system.NAME, image.NAME),
        inputs=lambda build: build.options.compress,
    ),
]


def main(arguments: list[str]) -> int:
    """The exit status: 0 made, 1 failed."""
    options = parse(arguments)
    build = Build(options)
    began = time.monotonic()
    try:
        _refuse_unknown_stages(options)
        machine.examine(options.cache)
        with (options.cache / ".lock").open("w") as lock:
            _wait_for(lock.fileno())
            make(build, STAGES[:1])
            if options.only != tools.NAME:
                tools.update(build)
                make(build, STAGES)
            if not options.only or options.only == manifest.NAME:
                manifest.publish(build)
    except BuildError as error:
        _explain(error, build.log)
        return 1
    except KeyboardInterrupt:
        print("\nStopped; the same command goes on from here.", file=sys.stderr)
        return 130
    print(f"done in {time.monotonic() - began:.0f} s")
    if not options.only:
        print(f"The image: {options.output}/appliance.img, with its checksum in SHA256SUMS")
    return 0


def _refuse_unknown_stages(options: Options) -> None:
    names = [stage.name for stage in STAGES]
    for wanted in filter(None, (options.again_from, options.only)):
        if wanted not in names:
            raise BuildError(f"There is no stage {wanted}; there are: {', '.join(names)}")


def _wait_for(lock: int) -> None:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        print("waiting: another build uses this cache")
        fcntl.flock(lock, fcntl.LOCK_EX)


def _explain(error: BuildError, log: Path) -> None:
    print(f"\n{error}", file=sys.stderr)
    if not (log.name and log.exists() and log.stat().st_size):
        return
    lines = log.read_text(errors="replace").splitlines()[-25:]
    print("The end of what it said:", *(f"    {line}" for line in lines), sep="\n", file=sys.stderr)
    advice = "Is there a network, and room on the disk? The same command goes on from here."
    print(f"All of it: {log}\n{advice}", file=sys.stderr)
