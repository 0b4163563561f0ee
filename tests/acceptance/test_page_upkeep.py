"""An owner looks after the appliance on the page, in a real browser: timers, board, log, models."""

from __future__ import annotations

import contextlib
import json
import re
import tarfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from support.browser import WebBrowser
from support.free_port import free_port
from support.hub_server import ModelHub
from support.mqtt_client import MqttClient
from support.served_page import ServedPage, served_page
from support.waiting import until

from appliance.models import catalogue

OWN_SENTENCES = """
language: en
intents:
  OpenGate:
    data:
      - sentences: ["open the gate"]
    confirm: true
  HassTurnOn:
    data:
      - sentences: ["turn on [the] {name}"]
"""


PULLED = "qwen2.5-0.5b-instruct"


@pytest.fixture(scope="module")
def hub() -> Iterator[ModelHub]:
    """A model hub that has one small model, by the name of a large one."""
    model = catalogue.hub_models()[PULLED]
    with ModelHub(model.repository, model.file, b"GGUF" + bytes(range(256)) * 4000).open() as hub:
        yield hub


@pytest.fixture(scope="module")
def broker_port() -> int:
    return free_port()


@pytest.fixture(scope="module")
def page(
    tmp_path_factory: pytest.TempPathFactory,
    models_directory: Path,
    hub: ModelHub,
    broker_port: int,
) -> Iterator[ServedPage]:
    folder = tmp_path_factory.mktemp("page")
    (folder / "sentences").mkdir()
    (folder / "sentences" / "gate.yaml").write_text(OWN_SENTENCES)
    (folder / "models").mkdir()
    for model in models_directory.iterdir():
        (folder / "models" / model.name).symlink_to(model)
    (folder / "devices.yaml").write_text("# My own comment.\nareas: [Kitchen]\n")
    sections: dict[str, dict[str, Any]] = {
        "sentences": {"folder": str(folder / "sentences")},
        "devices": {"discovery": "act", "file": str(folder / "devices.yaml")},
        "mqtt": {"embedded_port": broker_port},
    }
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HF_ENDPOINT", hub.address)
        with served_page(folder, folder / "models", **sections) as served:
            yield served


@pytest.fixture(scope="module")
def viewer_password(page: ServedPage) -> str:
    """Made before anybody logs in: a new password ends every session."""
    done = page.daemon.command("page", "password", "--role", "viewer")
    return str(re.findall(r"^[a-z2-9]{16}$", done.stdout, re.MULTILINE)[0])


@pytest.fixture(scope="module")
def browser(page: ServedPage, viewer_password: str) -> Iterator[WebBrowser]:
    """Of the owner, who has logged in."""
    assert viewer_password
    with WebBrowser() as opened:
        page.log_in(opened)
        yield opened


def say(browser: WebBrowser, text: str) -> None:
    """Type a sentence on the page of timers, and press Enter."""
    browser.evaluate("document.getElementById('text').focus()")
    browser.evaluate("document.getElementById('text').select()")
    browser.type(text)
    browser.press("Enter")


def first_timer_id(page: ServedPage, cookie: str) -> str:
    _, text, _ = page.ask("GET", "/timers/list", cookie=cookie)
    found = re.search(r'name="id" value="([^"]+)"', text)
    assert found, text
    return found[1]


def test_a_timer_is_started_paused_resumed_and_cancelled_on_the_page(
    page: ServedPage, browser: WebBrowser
) -> None:
    browser.open(f"{page.address}/timers")
    say(browser, "set a timer for ten minutes")
    assert "Understood" in browser.until("document.querySelector('#became .intent')?.innerText")
    browser.until("document.querySelector('#timers-list .left')?.innerText.match(/^9:5/)")
    for press, phase in (("Pause", "paused"), ("Resume", "running")):
        button = "document.querySelector('#timers-list button[id^=time]')"
        assert browser.evaluate(f"{button}.innerText") == press
        browser.evaluate(f"{button}.focus()")
        browser.press("Enter")
        browser.until(f"document.querySelector('#timers-list .badge').innerText === '{phase}'")
        assert browser.evaluate("document.activeElement.id").startswith("time-")
    browser.evaluate("document.querySelector('#timers-list button[value=cancel]').click()")
    browser.until("document.getElementById('timers-list').innerText.includes('Nothing runs')")
    assert browser.console == []


def test_a_sentence_that_must_be_confirmed_does_nothing_before_a_yes_on_the_page(
    page: ServedPage, browser: WebBrowser
) -> None:
    browser.open(f"{page.address}/timers")
    for value, shown in (("no", ".cancelled"), ("yes", ".intent")):
        say(browser, "open the gate")
        asked = browser.until("document.querySelector('#became [role=alert]')?.innerText")
        assert "open the gate?" in asked
        browser.evaluate(f"document.querySelector('#became button[value={value}]').click()")
        assert browser.until(f"document.querySelector('#became {shown}')?.innerText")


