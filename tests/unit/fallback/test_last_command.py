"""Texts that refer to the command before them, and those that only seem to."""

from __future__ import annotations

from typing import Any

import pytest
from support.sentences import sentence_set

from appliance.fallback.cascade import Cascade
from appliance.fallback.last_command import SPEAKERS, LastCommand, LastCommands
from appliance.sentences import sentence_set as sentence_files
from appliance.values import Intent

SENTENCES = sentence_files.load(None, "en")
CASCADE = Cascade()
KITCHEN = {"area": "kitchen", "domain": "light"}
BEDROOM = {"area": "bedroom", "domain": "light"}


def last(text: str) -> LastCommand:
    intent = SENTENCES.parse(text)
    assert intent is not None
    return LastCommand(text, intent)


def followed(text: str, after: str = "turn on the kitchen light") -> tuple[str, Any] | None:
    found = CASCADE.follow_up(text, last(after), SENTENCES)
    assert found is None or found.intent.by == "fuzzy"
    return None if found is None else (found.intent.name, found.intent.slots)


@pytest.mark.parametrize(
    "text", ["turn it off", "please turn it off again now", "turn that one off", "switch it off"]
)
@pytest.mark.parametrize("after", ["turn on the kitchen light", "turn on the light in the kitchen"])
def test_it_is_what_the_last_command_was_about(text: str, after: str) -> None:
    expected = None if "again" in text else ("HassTurnOff", KITCHEN)
    assert followed(text, after) == expected


def test_it_may_be_set_to_a_value() -> None:
    assert followed("set it to 20 percent") == ("HassLightSet", {**KITCHEN, "brightness": 20})


@pytest.mark.parametrize(
    ("text", "brightness"),
    [
        ("a bit brighter", 50),
        ("make it a little brighter please", 50),
        ("brighter", 60),
        ("make that darker", 20),
        ("still a bit dimmer", 30),
    ],
)
def test_a_step_changes_the_value_of_the_last_command_and_nothing_else(
    text: str, brightness: int
) -> None:
    after = "set the kitchen light to 40 percent"
    assert followed(text, after) == ("HassLightSet", {**KITCHEN, "brightness": brightness})


def test_a_step_ends_at_the_last_declared_value_and_turns_nothing_off() -> None:
    assert followed("brighter", "set the kitchen light to 95 percent") == (
        *("HassLightSet", {**KITCHEN, "brightness": 100}),
    )
    assert followed("brighter", "set the kitchen light to 100 percent") is None
    assert followed("darker", "set the kitchen light to 10 percent") == (
        *("HassLightSet", {**KITCHEN, "brightness": 1}),
    )


@pytest.mark.parametrize(
    ("text", "after"),
    [
        ("a bit brighter", "turn on the kitchen light"),
        ("a bit warmer", "set the kitchen light to 40 percent"),
        ("is it brighter", "set the kitchen light to 40 percent"),
        ("it is a bit brighter", "set the kitchen light to 40 percent"),
        ("not brighter", "set the kitchen light to 40 percent"),
        ("brighter tomorrow", "set the kitchen light to 40 percent"),
        ("the bedroom a bit brighter", "set the kitchen light to 40 percent"),
        ("a bit", "set the kitchen light to 40 percent"),
        ("brighter or darker", "set the kitchen light to 40 percent"),
    ],
)
def test_a_step_without_a_value_to_begin_from_or_with_other_words_does_nothing(
    text: str, after: str
) -> None:
    assert followed(text, after) is None


STEPS = {
    "de": ("stelle die Lampe auf 40 Prozent", "etwas heller", "noch etwas dunkler"),
    "es": ("pon la lámpara al 40", "un poco más brillante", "un poco menos brillante"),
    "fr": ("règle la lampe à 40", "un peu plus lumineux", "un peu plus sombre"),
    "it": ("imposta la lampada al 40", "un po' più luminosa", "un po' più scuro"),
    "nl": ("zet de lamp op 40", "iets feller", "een beetje donkerder"),
}


@pytest.mark.parametrize("language", sorted(STEPS))
def test_steps_are_known_in_each_language(language: str) -> None:
    command, more, less = STEPS[language]
    declared = sentence_set(
        {"Set": command.replace("40", "{brightness}")},
        lists={"brightness": {"range": {"from": 0, "to": 100}}},
        language=language,
    )
    intent = declared.parse(command)
    assert intent is not None
    for text, brightness in ((more, 50), (less, 30)):
        found = CASCADE.follow_up(text, LastCommand(command, intent), declared)
        assert found is not None, text
        assert found.intent.slots == {"brightness": brightness}


@pytest.mark.parametrize(
    "text", ["the same in the bedroom", "and in the bedroom", "also the bedroom", "and the bedroom"]
)
def test_the_same_is_done_in_another_room(text: str) -> None:
    assert followed(text) == ("HassTurnOn", BEDROOM)


@pytest.mark.parametrize(
    "text",
    [
        "is it on",
        "it is on",
        "don't turn it off",
        "turn it off tomorrow",
        "turn it off if it rains",
        "he turned it off",
        "turn it down",
        "cancel it",
        "what about the bedroom",
        "and in the bedroom tomorrow",
        "and not in the bedroom",
        "the same in the cellar tonight",
        "and the bedroom is cold",
        "the same",
        "it",
    ],
)
def test_a_question_a_report_or_another_command_about_it_does_nothing(text: str) -> None:
    assert followed(text) is None


def test_a_text_that_names_a_room_of_its_own_is_not_about_the_last_command() -> None:
    assert followed("turn it off in the bedroom") is None


def test_the_last_command_is_forgotten_after_a_minute_and_belongs_to_its_speaker() -> None:
    now = 0.0
    commands = LastCommands(lambda: now)
    intent = Intent("On", {"area": "kitchen"}, 1.0, "grammar")
    commands.note("ada", "turn on the kitchen light", intent)
    assert commands.of("bob") is None
    now = 60.0
    assert commands.of("ada") == LastCommand("turn on the kitchen light", intent)
    now = 60.1
    assert commands.of("ada") is None
    for number in range(SPEAKERS):
        commands.note(str(number), "text", intent)
    now = 60.2
    commands.note("ada", "text", intent)
    assert commands.of("0") is None
    assert commands.of("1") is not None


def test_a_state_or_a_colour_is_not_what_a_command_is_about() -> None:
    declared = sentence_set(
        {"On": "turn on [the] {name}", "Off": "turn [the] {name} off", "Ask": "is {name} {state}"},
        lists={"name": {"values": ["desk fan"]}, "state": {"values": ["on", "off"]}},
    )
    intent = declared.parse("turn on the desk fan")
    assert intent is not None
    found = CASCADE.follow_up("turn it off", LastCommand("turn on the desk fan", intent), declared)
    assert found is not None
    assert (found.intent.name, found.intent.slots) == ("Off", {"name": "desk fan"})
