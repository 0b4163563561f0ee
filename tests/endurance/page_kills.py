"""The appliance is killed again and again while pages are open: none may stay broken.

    APPLIANCE_MODELS=... PYTHONPATH=.:tests python -m endurance.page_kills [--kills 5 | --minutes 5]

Each view is open in a browser of its own (real Chromium). After each SIGKILL every one must say
that the appliance is away; after the start it must be back by itself, at the same address, without
an error in the browser, and show what is new. At the end a sentence is tried in the page that has
been open all the time. Exit status 1 if not.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path

from support.browser import WebBrowser
from support.served_page import ServedPage, served_page

VIEWS = ("live", "try", "timers", "board", "examples", "log")

BROKEN_OFF = "Failed to load resource: net::ERR_"
"""An error of the browser that a kill must cause."""


def open_views(page: ServedPage, stack: ExitStack) -> dict[str, WebBrowser]:
    """A browser for each view, logged in."""
    browsers = {}
    for view in VIEWS:
        browser = browsers[view] = stack.enter_context(WebBrowser())
        page.log_in(browser)
        browser.open(f"{page.address}/{view}")
    return browsers


def check(page: ServedPage, browsers: dict[str, WebBrowser]) -> None:
    """Kill the appliance, start it again, and look at every page."""
    page.daemon.kill()
    for browser in browsers.values():
        browser.until("!document.getElementById('away').hidden")
    page.daemon.start()
    began = time.monotonic()
    for view, browser in browsers.items():
        browser.until("document.getElementById('away').hidden")
        assert browser.evaluate("location.pathname") == f"/{view}", view
        strange = [one for one in browser.console if BROKEN_OFF not in one]
        assert strange == [], (view, strange)
    print(f"all {len(browsers)} pages are back after {time.monotonic() - began:.1f} s", flush=True)
    browsers["live"].until("document.getElementById('activity').textContent === 'Waiting'")
    browsers["log"].until("document.getElementById('lines').innerText.includes('ready after')")
    asked = {"cookie": page.cookie(), "origin": page.address}
    page.ask("POST", "/timers/command", {"text": "set a timer for one hour"}, **asked)
    browsers["timers"].until("document.querySelector('#timers-list .left') !== null")
    browsers["live"].until("document.querySelectorAll('#results article').length > 0")


def main() -> int:
    """Run it; the exit status."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--kills", type=int, default=5)
    parser.add_argument("--minutes", type=float, default=0.0, help="go on for at least so long")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        models = Path(os.environ["APPLIANCE_MODELS"])
        page = stack.enter_context(served_page(Path(folder), models))
        browsers = open_views(page, stack)
        end, kills = time.monotonic() + 60 * arguments.minutes, 0
        while kills < arguments.kills or time.monotonic() < end:
            check(page, browsers)
            kills += 1
        tried = browsers["try"]
        tried.evaluate("document.getElementById('text').focus()")
        tried.type("turn on the kitchen light")
        tried.press("Enter")
        tried.until("document.querySelector('#answer .intent') !== null")
    print(f"{kills} kills: no page was broken")
    return 0


if __name__ == "__main__":
    sys.exit(main())
