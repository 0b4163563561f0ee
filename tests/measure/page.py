"""From the start to an own sentence that is understood, on the page, as a new owner goes.

PYTHONPATH=.:tests APPLIANCE_MODELS=... python -m measure.page [--pictures docs/images]

A real browser does each step, and the time that it waits for the appliance is measured. What an
owner needs to type and point is not measured but estimated by the keystroke-level model (Card,
Moran and Newell, "The keystroke-level model for user performance time with interactive
systems", 1980), for an average typist: it knows no reading, no learning and no mistakes. With
--pictures it writes the pictures of the documentation.
"""

from __future__ import annotations

import argparse
import os
import re
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

from support.browser import WebBrowser
from support.daemon_process import DaemonProcess
from support.free_port import free_port
from support.waiting import until

KEY_S, POINT_S, CLICK_S, HAND_S, THINK_S = 0.28, 1.1, 0.2, 0.4, 1.35
"""A key, pointing, a press of the button, moving the hand, and preparing for a step."""

SENTENCE, INTENT = "water the (garden|lawn) [please]", "WaterGarden"
TRIED = "water the lawn please"
MISSED = "kitchen light on pretty now"


@dataclass
class StepTimes:
    """The steps so far."""

    rows: list[tuple[str, float, float]] = field(default_factory=list)

    def step(self, what: str, began: float, *, typed: int = 0, clicks: int = 0) -> None:
        """A step that is over now: what the appliance took, and what an owner would."""
        owner = THINK_S + typed * KEY_S + clicks * (POINT_S + CLICK_S + HAND_S)
        self.rows.append((what, time.monotonic() - began, owner))

    def print(self) -> None:
        """A table in Markdown."""
        print("| step | appliance | owner, estimated |\n|---|---:|---:|")
        for what, machine, owner in self.rows:
            print(f"| {what} | {machine:.1f} s | {owner:.1f} s |")
        machine = sum(row[1] for row in self.rows)
        owner = sum(row[2] for row in self.rows)
        print(f"| **all** | {machine:.1f} s | {owner:.1f} s |")
        print(f"\n{(machine + owner) / 60:.1f} minutes")


def enter(browser: WebBrowser, name: str, text: str) -> None:
    """Type into a field."""
    browser.evaluate(f"document.getElementById('{name}').focus()")
    browser.evaluate(f"document.getElementById('{name}').select()")
    browser.type(text)


def follow(browser: WebBrowser, name: str) -> None:
    """A link of the navigation."""
    browser.evaluate(f"document.querySelector('header nav a[href=\"{name}\"]').click()")
    browser.until(f"location.pathname === '/{name}' && document.readyState === 'complete'")


class PageOwner:
    """Who has a browser, and no shell but the one that `script/run` runs in."""

    def __init__(self, daemon: DaemonProcess, browser: WebBrowser, pictures: Path | None) -> None:
        self.daemon = daemon
        self.browser = browser
        self.pictures = pictures
        self.steps = StepTimes()
        self.address = ""

    def start(self) -> None:
        """Until the page is open."""
        began = time.monotonic()
        self.daemon.start("--trial", ready=False)
        until(lambda: "the page: " in self.daemon.said(), self.daemon.said(), 120.0)
        found = re.search(r"the page: (\S+)  password: (\S+)", self.daemon.said())
        assert found is not None
        self.address = found[1].rstrip("/")
        self.steps.step("`script/run`, installed: until it names page and password", began)
        began = time.monotonic()
        self.browser.open(self.address)
        self.browser.until("document.activeElement.id === 'password'")
        self.browser.type(found[2])
        self.browser.press("Enter")
        self.browser.until("location.pathname === '/live'")
        self.steps.step("open the address, paste the password", began, typed=6, clicks=3)
        self.browser.until("document.querySelectorAll('#results .intent').length >= 2")
        self.picture("live")

    def add_a_sentence(self) -> None:
        """Until it is in use."""
        began = time.monotonic()
        follow(self.browser, "sentences")
        self.steps.step("Sentences", began, clicks=1)
        began = time.monotonic()
        enter(self.browser, "sentence", SENTENCE)
        enter(self.browser, "intent", INTENT)
        self.browser.press("Enter")
        in_use = "document.querySelector('#saved .good')?.innerText.includes('in use')"
        self.browser.until(in_use)
        typed = len(SENTENCE) + len(INTENT) + 2
        self.steps.step("type it and its name, save: until it is in use", began, typed=typed)

    def try_it(self) -> None:
        """Until it is understood."""
        began = time.monotonic()
        follow(self.browser, "try")
        self.steps.step("Try", began, clicks=1)
        began = time.monotonic()
        enter(self.browser, "text", TRIED)
        self.browser.press("Enter")
        understood = f"document.querySelector('#answer code')?.innerText.includes('{INTENT}')"
        self.browser.until(understood)
        self.steps.step("type what one would say: understood", began, typed=len(TRIED) + 1)
        self.picture("try")

    def show_the_rest(self) -> None:
        """What the documentation has pictures of besides."""
        enter(self.browser, "text", MISSED)
        self.browser.press("Enter")
        self.browser.until("document.querySelector('#answer .not_understood') !== null")
        self.browser.open(f"{self.address}/teach?said={MISSED.replace(' ', '%20')}")
        self.picture("teach")
        self.browser.open(f"{self.address}/sentences?file=en%2Fhouse.yaml")
        self.browser.evaluate(
            "text.value = text.value.replace('{area} <light>', '{aria} <light>');"
            "text.dispatchEvent(new Event('input'))"
        )
        self.browser.until("document.querySelector('#checked [data-line]') !== null")
        self.picture("sentences")
        self.browser.evaluate("text.value = text.defaultValue")
        self.browser.open(f"{self.address}/settings?section=sentences")
        self.browser.evaluate("document.querySelector('.files').scrollIntoView()")
        self.picture("settings")

    def picture(self, name: str) -> None:
        """Of what is seen now."""
        if self.pictures is not None:
            time.sleep(0.5)
            self.browser.screenshot(self.pictures / f"{name}.webp")


def main() -> None:
    """StepTimes, and print the steps."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pictures", type=Path, metavar="FOLDER", help="write pictures, too")
    pictures = parser.parse_args().pictures
    if pictures is not None:
        pictures.mkdir(parents=True, exist_ok=True)
    models = Path(os.environ["APPLIANCE_MODELS"])
    with tempfile.TemporaryDirectory() as folder, WebBrowser(width=1000, height=750) as browser:
        mqtt = {"host": "", "embedded_port": free_port()}
        listening = {"trigger": "always"}
        with DaemonProcess(Path(folder), models, mqtt=mqtt, listening=listening) as daemon:
            size = {"width": 1000, "height": 800, "deviceScaleFactor": 1, "mobile": False}
            browser.call("Emulation.setDeviceMetricsOverride", **size)
            owner = PageOwner(daemon, browser, pictures)
            owner.start()
            owner.add_a_sentence()
            owner.try_it()
            if pictures is not None:
                owner.show_the_rest()
    owner.steps.print()


if __name__ == "__main__":
    main()
