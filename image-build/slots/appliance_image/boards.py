"""How a board is restarted, and told to try the other slot once."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING, Protocol

from appliance_image.errors import Failed
from appliance_image.mounts import writable

if TYPE_CHECKING:
    from pathlib import Path

    from appliance_image.slots import Places


class Board(Protocol):
    """What starts the slots."""

    def restart(self) -> None:
        """Restart into the committed slot."""

    def restart_into_trial(self) -> None:
        """Restart into the other slot, once."""


class RaspberryPi:
    """The firmware of a Raspberry Pi: its reboot argument `0 tryboot`.

    The kernel passes it on by the module appliance_tryboot; without it the flag would be lost
    and the board would start the slot that runs now.
    """

    def __init__(self, module: Path) -> None:
        self._module = module

    def restart(self) -> None:
        _systemctl("reboot")

    def restart_into_trial(self) -> None:
        if not self._module.exists():
            raise Failed(
                "The kernel cannot tell the firmware to try the other slot: the module "
                "appliance_tryboot is not loaded. See: modprobe appliance_tryboot"
            )
        _systemctl("reboot", "--reboot-argument=0 tryboot")


class VirtualMachine:
    """QEMU's -M virt has no such firmware: a file says it, and the emulation acts on it."""

    def __init__(self, bootcfg: Path) -> None:
        self._bootcfg = bootcfg

    def restart(self) -> None:
        _systemctl("reboot")

    def restart_into_trial(self) -> None:
        with writable(self._bootcfg):
            (self._bootcfg / "tryboot").touch()
        _systemctl("reboot")


def board_of(places: Places) -> Board:
    """The board at hand."""
    if places.board() == "virt":
        return VirtualMachine(places.bootcfg)
    return RaspberryPi(places.tryboot_module)


def _systemctl(*arguments: str) -> None:
    done = subprocess.run(
        ["systemctl", "--no-block", *arguments], capture_output=True, text=True, check=False
    )
    if done.returncode != 0:
        raise Failed(f"systemctl {' '.join(arguments)}: {done.stderr.strip()}")
