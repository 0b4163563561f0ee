"""Power cuts in the middle of requests: what was accepted is answered, after any number of them.

QEMU is killed in the middle of its work. What the device had written to its disk stays, also
what it had not flushed: that is kinder than a card whose cache loses its power.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from emulation.questions import expect, must, operator, wait_until_ready

if TYPE_CHECKING:
    from emulation.device import Device


def power_cuts(device: Device, count: int) -> str:
    """Each time the power goes in the middle of 50 requests; each accepted one is answered."""
    accepted: set[str] = set()
    answered: set[str] = set()
    for number in range(count):
        let_it_accept(device, number, 1 + 7 * number % 20)
        device.cut()
        device.start()
        wait_until_ready(device)
        accepted |= accepted_ones(device)
        answered |= answers(device, accepted - answered)
        lost = accepted - answered
        expect(not lost, f"cut {number + 1}: accepted and not answered: {sorted(lost)}")
        print(f"    cut {number + 1}: {len(accepted)} accepted, all answered", flush=True)
    return f"{count} of {count} boots, {len(accepted)} accepted requests, all answered"


def let_it_accept(device: Device, number: int, few: int) -> None:
    """Begin with 50 requests, and come back as soon as so many of them are accepted."""
    user, password = operator(device)
    words = (must(device, "hostname").strip(), user, password, f"{number}")
    must(device, "systemd-run", "--quiet", "/usr/bin/python3", "-c", ASK, *words)
    until = f"[ $(grep -c ^cut-{number}- /persistent/questions/accepted) -ge {few} ]"
    must(device, "sh", "-c", f"until {until}; do sleep 0.1; done", timeout=300)


def accepted_ones(device: Device) -> set[str]:
    """What was heard to be accepted before the power went."""
    return set(must(device, "cat", "/persistent/questions/accepted").split())


def answers(device: Device, wanted: set[str]) -> set[str]:
    """Ask again with the same ids: a request that is known gives its answer, once done.

    One that was lost would be done anew, so the device is also asked how many it knew.
    """
    user, password = operator(device)
    words = (must(device, "hostname").strip(), user, password)
    done = device.ask("/usr/bin/python3", "-c", AGAIN, *words, *sorted(wanted), timeout=600)
    *answered, known = done["out"].split() or ["known=0"]
    expect(known == f"known={len(wanted)}", f"of {len(wanted)} accepted ones: {known}")
    return set(answered)


MESSAGES = """
import json, os, pathlib, subprocess, sys, threading, time
name, user, password, *more = sys.argv[1:]
broker = ["-h", "127.0.0.1", "-u", user, "-P", password, "-q", "1"]
listen = ["mosquitto_sub", *broker, "-t", f"appliance/{name}/response/parse"]
answers = subprocess.Popen(listen, stdout=-1)
say = ["mosquitto_pub", *broker, "-t", f"appliance/{name}/request/parse", "-l"]
def send(numbers, pause):
    time.sleep(1)  # until the listener is there
    said = subprocess.Popen(say, stdin=-1, text=True)
    for number in numbers:
        text = {"text": "turn on the kitchen light", "transaction": number}
        told = {**text, "reply_to": f"appliance/{name}/response/parse"}
        print(json.dumps(told), file=said.stdin, flush=True)
        time.sleep(pause)
    said.stdin.close()
    said.wait()
"""

ASK = (
    MESSAGES
    + """
kept = pathlib.Path("/persistent/questions")
kept.mkdir(exist_ok=True)
numbers = [f"cut-{more[0]}-{number}" for number in range(50)]
threading.Thread(target=send, args=(numbers, 0.05), daemon=True).start()
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
def known():  # how many it has recognised since the service's start
    look = ["mosquitto_sub", *broker, "-C", "1", "-W", "60", "-t", f"appliance/{name}/health"]
    told = subprocess.run(look, stdout=-1, text=True).stdout
    return json.loads(told or "{}").get("mqtt", {}).get("repeated", 0)
def settled():  # what the broker sends again by itself has come, and is counted
    last = None
    while last != (now := known()):
        last = now
        time.sleep(20)
    return last
missing, before = set(more), settled()
threading.Thread(target=send, args=(more, 0), daemon=True).start()
threading.Timer(300, answers.kill).start()
while missing and (line := answers.stdout.readline()):
    told = json.loads(line)
    if told["state"] == "done" and told["transaction"] in missing:
        missing.discard(told["transaction"])
        print(told["transaction"], flush=True)
answers.kill()
end = time.monotonic() + 60  # health is told every few seconds
while known() - before < len(more) and time.monotonic() < end:
    time.sleep(2)
print(f"known={known() - before}", flush=True)
os._exit(0)
"""
)
