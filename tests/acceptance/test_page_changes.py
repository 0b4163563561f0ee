"""An owner changes what is understood on the page, in a real browser, and it is in use at once."""

from __future__ import annotations

import http.client
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.browser import WebBrowser
from support.daemon_process import SAMPLES
from support.served_page import ServedPage, served_page
from support.waiting import until

FOUNTAIN = "intents:\n  StartFountain:\n    data:\n      - sentences: [start the fountain]\n"


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory, models_directory: Path) -> Iterator[ServedPage]:
    own = {"included": False}  # a smaller grammar is in use sooner
    folder = tmp_path_factory.mktemp("page")
    kept = {"keep": True}
    with served_page(folder, models_directory, sentences=own, clips=kept) as served:
        yield served


@pytest.fixture(scope="module")
def browser(page: ServedPage) -> Iterator[WebBrowser]:
    with WebBrowser() as opened:
        page.log_in(opened)
        yield opened


def understood(page: ServedPage, text: str) -> str:
    """The intent that Try shows for a sentence; empty if there is none."""
    sent = {"cookie": page.cookie(), "origin": page.address}
    shown = page.ask("POST", "/try/text", {"text": text}, **sent)[1]
    assert "badge" in shown, shown
    return "".join(re.findall("<code>(.*?)</code>", shown))


def test_an_own_sentence_is_written_tried_saved_and_understood(
    page: ServedPage, browser: WebBrowser
) -> None:
    browser.open(f"{page.address}/sentences")
    browser.evaluate("document.getElementById('new').focus()")
    browser.type("garden")
    browser.press("Enter")
    browser.until("document.getElementById('checked')?.innerText.includes('No mistake')")
    browser.evaluate("document.getElementById('tried').focus()")
    browser.type("run the fountain for 5 minutes")
    shown = browser.until(
        "document.getElementById('checked').innerText.includes('StartFountain') && "
        "document.getElementById('checked').innerText"
    )
    assert "fountain_minutes=5" in shown
    assert "StartFountain" not in understood(page, "run the fountain for 5 minutes")
    browser.evaluate("document.querySelector('#editor button:not([type])').focus()")
    browser.press("Enter")
    browser.until("location.search.includes('saved')")
    assert "StartFountain" in understood(page, "run the fountain for 5 minutes")
    assert "HassTurnOn" in understood(page, "turn on the kitchen light")
    assert (page.daemon.state / "sentences" / "en" / "garden.yaml").exists()
    assert browser.console == []


def test_a_sentence_is_added_without_seeing_a_file(page: ServedPage, browser: WebBrowser) -> None:
    browser.open(f"{page.address}/sentences")
    browser.until("document.activeElement.id === 'sentence'")
    browser.type("water the (garden|lawn) [please]")
    browser.press("Tab")
    browser.type("WaterGarden")
    browser.press("Enter")
    browser.until("document.querySelector('#saved .good')?.innerText.includes('in use')")
    assert "WaterGarden" in understood(page, "water the lawn please")
    browser.evaluate("document.getElementById('sentence').value = 'water ('")
    browser.evaluate("document.querySelector('form[action=\"sentences/add\"]').requestSubmit()")
    browser.until("document.querySelector('#saved .problem') !== null")
    assert "WaterGarden" in understood(page, "water the garden")
    browser.console.clear()  # 422 of what was wrong


def test_a_mistake_is_shown_at_its_line_and_is_not_saved(
    page: ServedPage, browser: WebBrowser
) -> None:
    path = page.daemon.state / "sentences" / "en" / "garden.yaml"
    before = path.read_text()
    browser.open(f"{page.address}/sentences?file=en%2Fgarden.yaml")
    browser.evaluate(
        "text.value = text.value.replaceAll('{fountain_minutes}', '{nothing}');"
        "text.dispatchEvent(new Event('input'))"
    )
    browser.until("document.querySelector('#checked [data-line]')?.dataset.line === '8'")
    assert browser.evaluate("lines.children[7].className") == "problem"
    browser.evaluate("document.querySelector('#checked [data-line]').click()")
    chosen = "text.value.slice(text.selectionStart, text.selectionEnd)"
    assert "{nothing}" in browser.evaluate(chosen)
    browser.evaluate("editor.requestSubmit()")
    browser.until("document.querySelector('#saved .problem')?.innerText.includes('cannot be used')")
    assert path.read_text() == before
    browser.evaluate("text.value = text.defaultValue")
    assert all("422" in error for error in browser.console)
    browser.console.clear()


