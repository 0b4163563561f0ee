"""Stage 60: the partitions, and the image that a card is flashed with."""

from __future__ import annotations

import json
import os
import shutil
from typing import TYPE_CHECKING, Any

from builder import firmware, kernel, system, tools
from builder.facts import epoch, signing_key
from builder.stages import BuildError

if TYPE_CHECKING:
    from pathlib import Path

    from builder.stages import Build

NAME = "60-image"
MIB = 1 << 20
DISK_ID = "61707061-6e63-4865-9000-000000000000"
THEN = 1700000000
"""The time of every file: a real one would make each image another."""

BOOTCFG, BOOT = 512 * MIB, 96 * MIB
"""The first holds the owner's models: a speech model takes 75 to 150 MB."""
SYSTEM_STEP = 256 * MIB
SYSTEM_SPARE = 1.35
"""Room in a system partition for the updates of the years to come."""
PERSISTENT = 128 * MIB
"""Of the image; it is grown over the rest of the card at the first boot."""


def make(build: Build) -> None:
    """`appliance.img`, `boot.img`, `system.img`, `appliance.update`."""
    root = build.folders[system.NAME] / "root"
    _system(build, root)
    _boot(build)
    _card(build)
    _update(build, json.loads((root / system.SHARE / "image.json").read_text()))
    for name in ("boot", "bootcfg", "card", "parts"):
        shutil.rmtree(build.here / name, ignore_errors=True)


def _system(build: Build, root: Path) -> None:
    """The same bytes for the same tree: one time for all files, one name for the volume."""
    tools.inside(
        build,
        *("mkfs.erofs", "-zlz4hc,9", "-C65536", "--quiet"),
        *("-T", str(epoch()), "--all-time"),
        *(
            "-U",
            "61707061-6e63-4865-a172-6d696d616765",
            "-L",
            "appliance",
            "/out/system.img",
            "/tree",
        ),
        binds={"/tree": root, "/out": build.here},
    )


def _boot(build: Build) -> None:
    """One boot partition, and the one with the owner's folder."""
    boot = build.here / "boot"
    shutil.copytree(build.folders[kernel.NAME] / "boot", boot)
    firmware.furnish_boot(boot, build.options.boards)
    bootcfg = build.here / "bootcfg"
    firmware.furnish_bootcfg(bootcfg)
    _vfat(build, boot, "boot.img", BOOT, "BOOT")
    for slot in ("a", "b"):
        shutil.copy(boot / f"cmdline.{slot}", boot / "cmdline.txt")
        _vfat(build, boot, f"boot_{slot}.img", BOOT, "BOOT")
    _vfat(build, bootcfg, "bootcfg.img", BOOTCFG, "APPLIANCE")


def _vfat(build: Build, folder: Path, name: str, size: int, label: str) -> None:
    for path in [folder, *folder.rglob("*")]:
        os.utime(path, (THEN, THEN))
    used = sum(path.stat().st_size for path in folder.rglob("*"))
    if used > size * 0.95:
        raise BuildError(f"{name} would hold {used} bytes, and the partition has {size}.")
    image = build.here / "parts" / name
    image.parent.mkdir(exist_ok=True)
    with image.open("wb") as file:
        file.truncate(size)
    script = (
        'mkfs.vfat --invariant -F 32 -n "$1" "/out/$2" && cd /tree && '
        'find . -mindepth 1 -maxdepth 1 | LC_ALL=C sort | xargs -I{} mcopy -spmQ -i "/out/$2" {} ::'
    )
    tools.inside(
        build,
        *("sh", "-c", script, "sh", label, name),
        binds={"/tree": folder, "/out": image.parent},
    )


def _card(build: Build) -> None:
    parts = build.here / "parts"
    whole = (build.here / "system.img").stat().st_size
    system_size = -int(-whole * SYSTEM_SPARE // SYSTEM_STEP) * SYSTEM_STEP
    with (parts / "persistent.img").open("wb") as file:
        file.truncate(PERSISTENT)
    tools.inside(
        build,
        *(
            "mke2fs",
            "-q",
            "-t",
            "ext4",
            "-L",
            "persistent",
            "-U",
            "61707061-6e63-4865-b172-706572736973",
        ),
        *(
            "-E",
            "hash_seed=61707061-6e63-4865-b172-706572736974,nodiscard",
            "-m",
            "1",
            "/parts/persistent.img",
        ),
        binds={"/parts": parts},
        env={
            "PATH": "/usr/sbin:/usr/bin:/sbin:/bin",
            "SOURCE_DATE_EPOCH": str(THEN),
            "E2FSPROGS_FAKE_TIME": str(THEN),
        },
    )
    shutil.copy(build.here / "system.img", parts / "system.img")
    (build.here / "card").mkdir()
    (build.here / "card/genimage.cfg").write_text(_layout(system_size))
    (build.here / "card/empty").mkdir()
    tools.inside(
        build,
        *("genimage", "--config", "/card/genimage.cfg", "--rootpath", "/card/empty"),
        *("--tmppath", "/card/tmp", "--inputpath", "/parts", "--outputpath", "/out"),
        binds={"/card": build.here / "card", "/parts": parts, "/out": build.here},
    )
    shutil.copy(parts / "boot.img", build.here / "boot.img")


def _layout(system_size: int) -> str:
    """The partition table as genimage wants it."""
    rows = [
        ("bootcfg", "bootcfg.img", BOOTCFG, "F"),
        ("boot_a", "boot_a.img", BOOT, "F"),
        ("boot_b", "boot_b.img", BOOT, "F"),
        ("system_a", "system.img", system_size, "L"),
        ("system_b", "system.img", system_size, "L"),
        ("persistent", "persistent.img", PERSISTENT, "L"),
    ]
    parts = [
        f'    partition {name} {{ image = "{image}" size = {size} partition-type-uuid = "{kind}" '
        f'partition-uuid = "61707061-6e63-4865-8{number:03}-{number:012}" }}'
        for number, (name, image, size, kind) in enumerate(rows, 1)
    ]
    head = f'hdimage {{ partition-table-type = "gpt" disk-uuid = "{DISK_ID}" align = 4M }}'
    return "\n".join(["image appliance.img {", f"    {head}", *parts, "}", ""])


def _update(build: Build, facts: dict[str, Any]) -> None:
    boards = [word for board in build.options.boards for word in ("--board", board)]
    build.run(
        *("python3", "-B", "-m", "appliance_image", "pack", "--boot", build.here / "boot.img"),
        *(
            "--system",
            build.here / "system.img",
            "--key",
            signing_key(build),
            "--version",
            facts["version"],
        ),
        *("--built", facts["built"], *boards, "--output", build.here / "appliance.update"),
        cwd=system.SLOTS,
    )
