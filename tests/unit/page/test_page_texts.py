"""The page's languages: every text is there, and the browser's choice counts."""

from __future__ import annotations

import re
from importlib import resources

import pytest

from appliance.messages.timer_payloads import TimerKind, TimerPhase
from appliance.models.store import ModelState
from appliance.page.board_history import Measured, Span
from appliance.page.board_view import CHARTS
from appliance.page.examples_view import COMMANDS
from appliance.page.log_view import LEVELS
from appliance.page.page_texts import chosen_language, languages, texts
from appliance.page.web_templates import render, static_files
from appliance.values import Activity, MicrophoneState, Outcome, Pace, Result, Source, Trigger


def template_keys() -> set[str]:
    folder = resources.files("appliance.page") / "templates"
    return {
        key
        for template in folder.iterdir()
        for key in re.findall(r't\["([a-z_.]+)"\]', template.read_text("utf-8"))
    }


def facts_of_the_board() -> set[str]:
    template = resources.files("appliance.page") / "templates" / "board_now.html"
    names = re.findall(r'{{ (?:fact|yes_or_no)\("(\w+)"', template.read_text("utf-8"))
    return {f"board.fact.{name}" for name in names}


@pytest.mark.parametrize("language", ["en", "de"])
def test_every_text_of_the_templates_and_of_every_value_is_there(language: str) -> None:
    keys = template_keys()
    keys |= {f"activity.{one}" for one in Activity} | {f"outcome.{one}" for one in Outcome}
    keys |= {f"microphone.{one}" for one in MicrophoneState} | {f"source.{one}" for one in Source}
    keys |= {f"timers.kind.{one}" for one in TimerKind} | {f"timers.by.{one}" for one in Trigger}
    keys |= {f"timers.phase.{one}" for one in TimerPhase} | {
        f"timers.day.{one}" for one in range(7)
    }
    keys |= {f"board.line.{one}" for one in Measured} | {f"board.pace.{one}" for one in Pace}
    keys |= {f"board.{lines[0]}" for lines in CHARTS} | {f"board.axis.{one}" for one in Span}
    keys |= {f"log.level.{one}" for one in LEVELS}
    keys |= {f"devices.confirm.{one}" for one in ("kind", "yes", "no")}
    keys |= {f"devices.{one}" for one in ("hide", "never_by_voice", "read_only")}
    keys |= {f"models.state.{one}" for one in ModelState} | {
        "models.work.models",
        "models.work.bench",
    }
    keys |= {f"examples.work.{one}" for one in COMMANDS}
    keys |= {"models.task.speech-to-text", "models.task.language-model"}
    keys |= {f"board.span.{one}" for one in Span} | facts_of_the_board()
    assert keys - texts(language).keys() == set()


def test_each_language_has_the_same_texts_and_places_to_fill() -> None:
    english = texts("en")
    for language in languages():
        folder = resources.files("appliance.page") / "texts" / language
        own = "".join(file.read_text("utf-8") for file in folder.iterdir())
        assert set(re.findall(r'^"([^"]+)" =', own, re.MULTILINE)) == english.keys()
        for key, text in texts(language).items():
            assert re.findall(r"\{\w*\}", text) == re.findall(r"\{\w*\}", english[key])


@pytest.mark.parametrize(
    ("accepted", "default", "language"),
    [
        ("de-CH,de;q=0.9,en;q=0.8", "en", "de"),
        ("fr,de;q=0.4,en;q=0.9", "en", "en"),
        ("", "de-AT", "de"),
        ("", "nl", "en"),
        ("xx;q=nonsense, de", "en", "de"),
        ("../../etc", "en", "en"),
    ],
)
def test_the_browsers_first_known_language_is_used(
    accepted: str, default: str, language: str
) -> None:
    assert chosen_language(accepted, default) == language


def test_what_was_said_is_escaped() -> None:
    result = Result(
        id="1",
        source=Source.MQTT,
        trigger=Trigger.REQUEST,
        language="en",
        outcome=Outcome.NOT_UNDERSTOOD,
        text="<script>alert(1)</script>",
        reason='"><img src=x onerror=alert(1)>',
        at="now",
    )
    html = render(
        "result",
        t=texts("en"),
        language="en",
        owner=True,
        result=result,
        tried=False,
        kept=True,
    )
    assert "<script>" not in html
    assert "<img" not in html


def test_nothing_in_the_page_is_loaded_from_elsewhere_or_runs_inline() -> None:
    files = [content.decode() for content, _ in static_files().values()]
    folder = resources.files("appliance.page") / "templates"
    files += [one.read_text("utf-8") for one in folder.iterdir()]
    for content in files:
        assert not re.search(r"""(src|href|url)\s*[=(]\s*["']?(https?:)?//""", content)
        assert not re.search(r"<script(?![^>]*src=)|\son[a-z]+=\"|style=\"", content)