def test_a_timer_that_is_not_there_or_cannot_be_paused_is_said_and_nothing_changes(
    page: ServedPage,
) -> None:
    asked = {"cookie": page.cookie(), "origin": page.address}
    for fields in ({"id": "nothing", "change": "cancel"}, {"id": "x", "change": "explode"}, {}):
        status, text, _ = page.ask("POST", "/timers/change", fields, **asked)
        assert status == 422
        assert 'role="alert"' in text
    said = {"text": "wake me up at 7 am"}
    assert page.ask("POST", "/timers/command", said, **asked)[0] == 200
    alarm = first_timer_id(page, asked["cookie"])
    status, text, _ = page.ask("POST", "/timers/change", {"id": alarm, "change": "pause"}, **asked)
    assert status == 422
    assert "only a timer can be paused" in text
    change = {"id": alarm, "change": "cancel"}
    assert page.ask("POST", "/timers/change", change, **asked)[0] == 200
    assert page.ask("POST", "/timers/stop", {"id": "nobody"}, **asked)[0] == 422


def test_a_viewer_sees_the_timers_and_changes_none(page: ServedPage, viewer_password: str) -> None:
    asked = {"cookie": page.cookie(viewer_password), "origin": page.address}
    assert page.ask("GET", "/timers", cookie=asked["cookie"])[0] == 200
    for path in ("/timers/change", "/timers/stop", "/timers/command", "/timers/confirm"):
        assert page.ask("POST", path, {"text": "set a timer for ten minutes"}, **asked)[0] == 403
    _, text, _ = page.ask("GET", "/timers/list", cookie=asked["cookie"])
    assert "Nothing runs" in text
    assert "<button" not in text


def test_the_board_is_shown_as_figures_and_charts_with_its_health_and_faults(
    page: ServedPage, browser: WebBrowser
) -> None:
    browser.open(f"{page.address}/board")
    text = browser.until("document.getElementById('board-now').innerText")
    for shown in ("Memory in use", "Broker", "connected", "Requests that wait"):
        assert shown in text
    browser.until("document.querySelectorAll('#board-charts figure').length === 6")
    cookie = page.cookie()
    # A point is there when its step of ten seconds is over.
    while "<polyline" not in page.ask("GET", "/board/charts", cookie=cookie)[1]:
        time.sleep(0.5)
    browser.open(f"{page.address}/board")
    drawn = "document.querySelector('#board-charts svg[role=img]')?.getBoundingClientRect()"
    assert browser.until(f"{drawn}?.width > 0")
    assert "lowest" in browser.evaluate("document.querySelector('svg').getAttribute('aria-label')")
    browser.evaluate("document.querySelector('main nav a:last-child').click()")
    browser.until("location.search === '?span=day'")
    assert browser.until("document.querySelector('a[href=\"board?span=day\"]').ariaCurrent")
    assert page.ask("GET", "/board?span=century", cookie=cookie)[0] == 422
    assert browser.console == []


def test_the_log_comes_live_is_escaped_and_is_filtered_by_level(
    page: ServedPage, browser: WebBrowser
) -> None:
    browser.open(f"{page.address}/log")
    browser.until("document.getElementById('lines').innerText.includes('the owner logged in')")
    asked = {"cookie": page.cookie(), "origin": page.address}
    page.ask("POST", "/timers/change", {"id": "x", "change": "cancel"}, **asked)
    browser.until("document.getElementById('lines').innerText.includes('/timers/change')")
    with contextlib.suppress(AssertionError):
        page.cookie("<b>wrong</b>")
    browser.open(f"{page.address}/log?level=warning")
    browser.until("document.getElementById('lines').innerText.includes('a wrong password')")
    text = browser.evaluate("document.getElementById('lines').innerText")
    assert "logged in" not in text
    assert page.ask("GET", "/log?level=everything", cookie=asked["cookie"])[0] == 422
    assert browser.console == []


def test_a_support_bundle_is_downloaded_by_the_owner_and_by_nobody_else(
    page: ServedPage, browser: WebBrowser, viewer_password: str, tmp_path: Path
) -> None:
    viewer = page.cookie(viewer_password)
    assert page.ask("POST", "/log/bundle", {}, cookie=viewer, origin=page.address)[0] == 403
    browser.call("Page.setDownloadBehavior", behavior="allow", downloadPath=str(tmp_path))
    browser.open(f"{page.address}/log")
    browser.evaluate("document.querySelector('#bundle button').click()")
    (archive,) = until(lambda: list(tmp_path.glob("*.tar.gz")), seconds=60.0)
    with tarfile.open(archive) as opened:
        names = {Path(member.name).name for member in opened.getmembers()}
        recent = opened.extractfile(
            next(one for one in opened.getmembers() if one.name.endswith("recent-log.txt"))
        )
        assert recent is not None
        assert "the owner logged in from 127.0.0.1" in recent.read().decode()
    assert {"versions.json", "config.json", "check.json", "log.txt", "recent-log.txt"} <= names
    assert browser.console == []


