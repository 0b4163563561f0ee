"""What is asked inside. Each question is a function; it ends in an AssertionError that says why."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from emulation.device import Device

PATIENCE = 900
"""Seconds for the models to load: an emulated processor takes its time, and a busy host more."""


def expect(fine: object, told: object) -> None:
    """An AssertionError with what was found, whatever Python's -O does."""
    if not fine:
        raise AssertionError(str(told))


def must(device: Device, *command: str, timeout: float = 120, feed: str | None = None) -> str:
    """What a command says inside; it has to succeed."""
    done = device.ask(*command, timeout=timeout, feed=feed)
    expect(
        done["status"] == 0, f"{' '.join(command)}: {done['status']} {done['err'] or done['out']}"
    )
    return str(done["out"])


def wait_until_ready(device: Device) -> float:
    """Seconds from power-on until systemd was told READY."""
    state = must(device, "sh", "-c", WAIT, timeout=2 * PATIENCE).strip()
    expect(state == "active", f"appliance.service is {state}: {log(device)}")
    return time.monotonic() - device.began


WAIT = """
until state=$(systemctl is-active appliance.service); [ $state = active ] || [ $state = failed ]
do sleep 1; done; echo $state
"""
"""Inside: to be asked from outside costs an emulated processor a good part of a second."""


def log(device: Device) -> str:
    told = device.ask("journalctl", "--namespace=appliance", "-n", "20", "--no-pager", "-o", "cat")
    state = device.ask("systemctl", "status", "--no-pager", "-n", "20", "appliance")
    return f"{told['out']}{told['err']}{state['out']}"


def the_system_is_read_only_and_two_slots_know_themselves(device: Device) -> str:
    """The slot that the firmware took is the one that runs; what is written is gone with it."""
    expect("erofs" in must(device, "findmnt", "-no", "FSTYPE", "/run/initramfs/lower"), "no erofs")
    letter = device.slot.removeprefix("boot_")
    expect(f"appliance.slot={letter}" in must(device, "cat", "/proc/cmdline"), "another slot runs")
    status = json.loads(must(device, "appliance-slot", "status", "--json"))
    expect(status, "appliance-slot says nothing")
    expect(must(device, "findmnt", "-no", "FSTYPE", "/persistent").strip() == "ext4", "no ext4")
    expect(
        "Swap" not in must(device, "cat", "/proc/swaps").replace("Filename", ""), "there is swap"
    )
    return f"slot {letter}, {must(device, 'uname', '-r').strip()}"


def the_owners_settings_are_in_force(device: Device) -> str:
    """What the owner put on the card is in the configuration; the broker runs, with logins."""
    until = time.monotonic() + PATIENCE
    while _state(device, "mosquitto.service") != "active":
        expect(time.monotonic() < until, "the broker does not start")
        time.sleep(5)
    told = must(device, "cat", "/boot/config/appliance/STATUS.txt")
    expect("in force" in told, told)
    expect(f"button_pin = {BUTTON}" in must(device, "cat", "/etc/appliance/config.toml"), told)
    operator(device)
    return "STATUS.txt says so; the broker has its logins"


def _state(device: Device, unit: str) -> str:
    return str(device.ask("systemctl", "is-active", unit)["out"]).strip()


DRIVERS = ("snd-usb-audio", "brcmfmac", "genet", "macb", "bcm2835_wdt", "usb-storage", "nvme")
"""Microphone, Wi-Fi, cable, watchdog and disks of a Raspberry Pi."""


def the_boards_own_drivers_load(device: Device) -> str:
    """All that they stand on is there, too, though nothing here is theirs to drive."""
    for name in DRIVERS:
        must(device, "modprobe", name)
    return ", ".join(DRIVERS)


def nothing_failed(device: Device) -> str:
    """No unit of the system has failed."""
    told = must(device, "systemctl", "--failed", "--no-legend", "--plain")
    expect(not told.strip(), told)
    return "no failed unit"


def operator(device: Device) -> tuple[str, str]:
    """The login that the first boot made for the owner, as its page on the card tells it."""
    for line in must(device, "cat", "/boot/config/appliance/ACCESS.txt").splitlines():
        words = line.split()
        if words[:1] == ["operator"] and len(words) == 2:  # noqa: PLR2004
            return words[0], words[1]
    raise AssertionError("ACCESS.txt names no operator")


def memory_limit_and_address_rules_act(device: Device) -> str:
    """With the unit's own kind of settings, and a control run without them."""
    hungry = "a = bytearray(200 << 20); print(len(a))"
    run = ("systemd-run", "--quiet", "--wait", "--pipe", "--collect")
    free = device.ask(*run, "python3", "-c", hungry)
    held = device.ask(*run, "-p", "MemoryMax=50M", "-p", "MemorySwapMax=0", "python3", "-c", hungry)
    expect(free["status"] == 0 and held["status"] != 0, (free, held))
    must(device, "ip", "link", "add", "outside", "type", "dummy")
    must(device, "sh", "-c", "ip addr add 198.51.100.1/24 dev outside && ip link set outside up")
    send = (
        "import socket; line = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); "
        "line.sendto(b'x', ('198.51.100.9', 9))"
    )
    shown = must(device, "systemctl", "show", "appliance", "-p", "IPAddressDeny", "-p", "MemoryMax")
    rules = ("-p", "IPAddressDeny=any", "-p", "IPAddressAllow=10.0.0.0/8")
    walled = device.ask(*run, "python3", "-c", send)
    must(device, "systemctl", "stop", "nftables")
    free = device.ask(*run, "python3", "-c", send)
    held = device.ask(*run, *rules, "python3", "-c", send)
    must(device, "systemctl", "start", "nftables")
    device.ask("ip", "link", "delete", "outside")
    expect(walled["status"] != 0, "the firewall lets a packet out")
    expect(free["status"] == 0 and held["status"] != 0, (free, held))
    expect("::/0" in shown and "infinity" not in shown, shown)
    return (
        "200 MB end under MemoryMax=50M; outside is refused by the unit's rules, and the firewall"
    )


BUTTON, LIGHT = 17, 18
OWNERS_CONFIG = f"""[panel]
button_pin = {BUTTON}
led_pins = [{LIGHT}]
[telemetry]
every_s = 2.0
[listening]
by_meaning = false
[language_model]
load = "demand"
"""
"""Put into the owner's folder before the first start, as with a card reader.

What a board does beside everything else would take an emulated processor its minutes: to listen
ahead while somebody speaks, and to read the language model's instructions before the first use.
"""


BOOT = (
    the_system_is_read_only_and_two_slots_know_themselves,
    the_owners_settings_are_in_force,
    memory_limit_and_address_rules_act,
    the_boards_own_drivers_load,
    nothing_failed,
)
