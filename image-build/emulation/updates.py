"""Updates as an owner's device takes them: kept, failed, and cut off."""

from __future__ import annotations

import json
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from emulation import cuts, questions
from emulation.device import Died
from emulation.questions import expect, must

if TYPE_CHECKING:
    from emulation.device import Device

SLOTS = Path(__file__).resolve().parents[1] / "slots"
DISK = "/dev/vdb"

AMID = 1000
"""The number of the requests that are accepted while the device restarts for an update."""


@dataclass(frozen=True, slots=True)
class Files:
    """The build's output, and the key that its devices believe."""

    image: Path
    key: Path


def _status(device: Device) -> dict[str, Any]:
    status: dict[str, Any] = json.loads(must(device, "appliance-slot", "status", "--json"))
    return status


def _committed(device: Device) -> str:
    return device.card.committed()


def _insert(device: Device, update: Path) -> None:
    """A restart with the update on a second disk, as a stick that somebody brings."""
    if device.running:
        device.leave("systemctl", "poweroff")
    place = device.folder / "update"
    place.unlink(missing_ok=True)
    subprocess.run(["cp", "--reflink=auto", "--sparse=always", update, place], check=True)
    device.extra = ("-drive", "file=/card/update,if=virtio,format=raw,readonly=on")
    device.start()


def _try(device: Device) -> str:
    """Install, try amid requests, restart; the boot partition that the firmware took then."""
    must(device, "appliance-slot", "install", "--allow-older", DISK, timeout=1800)
    cuts.let_it_accept(device, AMID, 3)
    device.leave("appliance-slot", "try", timeout=600)
    return device.slot_after_start()


def an_update_is_tried_and_kept(device: Device, files: Files) -> str:
    """The image's own update file, into the other slot; settings and accepted work survive."""
    before = _committed(device)
    _insert(device, files.image / "appliance.update")
    tried = _try(device)
    expect(tried != before, f"{tried} was started again")
    questions.wait_until_ready(device)
    until = time.monotonic() + questions.PATIENCE
    while _committed(device) != tried and time.monotonic() < until:
        _status(device)  # Died where it has restarted, into the slot before
        time.sleep(5)
    expect(_committed(device) == tried, "it is not kept in time")
    questions.the_owners_settings_are_in_force(device)
    accepted = {one for one in cuts.accepted_ones(device) if one.startswith(f"cut-{AMID}-")}
    expect(cuts.answers(device, accepted) == accepted, "not all that was accepted is answered")
    return f"{before} → {tried}; {len(accepted)} accepted before it, all answered"


def an_update_that_does_not_start_is_left_again(device: Device, files: Files) -> str:
    """One whose system is no file system: signed, written, tried, and left by itself."""
    before = _committed(device)
    broken = device.folder / "system.img"
    broken.write_bytes(b"no file system" + bytes(1 << 20))
    update = device.folder / "broken.update"
    subprocess.run(
        [
            *("python3", "-B", "-m", "appliance_image", "pack", "--version", "99.0"),
            *("--built", "2099-01-01T00:00:00+00:00", "--board", "virt", "--board", "pi4"),
            *("--boot", str(files.image / "boot.img"), "--system", str(broken)),
            *("--key", str(files.key), "--output", str(update)),
        ],
        cwd=SLOTS,
        check=True,
        capture_output=True,
    )
    _insert(device, update)
    must(device, "appliance-slot", "install", "--allow-older", DISK, timeout=900)
    device.leave("appliance-slot", "try", timeout=600)
    try:
        device.start()
    except Died:
        device.off()  # by itself
    else:
        raise AssertionError(f"a system that is none has started: {device.slot}")
    tried = device.slot
    device.start()
    expect(tried != before and device.slot == before, (before, tried, device.slot))
    return f"{before} → {tried} → {device.slot}"


def a_power_cut_in_an_update_leaves_the_old_system(device: Device, files: Files) -> str:
    """The power goes while the other slot is being written."""
    before = _committed(device)
    _insert(device, files.image / "appliance.update")
    must(device, "systemd-run", "--quiet", "appliance-slot", "install", "--allow-older", DISK)
    until = time.monotonic() + questions.PATIENCE
    while _status(device)["other"].get("complete") is not False:
        expect(time.monotonic() < until, "the installation does not begin")
        time.sleep(1)
    time.sleep(5)  # of the minute that it takes to write and to read back
    device.cut()
    device.start()
    expect(device.slot == before, f"{device.slot} was started")
    seconds = questions.wait_until_ready(device)
    refused = device.ask("appliance-slot", "try")
    expect(refused["status"] != 0 and "not whole" in refused["err"], refused)
    return f"{before} runs, READY {seconds:.0f} s after power-on; the half-written slot is refused"


ALL = (
    an_update_is_tried_and_kept,
    an_update_that_does_not_start_is_left_again,
    a_power_cut_in_an_update_leaves_the_old_system,
)
