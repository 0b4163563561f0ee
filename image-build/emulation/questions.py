"""What is asked inside. Each question is a function; it ends in an AssertionError that says why."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from emulation.device import Device

COMMAND = "/usr/local/bin/appliance"
SAMPLE = "kitchen_light.flac"
SITE = "/opt/appliance/.venv/lib/python3.13/site-packages/appliance"
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
    until = time.monotonic() + PATIENCE
    while time.monotonic() < until:
        state = device.ask("systemctl", "is-active", "appliance.service")["out"].strip()
        if state == "active":
            return time.monotonic() - device.began
        expect(state != "failed", "appliance.service has failed: " + _log(device))
        time.sleep(2)
    raise AssertionError("appliance.service is not READY: " + _log(device))


def _log(device: Device) -> str:
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


def nothing_failed(device: Device) -> str:
    """No unit of the system has failed."""
    told = must(device, "systemctl", "--failed", "--no-legend", "--plain")
    expect(not told.strip(), told)
    return "no failed unit"


def check_finds_no_error(device: Device) -> str:
    """`appliance check` as the owner runs it: warnings it may have, errors not."""
    done = device.ask(COMMAND, "check", "--json", timeout=600)
    report = json.loads(done["out"] or "{}")
    wrong = [row for row in report.get("answers", []) if row["verdict"] == "error"]
    expect(report and not wrong, wrong or done)
    warned = [row["question"] for row in report["answers"] if row["verdict"] == "warning"]
    return f"{len(report['answers'])} answers, warnings: {', '.join(warned) or 'none'}"


def listener(device: Device, topic: str, seconds: int) -> str:
    """Start a subscriber inside; the file that its messages go to."""
    file = f"/run/heard-{time.monotonic_ns()}"
    user, password = operator(device)
    must(
        *(device, "systemd-run", "--quiet", "--collect", "-p", f"StandardOutput=truncate:{file}"),
        *("mosquitto_sub", "-h", "127.0.0.1", "-u", user, "-P", password, "-W", str(seconds)),
        *("-q", "1", "-t", topic, "-F", "%j"),
    )
    time.sleep(3)
    return file


def operator(device: Device) -> tuple[str, str]:
    """The login that the first boot made for the owner, as its page on the card tells it."""
    for line in must(device, "cat", "/boot/config/appliance/access.txt").splitlines():
        words = line.split()
        if words[:1] == ["operator"] and len(words) == 2:  # noqa: PLR2004
            return words[0], words[1]
    raise AssertionError("access.txt names no operator")


def messages(device: Device, file: str) -> list[dict[str, Any]]:
    """What the subscriber has heard so far: topic and payload."""
    return [json.loads(line) for line in must(device, "cat", file).splitlines() if line.strip()]


def wait_for(device: Device, file: str, seconds: float) -> list[dict[str, Any]]:
    """The same, once there is something."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if found := messages(device, file):
            return found
        time.sleep(2)
    return []


def a_spoken_command_is_heard_understood_and_published(device: Device) -> str:
    """Played into one side of the loopback, heard by sounddevice on the other, read on MQTT."""
    file = listener(device, "appliance/+/result", 600)
    must(
        *(device, "/opt/appliance/.venv/bin/python", "-c", PLAY, f"{SITE}/samples/{SAMPLE}"),
        timeout=300,
    )
    heard = wait_for(device, file, 400)
    expect(heard, "nothing was published: " + _log(device))
    result = heard[0]["payload"]
    result = json.loads(result) if isinstance(result, str) else result
    expect(result["outcome"] == "intent", result)
    seconds = time.monotonic() - device.began
    return f"{result['text']!r} → {result['intent']['name']}, {seconds:.0f} s after power-on"


PLAY = """
import sys, subprocess, av
frames = av.AudioResampler(format="s16", layout="stereo", rate=48000)
with av.open(sys.argv[1]) as file:
    sound = b"".join(bytes(part.planes[0])[: part.samples * 4]
                     for frame in file.decode(audio=0) for part in frames.resample(frame))
quiet = bytes(48000 * 4)
done = subprocess.run(["aplay", "-q", "-D", "plughw:Loopback,1,0", "-t", "raw", "-f", "S16_LE",
                       "-r", "48000", "-c", "2"], input=quiet + sound + quiet * 3)
sys.exit(done.returncode)
"""


def a_fake_hot_thermal_zone_eases_the_pace(device: Device) -> str:
    """Over 78 °C the pace is eased; below 72 °C it is full again."""
    seen = []
    for degrees, wanted in ((45, "full"), (79, "eased"), (60, "full")):
        must(device, "sh", "-c", f"echo {degrees * 1000} >/run/fake/thermal/thermal_zone0/temp")
        seen.append(_wait_for_pace(device, wanted))
    return ", ".join(seen)


def _wait_for_pace(device: Device, wanted: str) -> str:
    until, pace = time.monotonic() + 240, None
    while time.monotonic() < until:
        file = listener(device, "appliance/+/telemetry", 30)
        for message in wait_for(device, file, 30):
            payload = message["payload"]
            payload = json.loads(payload) if isinstance(payload, str) else payload
            pace = payload.get("pace")
            if pace == wanted:
                return str(pace)
    raise AssertionError(f"the pace is {pace} and not {wanted}")


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


PINS = "/sys/devices/platform/gpio-sim.0/gpiochip4"
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


def the_button_opens_the_microphone_and_the_light_follows(device: Device) -> str:
    """A pin of the simulated chip is pulled to ground; the other one is read."""
    dark = _wait_for_light(device, "0", 240)
    must(device, "sh", "-c", f"echo pull-down >{PINS}/sim_gpio{BUTTON}/pull")
    lit = _wait_for_light(device, "1", 60)
    must(device, "sh", "-c", f"echo pull-up >{PINS}/sim_gpio{BUTTON}/pull")
    after = _wait_for_light(device, "0", 240)
    found = f"{dark} before, {lit} while the button was held, {after} behind it"
    expect((dark, lit, after) == ("0", "1", "0"), f"the light was {found}")
    return "dark, lit while the button is held, dark"


def _wait_for_light(device: Device, wanted: str, seconds: float) -> str:
    """What the light is when it is as wanted, or when time is up."""
    until = time.monotonic() + seconds
    while (level := _light(device)) != wanted and time.monotonic() < until:
        time.sleep(1)
    return level


def _light(device: Device) -> str:
    return must(device, "cat", f"{PINS}/sim_gpio{LIGHT}/value").strip()


FIRST = (
    the_system_is_read_only_and_two_slots_know_themselves,
    check_finds_no_error,
    a_spoken_command_is_heard_understood_and_published,
    the_button_opens_the_microphone_and_the_light_follows,
    memory_limit_and_address_rules_act,
    a_fake_hot_thermal_zone_eases_the_pace,
    nothing_failed,
)
