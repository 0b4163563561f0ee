"""An owner uses the page in a real browser; what comes from elsewhere is refused."""

from __future__ import annotations

import gzip
import http.client
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.browser import WebBrowser
from support.daemon_process import SAMPLES
from support.prefix_proxy import prefix_proxy
from support.served_page import ServedPage, served_page
from support.waiting import until

from appliance.audio.decoder_process import decode_recording
from appliance.clips.recent_recordings import wav_of

SPEECH_MODEL = "whisper-tiny.en"
LARGEST_FIRST_LOAD_BYTES = 100_000


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory, models_directory: Path) -> Iterator[ServedPage]:
    with served_page(tmp_path_factory.mktemp("page"), models_directory) as served:
        yield served


@pytest.fixture
def browser() -> Iterator[WebBrowser]:
    with WebBrowser() as opened:
        yield opened


def test_a_sentence_is_tried_and_shown_live_with_keyboard_alone(
    page: ServedPage, browser: WebBrowser
) -> None:
    page.log_in(browser)
    browser.open(f"{page.address}/try")
    browser.until("document.activeElement.id === 'text'")
    browser.type("turn on the kitchen light")
    browser.press("Enter")
    shown = browser.until("document.querySelector('#answer .intent')?.innerText")
    assert "Understood" in shown
    assert "only tried, not done" in shown
    browser.evaluate("document.getElementById('text').select()")
    browser.type("<b>paint the fence</b>")
    browser.press("Enter")
    shown = browser.until("document.querySelector('#answer .not_understood')?.innerText")
    assert "<b>paint the fence</b>" in shown
    browser.open(f"{page.address}/live")
    assert browser.until("document.querySelectorAll('#results article').length >= 2")
    assert browser.until("document.getElementById('activity').textContent === 'Waiting'")
    assert browser.console == []


def test_a_recording_is_tried_and_what_is_no_recording_is_refused(
    page: ServedPage, browser: WebBrowser, tmp_path: Path
) -> None:
    page.log_in(browser)
    browser.open(f"{page.address}/try")
    browser.choose_file("#file", SAMPLES / "kitchen_light.flac")
    shown = browser.until("document.querySelector('#answer .intent')?.innerText")
    assert "turn on the kitchen light" in shown.lower()
    broken = tmp_path / "broken.wav"
    broken.write_bytes(b"RIFF nothing")
    browser.choose_file("#file", broken)
    assert browser.until("document.querySelector('#answer .problem')?.innerText")


def test_what_is_said_to_the_browsers_microphone_is_understood_and_not_done(
    page: ServedPage, tmp_path: Path
) -> None:
    said = tmp_path / "said.wav"
    said.write_bytes(wav_of(decode_recording(SAMPLES / "kitchen_light.flac", maximum_seconds=60.0)))
    microphone = (
        "--use-fake-ui-for-media-stream",
        "--use-fake-device-for-media-stream",
        f"--use-file-for-fake-audio-capture={said}%noloop",
    )
    with WebBrowser(*microphone) as browser:
        page.log_in(browser)
        browser.open(f"{page.address}/try")
        browser.evaluate("document.getElementById('record').click()")
        browser.until("document.getElementById('record').getAttribute('aria-pressed') === 'true'")
        time.sleep(4.0)  # the sentence
        browser.evaluate("document.getElementById('record').click()")
        shown = browser.until("document.querySelector('#answer .intent')?.innerText")
        assert "turn on the kitchen light" in shown.lower()
        assert "only tried, not done" in shown


def test_the_page_says_that_the_appliance_is_away_and_comes_back_by_itself(
    page: ServedPage, browser: WebBrowser
) -> None:
    page.log_in(browser)
    browser.until("document.getElementById('activity').textContent === 'Waiting'")
    page.daemon.signal(signal.SIGKILL)
    page.daemon.status()
    assert "does not answer" in browser.until(
        "!document.getElementById('away').hidden && document.getElementById('away').innerText"
    )
    page.daemon.start()
    browser.until("document.getElementById('away').hidden")
    assert browser.evaluate("location.pathname") == "/live"


def test_behind_a_reverse_proxy_all_of_it_works_below_its_prefix(
    page: ServedPage, browser: WebBrowser
) -> None:
    with prefix_proxy(page.port, "/home/voice/") as address:
        browser.open(address)
        browser.until("document.activeElement.id === 'password'")
        browser.type(page.password)
        browser.press("Enter")
        browser.until("location.pathname === '/home/voice/live'")
        browser.until("document.getElementById('activity').textContent === 'Waiting'")
        browser.evaluate("document.querySelector('nav a[href=try]').click()")
        browser.until("document.activeElement.id === 'text'")
        browser.type("turn on the kitchen light")
        browser.press("Enter")
        assert "Understood" in browser.until("document.querySelector('#answer .intent')?.innerText")
        browser.evaluate("document.querySelector('header form button').click()")
        browser.until("location.pathname === '/home/voice/login'")
        assert browser.console == []


