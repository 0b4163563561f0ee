"""What the boards' firmware reads: config.txt, the kernel's command line, autoboot.txt."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

from appliance_image.autoboot import text_of
from appliance_image.slots import Slot

if TYPE_CHECKING:
    from pathlib import Path

CONFIG = """\
# Read by the board's firmware. It is replaced by each update.
arm_64bit=1
kernel=vmlinuz
initramfs initrd followkernel
# Device trees and drivers are those of the kernel itself (mainline), not the foundation's.
upstream_kernel=1
enable_uart=1
disable_splash=1
# No screen: the least memory that start4.elf takes; below 32 the firmware wants start4cd.elf.
gpu_mem=32
[pi4]
start_file=start4.elf
fixup_file=fixup4.dat
[all]
"""

COMMAND_LINE = (
    "root=PARTLABEL=system_{slot} appliance.slot={slot} console=tty1 "
    "rootwait panic=10 quiet loglevel=4 cgroup_enable=memory fsck.repair=yes"
)

DEVICE_TREES = {"pi4": "bcm2711", "pi5": "bcm2712"}
FIRMWARE = ("start4.elf", "fixup4.dat", "start4x.elf", "fixup4x.dat")

README = """\
This is the part of the card that any computer shows. Put what you want changed into the folder
`appliance`, put the card back, and switch the device on. What came of it stands in
appliance/status.txt afterwards. The folder's own README.txt says what may lie there.
"""


def furnish_boot(boot: Path, boards: tuple[str, ...]) -> None:
    """Complete the files of one slot's boot partition, and drop those of other boards."""
    (boot / "config.txt").write_text(CONFIG)
    for slot in ("a", "b"):
        (boot / f"cmdline.{slot}").write_text(COMMAND_LINE.format(slot=slot) + "\n")
    for board, name in DEVICE_TREES.items():
        if board not in boards:
            for path in boot.glob(f"{name}*.dtb"):
                path.unlink()
    if "pi4" not in boards:
        for name in FIRMWARE:
            (boot / name).unlink()
    shutil.copy(boot / "cmdline.a", boot / "cmdline.txt")


def furnish_bootcfg(bootcfg: Path) -> None:
    """What the owner's computer shows of the card."""
    (bootcfg / "appliance").mkdir(parents=True)
    (bootcfg / "autoboot.txt").write_bytes(text_of(Slot.A))
    (bootcfg / "README.txt").write_text(README.replace("\n", "\r\n"))
