"""What the model reads beside the operator's words is in the operator's language."""

from __future__ import annotations

import string
from datetime import datetime

import pytest
from support.scripted_engines import ScriptedLanguageModel
from support.sentences import sentence_set

from appliance.fallback.cascade import Cascade
from appliance.fallback.prompt_texts import parts_for
from appliance.sentences.sentence_set import SentenceSet

LANGUAGES = ("de", "en", "es", "fr", "it", "nl")
NOON = datetime(2026, 11, 23, 12, 5)  # noqa: DTZ001 (a wall clock's time)


def sentences(language: str, *texts: str) -> SentenceSet:
    return sentence_set({"Lamp": texts}, language=language)


def menu_of(declared: SentenceSet) -> str:
    cascade, model = Cascade(), ScriptedLanguageModel([])
    cascade.prepare(declared, model)
    return cascade._tools_for(declared).chooser.menu


@pytest.mark.parametrize("language", LANGUAGES)
def test_each_language_has_parts_of_its_own(language: str) -> None:
    parts, english = parts_for(language), parts_for("en")
    assert all((parts.headline, parts.none, parts.not_commands, parts.content_free))
    assert len(set(parts.wildcard_examples)) == 2
    assert len(set(parts.weekdays)) == 7
    assert len(set(parts.months)) == 12
    fields = {name for _, name, _, _ in string.Formatter().parse(parts.clock) if name}
    assert fields == {"weekday", "day", "month", "year", "time"}
    assert (parts.headline == english.headline) == (language == "en")


def test_date_and_time_stand_in_words_in_the_prompt() -> None:
    assert parts_for("en").clock_line(NOON) == "(It is Monday, 23 November 2026, 12:05.)"
    assert parts_for("de").clock_line(NOON) == "(Es ist Montag, der 23. November 2026, 12:05 Uhr.)"


def test_a_menu_is_in_the_language_of_the_sentences() -> None:
    menu = menu_of(sentences("de", "schalte das licht ein"))
    assert menu.startswith("Befehle und was sie bedeuten:\n\n")
    assert "was gibt es zum Abendessen => nichts\n" in menu
    assert "none" not in menu


def test_a_country_speaks_as_its_language_does() -> None:
    assert parts_for("de-CH") == parts_for("de")


def test_a_language_without_a_file_has_english_parts() -> None:
    assert parts_for("pt") == parts_for("en")


def test_what_the_operator_declares_is_no_example_of_something_else() -> None:
    menu = menu_of(sentences("en", "close the window"))
    assert "close the window => lamp\n" in menu
    assert "close the window => none" not in menu
    assert "what is for dinner => none" in menu
