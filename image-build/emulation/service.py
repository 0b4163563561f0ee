"""What is asked of the service: it hears, understands, publishes, shows, and spares itself."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any

from emulation.questions import BUTTON, LIGHT, expect, log, must, nothing_failed, operator

if TYPE_CHECKING:
    from emulation.device import Device

COMMAND = "/usr/local/bin/appliance"
SAMPLE = "kitchen_light.flac"
SITE = "/opt/appliance/.venv/lib/python3.13/site-packages/appliance"
PINS = "/sys/devices/platform/gpio-sim.0/gpiochip4"


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
    expect(heard, "nothing was published: " + log(device))
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


def a_browser_logs_in_over_https(device: Device) -> str:
    """With the address, the password, the authority and the fingerprint that are on the card."""
    told = must(device, "python3", "-c", LOG_IN)
    firewall = must(device, "nft", "list", "chain", "inet", "appliance", "owner_in")
    expect("443" in firewall, firewall)
    return told.strip()


LOG_IN = """
import hashlib, http.client, pathlib, re, socket, ssl, sys, urllib.parse
card = pathlib.Path("/boot/config/appliance")
page = (card / "ACCESS.txt").read_text()
host = re.search("https://([a-z0-9.-]+)\\n", page)[1]
password = re.search("password     ([a-z0-9]{16})\\n", page)[1]
digest = "".join(re.findall("[0-9A-F]{2}:(?:[0-9A-F]{2}:?)+", page)).replace(":", "")
context = ssl.create_default_context(cafile=card / "broker-ca.pem")
client = http.client.HTTPConnection(host, 443, timeout=60)
plain = socket.create_connection(("127.0.0.1", 443), timeout=60)
client.sock = context.wrap_socket(plain, server_hostname=host)
shown = hashlib.sha256(client.sock.getpeercert(binary_form=True)).hexdigest().upper()
fields = urllib.parse.urlencode({"password": password})
headers = {"origin": f"https://{host}", "content-type": "application/x-www-form-urlencoded"}
client.request("POST", "/login", fields, headers)
answer = client.getresponse()
fine = answer.status == 303 and "Secure" in answer.headers["set-cookie"] and shown == digest
print(answer.status, host, shown)
sys.exit(not fine)
"""


ALL = (
    check_finds_no_error,
    a_browser_logs_in_over_https,
    a_spoken_command_is_heard_understood_and_published,
    the_button_opens_the_microphone_and_the_light_follows,
    a_fake_hot_thermal_zone_eases_the_pace,
    nothing_failed,
)
