"""Wishes are read as commands, and synonyms are tried where the grammar has only one of them."""

from __future__ import annotations

import pytest

from appliance.fallback.rephrasing import as_command, in_declared_words, other_ways
from appliance.text.normalise import words_of
from appliance.text.word_lists import word_lists_for


@pytest.mark.parametrize(
    ("language", "text", "command"),
    [
        ("en", "please make sure that the gate is locked", "the gate lock"),
        ("en", "I'd like the gate unlocked", "the gate unlock"),
        ("en", "i need a timer that is set for 5 minutes", "a timer for 5 minutes"),
        ("de", "stell sicher dass das Licht ausgeschaltet ist", "das licht ausschalten"),
        ("fr", "assure-toi que la porte soit fermée", "la porte ferme"),
        ("es", "quiero que la luz esté apagada", "la luz apaga"),
        ("it", "assicurati che la luce sia spenta", "la luce spegni"),
        ("nl", "zorg ervoor dat het licht uitgeschakeld is", "het licht uitschakelen"),
    ],
)
def test_a_wish_for_a_state_becomes_the_command_for_it(
    language: str, text: str, command: str
) -> None:
    assert as_command(words_of(text), word_lists_for(language)) == words_of(command)


@pytest.mark.parametrize(
    "text",
    [
        "the gate is locked",
        "is the gate locked",
        "who locked the gate",
        "i want to know if the gate is broken",
        "the kitchen light should be off",
    ],
)
def test_a_report_or_a_question_stays_what_it_is(text: str) -> None:
    assert as_command(words_of(text), word_lists_for("en")) == words_of(text)


def test_what_says_not_to_do_it_stays_in_a_wish() -> None:
    said = as_command(words_of("make sure the gate is not locked"), word_lists_for("en"))
    assert "not" in said


def test_a_question_about_now_loses_today_but_not_tomorrow() -> None:
    lists = word_lists_for("en")
    assert as_command(words_of("what's the weather today"), lists) == words_of("what's the weather")
    assert "tomorrow" in as_command(words_of("what's the weather tomorrow"), lists)
    assert "today" in as_command(words_of("turn on the light today"), lists)


def test_synonyms_are_tried_but_never_the_plural_of_a_thing() -> None:
    ways = {" ".join(way) for way in other_ways(words_of("lower the volume now"), EN)}
    assert {"lower the volume", "decrease the volume"} <= ways
    ways = {" ".join(way) for way in other_ways(words_of("turn off the light"), EN)}
    assert not any("lights" in way for way in ways)


def test_only_words_that_nobody_declared_are_replaced() -> None:
    declared = {"add", "milk", "to", "the", "shopping", "list", "colour"}
    said = in_declared_words("add colour to the grocery list", EN, declared)
    assert said == "add colour to the shopping list"


EN = word_lists_for("en")
