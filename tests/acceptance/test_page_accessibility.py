"""The page works for people: on a phone, in the dark, by keyboard, read aloud, in little data."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from support.browser import WebBrowser
from support.served_page import ServedPage, served_page

AXE_VERSION = "4.14.1"

LARGEST_PAGE_BYTES = 100_000

MORE_PAGES = (
    "sentences?file=en%2Fhouse.yaml",
    "sentences?new=garden",
    "teach?said=kitchen%20light%20on%20pretty%20now",
    "settings?section=mqtt",
)


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory, models_directory: Path) -> Iterator[ServedPage]:
    own = {"included": False}
    devices = {"discovery": "read"}
    folder = tmp_path_factory.mktemp("page")
    with served_page(folder, models_directory, sentences=own, devices=devices) as served:
        yield served


@pytest.fixture(scope="module")
def browser(page: ServedPage) -> Iterator[WebBrowser]:
    with WebBrowser() as opened:
        page.log_in(opened)
        opened.open(f"{page.address}/try")  # so that there is a result
        opened.type("kitchen light on pretty now")
        opened.press("Enter")
        opened.until("document.querySelector('#answer article') !== null")
        yield opened


@pytest.fixture(scope="module")
def places(browser: WebBrowser) -> list[str]:
    """Every page in the navigation, and some that it leads to."""
    links = "[...document.querySelectorAll('header nav a')].map((a) => a.getAttribute('href'))"
    found: list[str] = browser.evaluate(links)
    assert {"live", "try", "sentences", "teach", "settings"} <= set(found)
    return [*found, *MORE_PAGES]


@pytest.fixture(scope="module")
def axe() -> str:
    """The script of axe-core."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    found = cache / "appliance" / "axe-core" / AXE_VERSION
    if not (found / "ready").exists():
        pytest.skip(f"no axe-core in {found}; fetch it: tests/accessibility/make")
    return (found / "node_modules" / "axe-core" / "axe.min.js").read_text("utf-8")


def seen_as(browser: WebBrowser, scheme: str, width: int) -> None:
    """Dark or light, as wide as a desktop or a phone."""
    feature = {"name": "prefers-color-scheme", "value": scheme}
    browser.call("Emulation.setEmulatedMedia", features=[feature])
    size = {"width": width, "height": 800, "deviceScaleFactor": 1, "mobile": width < 500}
    browser.call("Emulation.setDeviceMetricsOverride", **size)


@pytest.mark.parametrize(("scheme", "width"), [("light", 1000), ("dark", 360)])
def test_axe_finds_nothing_serious(
    page: ServedPage, browser: WebBrowser, places: list[str], axe: str, scheme: str, width: int
) -> None:
    seen_as(browser, scheme, width)
    serious: dict[str, Any] = {}
    for place in places:
        browser.open(f"{page.address}/{place}")
        browser.evaluate(f"{axe}; 0")
        found = json.loads(browser.evaluate("axe.run().then((all) => JSON.stringify(all))"))
        assert found["passes"], place
        for one in found["violations"]:
            if one["impact"] in ("serious", "critical"):
                where = [node["html"][:200] for node in one["nodes"]]
                serious[f"{place}: {one['help']}"] = where
    assert serious == {}
    browser.evaluate("document.body.append(new Image())")
    found = json.loads(browser.evaluate("axe.run().then((all) => JSON.stringify(all))"))
    assert "image-alt" in {one["id"] for one in found["violations"]}, "axe finds what is wrong"


def test_no_page_is_wider_than_a_phone_though_german_words_are_long(
    page: ServedPage, browser: WebBrowser, places: list[str]
) -> None:
    seen_as(browser, "light", 360)
    browser.call("Network.setExtraHTTPHeaders", headers={"Accept-Language": "de"})
    wide = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
    found = {}
    for place in places:
        browser.open(f"{page.address}/{place}")
        assert browser.evaluate("document.documentElement.lang") == "de"
        if excess := browser.evaluate(wide):
            found[place] = excess
    browser.call("Network.setExtraHTTPHeaders", headers={})
    assert found == {}


def test_every_control_is_reached_by_keyboard_and_has_a_name(
    page: ServedPage, browser: WebBrowser, places: list[str]
) -> None:
    seen_as(browser, "light", 1000)
    for place in places:
        browser.open(f"{page.address}/{place}")
        controls = browser.evaluate(
            "[...document.querySelectorAll('a[href], button, input, select, textarea, summary')]"
            ".filter((one) => one.type !== 'hidden' && !one.disabled && one.checkVisibility())"
            ".map((one) => [one.tabIndex, !!(one.innerText || one.labels?.length "
            "|| one.getAttribute('aria-label')), one.outerHTML.slice(0, 120)])"
        )
        assert controls, place
        assert [html for order, named, html in controls if order != 0 or not named] == [], place


def test_no_page_needs_more_than_little_data(
    page: ServedPage, browser: WebBrowser, places: list[str]
) -> None:
    weighed = (
        "performance.getEntriesByType('navigation').concat(performance.getEntriesByType('resource'))"
        ".filter((one) => one.initiatorType !== 'fetch')"
        ".reduce((sum, one) => sum + one.decodedBodySize, 0)"
    )
    for place in places:
        browser.open(f"{page.address}/{place}")
        weight = browser.evaluate(weighed)
        assert 1_000 < weight < LARGEST_PAGE_BYTES, place