def test_a_save_is_undone_with_one_click(page: ServedPage, browser: WebBrowser) -> None:
    path = page.daemon.state / "sentences" / "en" / "garden.yaml"
    before = path.read_text()
    browser.open(f"{page.address}/sentences?file=en%2Fgarden.yaml")
    browser.evaluate("text.value = text.value.replace('(start|run)', '(start|run|open)')")
    browser.evaluate("editor.requestSubmit()")
    browser.until("document.querySelector('#saved button') !== null")
    assert "StartFountain" in understood(page, "open the fountain")
    browser.evaluate("document.querySelector('#saved button').click()")
    browser.until("location.search.includes('saved')")
    assert path.read_text() == before
    assert "StartFountain" not in understood(page, "open the fountain")


def test_a_file_is_removed_and_put_back(page: ServedPage, browser: WebBrowser) -> None:
    browser.open(f"{page.address}/sentences?file=en%2Fgarden.yaml")
    browser.evaluate("document.querySelector('form[action=\"sentences/remove\"]').requestSubmit()")
    browser.until("location.search.includes('saved') && text.value === ''")
    assert "StartFountain" not in understood(page, "start the fountain")
    browser.evaluate("document.querySelector('form[action=\"sentences/restore\"]').requestSubmit()")
    browser.until("location.search.includes('saved') && text.value.includes('StartFountain')")
    assert "StartFountain" in understood(page, "start the fountain")


def test_what_was_not_understood_is_taught_and_taken_back(
    page: ServedPage, browser: WebBrowser
) -> None:
    assert "HassTurnOn" not in understood(page, "kitchen light on pretty now")
    browser.open(f"{page.address}/teach")
    shown = browser.until("document.querySelector('article')?.innerText")
    assert "kitchen light on pretty now" in shown
    browser.evaluate("document.querySelector('article a').click()")
    browser.until("document.getElementById('said')?.value === 'kitchen light on pretty now'")
    browser.until("document.activeElement.id === 'meant'")
    browser.evaluate("document.getElementById('meant').select()")
    browser.type("turn on the kitchen light")
    browser.press("Enter")
    browser.until("document.querySelector('#saved .good')?.innerText.includes('area=kitchen')")
    assert "HassTurnOn" in understood(page, "kitchen light on pretty now")
    assert "HassTurnOn" not in understood(page, "bathroom light on pretty now")
    browser.evaluate("document.querySelector('#saved button').click()")
    browser.until("document.querySelectorAll('#saved p').length === 1")
    assert "HassTurnOn" not in understood(page, "kitchen light on pretty now")
    assert browser.console == []


def test_another_name_of_a_room_is_taught_with_one_click_and_taken_back(
    page: ServedPage, browser: WebBrowser
) -> None:
    said = "turn on the lights in the kitchenette"
    assert "HassTurnOn" not in understood(page, said)
    browser.open(f"{page.address}/teach")
    button = browser.until(
        "[...document.querySelectorAll('article button')]"
        ".find((one) => one.innerText.includes('another name of kitchen'))?.innerText"
    )
    assert "kitchenette" in button
    browser.evaluate(
        "[...document.querySelectorAll('article button')]"
        ".find((one) => one.innerText.includes('another name of kitchen')).click()"
    )
    browser.until("document.querySelector('#saved .good + .good')?.innerText.includes('in use')")
    assert "area=kitchen" in understood(page, said)
    assert "area=kitchen" in understood(page, "turn off the lights in the kitchenette")
    browser.evaluate("document.querySelector('#saved button').click()")
    browser.until("document.querySelectorAll('#saved p').length === 1")
    assert "HassTurnOn" not in understood(page, said)
    assert browser.console == []