def test_a_model_is_pulled_with_its_progress_and_one_that_is_not_there_is_explained(
    page: ServedPage, browser: WebBrowser, hub: ModelHub
) -> None:
    browser.open(f"{page.address}/models")
    of_row = f"document.getElementById('pull-{PULLED}')"
    assert "not installed" in browser.evaluate(f"{of_row}.closest('article').innerText")
    hub.content, complete = b"", hub.content
    browser.evaluate(f"{of_row}.click()")
    browser.until("document.querySelector('#models-list .failed .problem')?.innerText")
    hub.content = complete
    browser.evaluate(f"{of_row}.click()")
    browser.until("document.querySelector('#models-list .good')?.innerText.includes('SHA-256')")
    browser.until(f"!{of_row}")
    listed = page.daemon.command("models", "list", "--json").stdout
    states = {one["name"]: one["state"] for one in json.loads(listed)["models"]}
    assert states[PULLED] == "ready"
    assert browser.console == []


def test_another_installed_model_is_used_after_a_restart_and_that_is_put_back(
    page: ServedPage, browser: WebBrowser
) -> None:
    before = page.daemon.config.read_text()
    browser.open(f"{page.address}/models")
    browser.evaluate("document.getElementById('use-whisper-base').click()")
    shown = browser.until("document.querySelector('#saved .good') && saved.innerText")
    assert "speech.model" in shown
    assert 'model = "whisper-base"' in page.daemon.config.read_text()
    browser.evaluate("document.querySelector('#saved form button').click()")
    browser.until("document.querySelector('#saved [data-reload]') !== null")
    assert page.daemon.config.read_text() == before
    assert browser.console == []


def test_the_terms_of_a_model_are_accepted_before_it_is_pulled(page: ServedPage) -> None:
    asked = {"cookie": page.cookie(), "origin": page.address}
    status, text, _ = page.ask("POST", "/models/pull", {"name": "llama-3.2-1b-instruct"}, **asked)
    assert status == 422
    assert "Accept the terms" in text
    for name in ("--help", "../../etc", ""):
        status, text, _ = page.ask("POST", "/models/pull", {"name": name}, **asked)
        assert status == 422


def test_a_measurement_goes_on_without_the_browser_and_is_stopped_by_its_button(
    page: ServedPage, browser: WebBrowser
) -> None:
    browser.open(f"{page.address}/models")
    browser.evaluate("document.getElementById('bench').click()")
    browser.until("document.getElementById('stop') !== null")
    asked = {"cookie": page.cookie(), "origin": page.address}
    assert page.ask("POST", "/models/bench", {}, **asked)[0] == 409
    browser.open(f"{page.address}/models")
    browser.until("document.getElementById('bench').disabled")
    browser.evaluate("document.getElementById('stop').click()")
    browser.until("document.getElementById('models-list').innerText.includes('It was stopped')")
    assert browser.console == []


def announce(broker_port: int, component: str, name: str) -> None:
    """A device announces itself, and says that it is off."""
    topic = f"{component}/{name}".replace(" ", "_")
    about = {"name": name, "uniq_id": topic, "cmd_t": f"{topic}/set", "stat_t": topic}
    with MqttClient(broker_port, "nothing") as client:
        client.publish(f"homeassistant/{component}/{component}/config", json.dumps(about))


def test_a_device_gets_another_name_and_room_on_the_page_and_is_understood_by_them(
    page: ServedPage, browser: WebBrowser, broker_port: int
) -> None:
    announce(broker_port, "light", "Kitchen ceiling")
    announce(broker_port, "lock", "Front door")
    cookie = page.cookie()
    until(lambda: "Front door" in page.ask("GET", "/devices", cookie=cookie)[1], seconds=30.0)
    browser.open(f"{page.address}/devices?search=ceiling")
    assert browser.evaluate("document.querySelectorAll('main article').length") == 1
    browser.evaluate("document.querySelector('summary').focus()")
    browser.press("Enter")
    for field, value in (("name", "Sun"), ("aliases", "big lamp, old lamp"), ("area", "Attic")):
        browser.evaluate(f"document.querySelector('input[name={field}]').focus()")
        browser.type(value)
    browser.evaluate("document.querySelector('button[id^=save]').click()")
    assert "Saved" in browser.until("document.querySelector('article .good')?.innerText")
    assert browser.evaluate("document.querySelector('article h3').innerText") == "Sun"
    text = (page.daemon.folder / "devices.yaml").read_text()
    assert "# My own comment." in text
    assert '"Attic"' in text

    def understood() -> bool:
        fields = {"text": "turn on the old lamp"}
        asked = page.ask("POST", "/try/text", fields, cookie=cookie, origin=page.address)
        return "HassTurnOn" in asked[1]

    until(understood, seconds=60.0)
    assert browser.console == []


