"""Power cuts in the middle of requests: what was accepted is answered, after any number of them.

QEMU is killed in the middle of its work. What the device had written to its disk stays, also
what it had not flushed: that is kinder than a card whose cache loses its power.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from emulation.questions import expect, must, operator, wait_until_ready

if TYPE_CHECKING:
    from emulation.device import Device


def power_cuts(device: Device, count: int) -> str:
    """Each time the power goes in the middle of 50 requests; each accepted one is answered."""
    accepted: set[str] = set()
    answered: set[str] = set()
    for number in range(count):
        user, password = operator(device)
        words = (must(device, "hostname").strip(), user, password, f"{number}")
        must(device, "systemd-run", "--quiet", "/usr/bin/python3", "-c", ASK, *words)
        time.sleep(4 + 7 * number % 11)
        device.cut()
        device.start()
        wait_until_ready(device)
        accepted |= _accepted(device)
        answered |= _answers(device, accepted - answered)
        lost = accepted - answered
        expect(not lost, f"cut {number + 1}: accepted and not answered: {sorted(lost)}")
    expect(accepted, "nothing was accepted before the power went")
    return f"{count} of {count} boots, {len(accepted)} accepted requests, all answered"


def _accepted(device: Device) -> set[str]:
    """Empty where the power went before the first one."""
    return set(device.ask("cat", "/persistent/questions/accepted")["out"].split())


def _answers(device: Device, wanted: set[str]) -> set[str]:
    """Ask again with the same ids: a request that is known gives its answer, once done."""
    user, password = operator(device)
    words = (must(device, "hostname").strip(), user, password)
    done = device.ask("/usr/bin/python3", "-c", AGAIN, *words, *sorted(wanted), timeout=600)
    return set(done["out"].split())


MESSAGES = """
import json, os, pathlib, subprocess, sys, threading
name, user, password, *more = sys.argv[1:]
broker = ["-h", "127.0.0.1", "-u", user, "-P", password, "-q", "1"]
def order(number):
    text = {"text": "turn on the kitchen light", "transaction": number}
    return {**text, "reply_to": f"appliance/{name}/response/parse"}
"""

ASK = (
    MESSAGES
    + """
kept = pathlib.Path("/persistent/questions")
kept.mkdir(exist_ok=True)
listen = ["mosquitto_sub", *broker, "-t", f"appliance/{name}/response/parse"]
answers = subprocess.Popen(listen, stdout=-1)
def send():
    for number in range(50):
        subprocess.run(["mosquitto_pub", *broker, "-t", f"appliance/{name}/request/parse",
                        "-m", json.dumps(order(f"cut-{more[0]}-{number}"))])
threading.Thread(target=send, daemon=True).start()
for line in answers.stdout:  # `queued` and `done` both say that it was accepted
    told = json.loads(line)
    if told["state"] in ("queued", "done"):
        with (kept / "accepted").open("a") as file:
            file.write(told["transaction"] + "\\n")
            file.flush()
            os.fsync(file.fileno())
"""
)

AGAIN = (
    MESSAGES
    + """
listen = ["mosquitto_sub", *broker, "-W", "300", "-t", f"appliance/{name}/response/parse"]
answers = subprocess.Popen(listen, stdout=-1)
for number in more:
    subprocess.run(["mosquitto_pub", *broker, "-t", f"appliance/{name}/request/parse",
                    "-m", json.dumps(order(number))])
missing = set(more)
while missing and (line := answers.stdout.readline()):
    told = json.loads(line)
    if told["state"] == "done" and told["transaction"] in missing:
        missing.discard(told["transaction"])
        print(told["transaction"], flush=True)
answers.kill()
"""
)