def test_what_was_heard_can_be_played_and_kept_as_an_example(
    page: ServedPage, browser: WebBrowser
) -> None:
    client = http.client.HTTPConnection("127.0.0.1", page.port, timeout=60)
    sent = {"cookie": page.cookie(), "origin": page.address}
    client.request("POST", "/try/sound", (SAMPLES / "kitchen_light.flac").read_bytes(), sent)
    assert "HassTurnOn" in client.getresponse().read().decode()
    client.close()
    browser.open(f"{page.address}/live")
    link = browser.until("document.querySelector('#results a[href*=\"&id=\"]')?.href")
    sound = browser.evaluate("document.querySelector('#results audio').src")
    heard = page.ask("GET", sound.removeprefix(page.address), cookie=sent["cookie"])
    assert (heard[0], heard[2]["content-type"]) == (200, "audio/wav")
    browser.open(link)
    browser.until("document.activeElement.id === 'meant'")
    browser.evaluate("document.getElementById('meant').select()")
    browser.type("turn on the kitchen light")
    browser.evaluate("document.querySelector('button[formaction=\"examples/add\"]').click()")
    browser.until("document.querySelector('#saved .good')?.innerText.includes('area=kitchen')")
    assert "area=kitchen" in page.daemon.command("clips", "list").stdout
    assert browser.console == []


def test_examples_are_measured_and_calibrated_with_before_and_after_and_deleted(
    page: ServedPage, browser: WebBrowser
) -> None:
    before = page.daemon.config.read_text()
    browser.open(f"{page.address}/examples")
    browser.until("document.querySelectorAll('#examples-list article').length === 1")
    for number, name in enumerate(("evaluate", "calibrate"), 1):
        browser.evaluate(f"document.getElementById('{name}').click()")
        browser.until(f"document.querySelectorAll('table.compared').length === {number}")
    shown = [
        browser.evaluate(f"document.querySelectorAll('table.compared')[{one}].innerText").split()
        for one in (0, 1)
    ]
    assert shown[0][shown[0].index("Right") + 2] == "1"
    assert shown[1][shown[1].index("Right") + 1 : shown[1].index("Right") + 3] == ["1", "1"]
    browser.evaluate("document.getElementById('apply').click()")
    browser.until("document.querySelector('#saved .good') !== null")
    assert "calibration" in page.daemon.config.read_text()
    browser.evaluate("document.querySelector('#saved form').requestSubmit()")
    until(lambda: page.daemon.config.read_text() == before)
    browser.open(f"{page.address}/examples")
    browser.evaluate("document.querySelector('#examples-list article button').click()")
    browser.until("document.querySelectorAll('#examples-list article').length === 0")
    assert page.daemon.command("clips", "list").stdout == ""
    assert browser.console == []


def test_only_one_command_that_is_understood_can_be_taught(page: ServedPage) -> None:
    sent = {"cookie": page.cookie(), "origin": page.address}

    def teach(said: str, meant: str) -> tuple[int, str]:
        status, text, _ = page.ask(
            "POST", "/teach/sentence", {"said": said, "meant": meant}, **sent
        )
        return status, text

    for said, meant in [
        ("make it cosy", "paint the fence"),
        ("", "turn on the kitchen light"),
        ("make it cosy", "turn on the kitchen light and turn off the bedroom light"),
    ]:
        assert teach(said, meant)[0] == 422, said
    for fields in (
        {"said": "make it cosy", "meant": "turn on the kitchen light"},
        {"alias": "bedroom", "value": "area:kitchen"},
        {"alias": "(((", "value": "area:kitchen"},
        {"alias": "x" * 61, "value": "area:kitchen"},
        {"alias": "galley", "value": "area:nowhere"},
        {"alias": "galley", "value": "nothing"},
        {},
    ):
        assert page.ask("POST", "/teach/alias", fields, **sent)[0] == 422, fields
    gone = {"alias": "galley", "key": "nobody"}
    assert page.ask("POST", "/teach/alias/undo", gone, **sent)[0] == 422
    assert not (page.daemon.state / "sentences" / "en" / "taught.yaml").exists()


