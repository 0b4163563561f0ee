"""The words that a command may have beside its content, and those that make it none."""

from __future__ import annotations

import itertools

import pytest

from appliance.text.normalise import words_of
from appliance.text.word_lists import LONGEST_PHRASE, without_article, word_lists_for

LANGUAGES = ("de", "en", "es", "fr", "it", "nl")
KINDS = {"question", "report", "negation", "time", "condition", "reference"}


def content(text: str, language: str = "en") -> list[str]:
    return word_lists_for(language).content(words_of(text), begins=True)


@pytest.mark.parametrize("language", LANGUAGES)
def test_each_language_has_every_kind_of_guard_word_and_none_is_harmless(language: str) -> None:
    lists = word_lists_for(language)
    assert set(lists.guards) == KINDS
    assert all(lists.guards.values())
    assert lists.verbs
    assert lists.nouns
    guards = set(itertools.chain(*lists.guards.values()))
    harmless = {phrase for phrase, meant in lists.meant_by.items() if not meant}
    assert guards & harmless == set()
    assert max(map(len, lists.meant_by)) <= LONGEST_PHRASE


@pytest.mark.parametrize("language", LANGUAGES)
def test_no_word_stands_for_two_others(language: str) -> None:
    lists = word_lists_for(language)
    for phrase, meant in lists.meant_by.items():
        assert lists.content(meant, begins=False) == list(meant), phrase


def test_synonyms_are_one_word_and_harmless_words_are_none() -> None:
    assert content("Could you please activate the lamps?") == ["on", "light"]
    assert content("turn the lights on") == ["light", "on"]
    assert content("extinguish the lamp") == ["off", "light"]


def test_a_verb_says_nothing_only_where_it_begins_a_sentence() -> None:
    assert content("switch the light") == ["light"]
    assert content("the light switch") == ["light", "switch"]


@pytest.mark.parametrize(
    ("one", "other", "language"),
    [
        ("turn on the light", "turn off the light", "en"),
        ("turn it up", "turn it down", "en"),
        ("lock the door", "unlock the door", "en"),
        ("schalte das Licht an", "schalte das Licht aus", "de"),
        ("mach das Fenster auf", "mach das Fenster zu", "de"),
        ("allume la lumière", "éteins la lumière", "fr"),
        ("monte le volet", "baisse le volet", "fr"),
        ("enciende la luz", "apaga la luz", "es"),
        ("accendi la luce", "spegni la luce", "it"),
        ("doe het licht aan", "doe het licht uit", "nl"),
        ("doe het raam open", "doe het raam dicht", "nl"),
    ],
)
def test_opposites_never_say_the_same(one: str, other: str, language: str) -> None:
    assert set(content(one, language)) != set(content(other, language))


def test_a_guard_word_is_found_with_what_it_makes_of_the_sentence() -> None:
    lists = word_lists_for("en")
    assert lists.guard_in(words_of("the light is on")) == ("question", "is")
    assert lists.guard_in(words_of("turn it on tomorrow")) == ("time", "tomorrow")
    assert lists.guard_in(words_of("turn on the light")) is None


def test_a_language_without_a_file_has_no_harmless_words_at_all() -> None:
    assert content("the light", "pt") == ["the", "light"]
    assert word_lists_for("de-CH") is word_lists_for("de-CH")
    assert word_lists_for("de-CH") == word_lists_for("de")


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("turn off the lamp in a bit", "en"),
        ("in a little bit turn off the lamp", "en"),
        ("turn off the lamp in a little", "en"),
        ("mach die Lampe in Kürze aus", "de"),
        ("éteins la lampe tout à l'heure", "fr"),
        ("apaga la lámpara en un rato", "es"),
        ("spegni la lampada fra un attimo", "it"),
        ("doe de lamp zometeen uit", "nl"),
        ("doe de lamp zo meteen uit", "nl"),
        ("doe de lamp dadelijk uit", "nl"),
    ],
)
def test_words_for_soon_say_when(text: str, language: str) -> None:
    lists = word_lists_for(language)
    assert lists.guard_of_kind(content(text, language), "time")


def test_a_little_alone_says_nothing_about_the_time() -> None:
    lists = word_lists_for("en")
    assert not lists.guard_of_kind(content("dim the lamp a little"), "time")
    assert lists.step_in(words_of("a bit brighter")) == ("brightness", 1, True)


@pytest.mark.parametrize(
    ("name", "rest"),
    [
        ("The kitchen", "kitchen"),
        ("La Cuisine", "cuisine"),
        ("L\u2019Entr\u00e9e", "entr\u00e9e"),
        ("Theatre", "theatre"),
        ("The", "the"),
        ("Kid's lamp", "kids lamp"),
    ],
)
def test_an_article_before_a_name_makes_no_other_name(name: str, rest: str) -> None:
    assert without_article(name) == rest