def test_another_name_of_a_device_is_taught_by_a_click_and_taken_back(
    page: ServedPage, browser: WebBrowser
) -> None:
    asked = {"cookie": page.cookie(), "origin": page.address}

    def meaning(text: str) -> str:
        return page.ask("POST", "/try/text", {"text": text}, **asked)[1]

    assert "HassTurnOn" not in meaning("turn on the shining thing")
    browser.open(f"{page.address}/teach?said=turn%20on%20the%20shining%20thing")
    browser.until("document.activeElement.id === 'meant'")
    browser.evaluate("document.getElementById('meant').select()")
    browser.type("turn on the old lamp")
    browser.evaluate("document.querySelector('button[formaction=\"teach/alias\"]').click()")
    browser.until("document.querySelector('#saved .good + .good')?.innerText.includes('in use')")
    assert "name=Sun" in meaning("turn on the shining thing")
    text = (page.daemon.folder / "devices.yaml").read_text()
    assert "# My own comment." in text
    assert '"shining thing"' in text
    browser.evaluate("document.querySelector('#saved button').click()")
    browser.until("document.querySelectorAll('#saved p').length === 1")
    assert "HassTurnOn" not in meaning("turn on the shining thing")
    assert "shining" not in (page.daemon.folder / "devices.yaml").read_text()
    assert browser.console == []


def test_what_is_wrong_about_a_device_is_said_and_the_file_stays(
    page: ServedPage, viewer_password: str, broker_port: int
) -> None:
    asked = {"cookie": page.cookie(), "origin": page.address}
    announce(broker_port, "lock", "Front door")
    until(lambda: "Front door" in page.ask("GET", "/devices", cookie=asked["cookie"])[1])
    _, shown, _ = page.ask("GET", "/devices", cookie=asked["cookie"])
    key = re.findall(r'name="key" value="([^"]+)"', shown)[0]
    before = (page.daemon.folder / "devices.yaml").read_text()
    for fields, status in (
        ({"key": "nobody"}, 404),
        ({"key": key, "name": "x" * 200}, 422),
        ({"key": key, "aliases": ",".join("abcdefghijklmnopqrstuvwxyz")}, 422),
        ({"key": key, "confirm": "perhaps"}, 422),
    ):
        assert page.ask("POST", "/devices/change", fields, **asked)[0] == status, fields
    viewer = page.cookie(viewer_password)
    fields = {"key": key, "hide": "yes"}
    assert page.ask("POST", "/devices/change", fields, cookie=viewer, origin=page.address)[0] == 403
    assert (
        '<form method="post" action="devices/change"'
        not in page.ask("GET", "/devices", cookie=viewer)[1]
    )
    assert (page.daemon.folder / "devices.yaml").read_text() == before


def test_nothing_of_this_is_done_without_a_session_from_elsewhere_or_by_get(
    page: ServedPage,
) -> None:
    cookie = page.cookie()
    shown = ("/timers", "/timers/list", "/board", "/board/now", "/board/charts", "/models")
    for path in (*shown, "/models/list", "/devices", "/log", "/log/events", "/alive"):
        assert page.ask("GET", path)[0] == 401, path
    done = ("/timers/change", "/timers/stop", "/timers/command", "/timers/confirm", "/log/bundle")
    for path in (*done, "/models/pull", "/models/bench", "/models/stop", "/devices/change"):
        assert page.ask("POST", path, {}, origin=page.address)[0] == 401, path
        assert page.ask("POST", path, {}, cookie=cookie, origin="http://evil.example")[0] == 403
        assert page.ask("GET", path, cookie=cookie)[0] == 405, path


def test_a_page_without_events_notices_a_kill_keeps_what_is_typed_and_follows_a_link_afterwards(
    page: ServedPage, browser: WebBrowser
) -> None:
    browser.open(f"{page.address}/try")
    browser.until("document.activeElement.id === 'text'")
    browser.type("turn on")
    page.daemon.kill()
    browser.until("!document.getElementById('away').hidden")
    browser.evaluate("document.querySelector('nav a[href=timers]').click()")
    browser.evaluate("document.querySelector('header form button').click()")
    assert browser.evaluate("location.pathname") == "/try"
    assert browser.evaluate("document.getElementById('text').value") == "turn on"
    page.daemon.start()
    browser.until("location.pathname === '/timers' && document.readyState === 'complete'")
    say(browser, "set a timer for ten minutes")
    browser.until("document.querySelector('#timers-list .left')?.innerText.match(/^9:5/)")