def test_a_setting_is_changed_checked_saved_and_undone(
    page: ServedPage, browser: WebBrowser
) -> None:
    before = page.daemon.config.read_text()
    browser.open(f"{page.address}/settings")
    browser.evaluate("document.querySelector('a[href=\"settings?section=telemetry\"]').click()")
    browser.until("document.getElementById('every_s')?.value === '5.0'")
    browser.evaluate("document.getElementById('every_s').value = '7'")
    browser.evaluate("document.getElementById('settings').requestSubmit()")
    browser.until("document.querySelector('#saved .good')?.innerText.includes('Saved')")
    assert "every_s = 7" in page.daemon.config.read_text()
    until(lambda: "reloaded:" in page.daemon.said(), page.daemon.said())
    browser.evaluate("document.querySelector('#saved form').requestSubmit()")
    browser.until("document.getElementById('every_s')?.value === '5.0'")
    assert page.daemon.config.read_text() == before
    assert "the owner at 127.0.0.1 saved in config.toml: telemetry.every_s" in page.daemon.said()


def test_a_wrong_setting_is_not_saved_and_a_restart_is_named(
    page: ServedPage, browser: WebBrowser
) -> None:
    before = page.daemon.config.read_text()
    browser.open(f"{page.address}/settings?section=mqtt")
    browser.evaluate("document.getElementById('port').value = '99999999'")
    browser.evaluate("document.getElementById('settings').requestSubmit()")
    shown = browser.until("document.querySelector('#saved .problem')?.parentElement.innerText")
    assert "mqtt.port" in shown
    browser.evaluate("document.getElementById('port').value = '1999'")
    browser.evaluate("document.querySelector('button[formaction]').click()")
    browser.until("document.querySelector('#saved .good')?.innerText")
    assert "mqtt.port" in browser.evaluate(
        "document.querySelector('#saved strong').parentElement.innerText"
    )
    assert page.daemon.config.read_text() == before
    browser.console.clear()  # 422 of what was wrong


def test_only_the_owner_saves_and_every_change_is_logged_with_who(page: ServedPage) -> None:
    sent = {"cookie": page.cookie(), "origin": page.address}
    fields = {"file": "en/pond.yaml", "text": FOUNTAIN.replace("Fountain", "Pond"), "digest": ""}
    assert page.ask("POST", "/sentences/save", fields, cookie=sent["cookie"])[0] == 403
    assert page.ask("POST", "/sentences/save", {**fields, "file": "../x.yaml"}, **sent)[0] == 422
    assert page.ask("POST", "/sentences/save", {**fields, "text": "a: ["}, **sent)[0] == 422
    assert page.ask("POST", "/sentences/check", fields, **sent)[0] == 200
    assert page.ask("GET", "/sentences/save", cookie=sent["cookie"])[0] == 405
    assert page.ask("GET", "/sentences?file=../../config.toml", cookie=sent["cookie"])[0] == 200
    assert not (page.daemon.state / "sentences" / "en" / "pond.yaml").exists()
    said = page.daemon.said()
    assert "page: the owner at 127.0.0.1 asked for /sentences/save: status 422" in said
    made = page.daemon.command("page", "password", "--role", "viewer").stdout.strip()
    page.password = page.daemon.command("page", "password").stdout.strip()
    viewer = {"cookie": page.cookie(made), "origin": page.address}
    assert "/sentences/check" not in said
    changes = (
        "sentences/check",
        "sentences/save",
        "sentences/add",
        "sentences/restore",
        "sentences/remove",
        "teach/sentence",
        "teach/alias",
        "teach/alias/undo",
        "examples/add",
        "examples/remove",
        "examples/evaluate",
        "examples/calibrate",
        "examples/stop",
    )
    for path in (*changes, "settings/check", "settings/save", "settings/restore"):
        assert page.ask("POST", f"/{path}", fields, **viewer)[0] == 403
        assert page.ask("GET", f"/{path}", None, **viewer)[0] == 405
        assert page.ask("POST", f"/{path}", fields)[0] == 403