def test_a_phone_in_german_sees_german_and_nothing_is_wider_than_its_screen(
    page: ServedPage,
) -> None:
    with WebBrowser("--lang=de", "--accept-lang=de", width=360, height=740) as phone:
        phone.call(
            "Emulation.setDeviceMetricsOverride",
            width=360,
            height=740,
            deviceScaleFactor=2,
            mobile=True,
        )
        page.log_in(phone)
        for name in ("live", "try"):
            phone.open(f"{page.address}/{name}")
            assert phone.evaluate("document.documentElement.lang") == "de"
            wide = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
            assert phone.evaluate(wide) == 0


def test_without_a_session_nothing_but_the_login_is_shown(page: ServedPage) -> None:
    for method, path in [
        *(("GET", path) for path in ("/live", "/live/events", "/try")),
        *(("POST", path) for path in ("/try/text", "/try/sound")),
    ]:
        status, text, _ = page.ask(method, path, {}, origin=page.address)
        assert status == 401, path
        assert text == "log in first"
    assert page.ask("GET", "/live", cookie="appliance_session=guessed")[0] == 401


def test_another_site_can_change_nothing_and_another_name_sees_nothing(page: ServedPage) -> None:
    cookie = page.cookie()
    fields = {"text": "turn on the kitchen light"}
    for origin in ("http://evil.example", "null", f"http://127.0.0.1:{page.port + 1}"):
        assert page.ask("POST", "/try/text", fields, cookie=cookie, origin=origin)[0] == 403
    assert page.ask("POST", "/try/text", fields, cookie=cookie)[0] == 403
    assert page.ask("GET", "/live", cookie=cookie, host="evil.example")[0] == 421
    assert page.ask("POST", "/try/text", fields, cookie=cookie, origin=page.address)[0] == 200


def test_nothing_that_changes_can_be_done_by_get(page: ServedPage) -> None:
    cookie = page.cookie()
    for path in ("/logout", "/try/text", "/try/sound"):
        assert page.ask("GET", path, cookie=cookie)[0] == 405


def test_a_path_leads_nowhere_else(page: ServedPage) -> None:
    for path in ("/static/../access.py", "/static/..%2faccess.py", "/static/%2e%2e/access.py"):
        assert page.ask("GET", path)[0] == 404


def test_too_large_and_malformed_requests_are_refused(page: ServedPage) -> None:
    cookie = page.cookie()
    common = {"cookie": cookie, "origin": page.address}
    assert page.ask("POST", "/try/text", {"text": "x" * 1_100_000}, **common)[0] == 413
    assert page.ask("POST", "/try/text", {"text": "x" * 5_000}, **common)[0] == 422
    assert page.ask("POST", "/try/text", {"text": ""}, **common)[0] == 422
    assert page.ask("POST", "/try/text", {}, content_type="application/json", **common)[0] == 415
    assert page.ask("POST", "/try/sound", None, **common)[0] == 422


def test_after_logging_out_the_cookie_is_worth_nothing(page: ServedPage) -> None:
    cookie = page.cookie()
    assert page.ask("GET", "/live", cookie=cookie)[0] == 200
    assert page.ask("POST", "/logout", {}, cookie=cookie, origin=page.address)[0] == 303
    assert page.ask("GET", "/live", cookie=cookie)[0] == 401


def test_a_stream_of_what_is_said_ends_with_the_session(page: ServedPage) -> None:
    gone, other = page.cookie(), page.cookie()
    client = http.client.HTTPConnection("127.0.0.1", page.port, timeout=30)
    client.request("GET", "/live/events", headers={"cookie": gone})
    stream = client.getresponse()
    assert stream.readline() == b"event: start\n"
    assert page.ask("POST", "/logout", {}, cookie=gone, origin=page.address)[0] == 303
    fields = {"text": "a secret that is said later"}
    for _ in range(3):  # a stream looks once a second whether it may go on
        page.ask("POST", "/try/text", fields, cookie=other, origin=page.address)
        time.sleep(1.1)
    told = stream.read().decode()
    assert told.count("a secret that is said later") <= 1
    client.close()


def test_the_first_load_is_small(page: ServedPage) -> None:
    cookie = page.cookie()
    files = ("page.css", "page.js", "live.js", "icon.svg")
    paths = ("/live", *(f"/static/{name}" for name in files))
    texts = [page.ask("GET", path, cookie=cookie)[1].encode() for path in paths]
    assert all(texts)
    assert sum(map(len, texts)) < LARGEST_FIRST_LOAD_BYTES
    assert sum(len(gzip.compress(text)) for text in texts) < LARGEST_FIRST_LOAD_BYTES / 4


def test_wrong_passwords_are_logged_and_limited(page: ServedPage) -> None:
    statuses = [
        page.ask("POST", "/login", {"password": "wrong"}, origin=page.address)[0] for _ in range(7)
    ]
    assert statuses[0] == 403
    assert statuses[-1] == 429
    fields = {"password": page.password}
    assert page.ask("POST", "/login", fields, origin=page.address)[0] == 429
    until(lambda: "a wrong password from 127.0.0.1" in page.daemon.said(), page.daemon.said())
